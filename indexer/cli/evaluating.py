"""What searches, recommendations and models are worth on data of the user's own: `indexer evaluate …`."""

import typer

evaluate = typer.Typer(no_args_is_help=True)


@evaluate.callback()
def measure() -> None:
    """Measure searches, recommendations, feedback or descriptions on your own data."""
