"""The `indexer` command."""

from indexer.cli.commands import app, main

__all__ = ["app", "main"]
