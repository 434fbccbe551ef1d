"""A snapshot on disk: its store, manifest and tables, read-only."""
