"""What blocks weigh and what signals add in a request that says nothing of it, learnt from judgments or events."""
