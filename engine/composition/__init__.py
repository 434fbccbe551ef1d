"""Composed queries: an image or an item of the catalogue, with a text that changes it."""
