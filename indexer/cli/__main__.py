"""`python -m indexer.cli` is the `indexer` command."""

from indexer.cli.commands import main

main()
