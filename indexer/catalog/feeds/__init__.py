"""Layouts of product feeds: which column is which field, and how many rows make one product."""
