"""Conversion between messages and domain values."""
