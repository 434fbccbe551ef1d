"""The verbs of `indexer`: everything offline, from a drawn catalogue to a served snapshot.

Progress goes to stderr, data to stdout. Exit codes: 0 fine, 1 failed, 2 wrong usage. Whatever is heavy is imported
by the verb that needs it, so that --help answers at once.
"""

import sys

import typer

from indexer.cli import (
    building,
    describing,
    evaluating,
    filing,
    profiling,
    recommending,
    reviewing,
    shopping,
    storing,
    weighing,
)

app = typer.Typer(
    help="Build, check and publish search indexes of product catalogues.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(building.sample)
app.command()(building.build)
app.command()(building.train)
app.command("fit-weights")(weighing.fit_weights)
app.command()(filing.misfiled)
app.command()(describing.describe)
app.command("list")(storing.list_snapshots)
app.command()(storing.report)
app.command()(storing.verify)
app.command()(storing.publish)
app.command()(storing.rollback)
app.command()(storing.prune)
evaluating.evaluate.command()(recommending.recommend)
app.add_typer(evaluating.evaluate, name="evaluate")
app.add_typer(shopping.events, name="events")
app.add_typer(reviewing.feedback, name="feedback")
app.add_typer(profiling.profiles, name="profiles")


def main() -> None:
    """Run the command line; a refusal is one line on stderr and exit code 1."""
    from engine.errors import DiptychError

    try:
        app()
    except (DiptychError, OSError) as error:
        typer.echo(f"indexer: {error}", err=True)
        sys.exit(1)
