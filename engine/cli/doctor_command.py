"""`engine doctor`: whether this machine can run the engine."""

import json
from pathlib import Path
from typing import Annotated

import typer


def doctor(
    store: Annotated[Path | None, typer.Option(help="Folder of a store to check as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line for each check.")] = False,
) -> None:
    """Check the installation, model, GPU and store. Exits with 1 if a check fails."""
    from engine.cli.installation import check_installation

    passed = True
    for check in check_installation(store):
        passed &= check.passed
        if as_json:
            typer.echo(json.dumps({"what": check.subject, "fine": check.passed, "found": check.message}))
        else:
            typer.echo(f"{'ok ' if check.passed else 'BAD'}  {check.subject}: {check.message}")
    if not passed:
        raise typer.Exit(1)
