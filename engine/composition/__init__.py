"""Composed queries: a picture or an item of the catalogue, and a text that changes it."""
