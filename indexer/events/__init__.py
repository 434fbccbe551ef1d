"""Shoppers' events: read from files, imported into the log, and as columns that models learn from."""
