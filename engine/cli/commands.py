"""The commands of `engine`: serve a store, search it, and check the installation.

Progress and errors go to stderr, data to stdout. Exit codes: 0 success, 1 failure, 2 wrong usage. Commands import heavy
libraries when they run, so that --help is fast.
"""

import sys

import typer

from engine.cli.describe_command import describe
from engine.cli.doctor_command import doctor
from engine.cli.feedback_command import feedback
from engine.cli.profile_command import profile
from engine.cli.query_command import query
from engine.cli.recommend_command import recommend
from engine.cli.serve_command import serve
from engine.cli.sheet_command import sheet

app = typer.Typer(
    help="Serve and search product catalogues.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for command in (serve, query, recommend, profile, feedback, describe, sheet, doctor):
    app.command()(command)


def main() -> None:
    """Run the command line. An error of the engine becomes one line on stderr and exit code 1."""
    from engine.errors import DiptychError

    try:
        app()
    except (DiptychError, OSError) as error:
        field = getattr(error, "field", "")
        typer.echo(f"engine: {field}: {error}" if field else f"engine: {error}", err=True)
        sys.exit(1)
