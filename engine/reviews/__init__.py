"""What a snapshot's reviews say about an item, a brand or a category."""
