"""Answering a query on one snapshot and the live changes on top of it."""
