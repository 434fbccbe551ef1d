"""Descriptions for whole catalogues."""
