"""Joins an image classifier and a sentence model into one open_clip model, by the names of the classifier's classes."""
