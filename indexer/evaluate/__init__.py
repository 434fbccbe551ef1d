"""What rankings and models are worth, on data of the user's own: one file a question, the measures in `metrics`."""
