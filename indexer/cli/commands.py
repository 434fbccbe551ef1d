"""The commands of `indexer`: all offline work, from a catalogue to a published snapshot.

Progress and errors go to stderr, data to stdout. Exit codes: 0 success, 1 failure, 2 wrong usage. Commands import heavy
libraries when they run, so that --help is fast.
"""

import sys

import typer

from indexer.cli.align_command import align
from indexer.cli.build_command import build
from indexer.cli.describe_command import describe
from indexer.cli.evaluate_command import evaluate
from indexer.cli.evaluate_recommend_command import recommend
from indexer.cli.events_command import events
from indexer.cli.feedback_command import feedback
from indexer.cli.fit_weights_command import fit_weights
from indexer.cli.inspect_command import inspect
from indexer.cli.misfiled_command import misfiled
from indexer.cli.profiles_command import profiles
from indexer.cli.sample_command import sample
from indexer.cli.snapshot_commands import list_snapshots, prune, publish, report, rollback, verify
from indexer.cli.train_command import train

app = typer.Typer(
    help="Build, check and publish search indexes of product catalogues.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(sample)
app.command()(inspect)
app.command()(build)
app.command()(train)
app.command()(align)
app.command()(fit_weights)
app.command()(misfiled)
app.command()(describe)
app.command("list")(list_snapshots)
app.command()(report)
app.command()(verify)
app.command()(publish)
app.command()(rollback)
app.command()(prune)
evaluate.command()(recommend)
app.add_typer(evaluate, name="evaluate")
app.add_typer(events, name="events")
app.add_typer(feedback, name="feedback")
app.add_typer(profiles, name="profiles")


def main() -> None:
    """Run the command line. An error of the engine becomes one line on stderr and exit code 1."""
    from engine.errors import DiptychError

    try:
        app()
    except (DiptychError, OSError) as error:
        typer.echo(f"indexer: {error}", err=True)
        sys.exit(1)
