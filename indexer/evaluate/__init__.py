"""Evaluation of rankings and models on the user's own data: one module per question."""
