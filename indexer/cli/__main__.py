"""`python -m indexer.cli`: the `indexer` command."""

from indexer.cli.commands import main

main()
