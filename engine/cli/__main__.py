"""`python -m engine.cli` is the `engine` command."""

from engine.cli.commands import main

main()
