"""The verbs of `indexer`: everything offline, from a drawn catalogue to a served snapshot.

Progress goes to stderr, data to stdout. Exit codes: 0 fine, 1 failed, 2 wrong usage. Whatever is heavy is imported
by the verb that needs it, so that --help answers at once.
"""

import sys

import typer

from indexer.cli import (
    align_command,
    build_command,
    describe_command,
    evaluate_command,
    evaluate_recommend,
    events_command,
    feedback_command,
    fit_weights_command,
    misfiled_command,
    profiles_command,
    snapshot_commands,
)

app = typer.Typer(
    help="Build, check and publish search indexes of product catalogues.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.command()(build_command.sample)
app.command()(build_command.build)
app.command()(build_command.train)
app.command()(align_command.align)
app.command("fit-weights")(fit_weights_command.fit_weights)
app.command()(misfiled_command.misfiled)
app.command()(describe_command.describe)
app.command("list")(snapshot_commands.list_snapshots)
app.command()(snapshot_commands.report)
app.command()(snapshot_commands.verify)
app.command()(snapshot_commands.publish)
app.command()(snapshot_commands.rollback)
app.command()(snapshot_commands.prune)
evaluate_command.evaluate.command()(evaluate_recommend.recommend)
app.add_typer(evaluate_command.evaluate, name="evaluate")
app.add_typer(events_command.events, name="events")
app.add_typer(feedback_command.feedback, name="feedback")
app.add_typer(profiles_command.profiles, name="profiles")


def main() -> None:
    """Run the command line; a refusal is one line on stderr and exit code 1."""
    from engine.errors import DiptychError

    try:
        app()
    except (DiptychError, OSError) as error:
        typer.echo(f"indexer: {error}", err=True)
        sys.exit(1)
