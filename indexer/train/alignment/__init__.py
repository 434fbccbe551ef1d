"""Alignment of an image classifier and a sentence model into one open_clip model, through the names of the classes."""
