"""The `engine` command."""

from engine.cli.commands import app, main

__all__ = ["app", "main"]
