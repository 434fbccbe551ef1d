"""`python -m engine.cli`: the `engine` command."""

from engine.cli.commands import main

main()
