"""Catalogue formats, one module each."""
