"""A snapshot on disk: its store, manifest and tables, opened read-only."""
