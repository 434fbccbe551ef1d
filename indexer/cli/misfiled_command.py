"""Items in the wrong category: `indexer misfiled`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.shared_options import AsJson, Stored


def misfiled(
    store: Stored,
    field: Annotated[str, typer.Option(help="Column that files the items.")] = "category",
    confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Report items that are misfiled with at least this probability.")
    ] = 0.5,
    out: Annotated[Path | None, typer.Option(help="Write the items as JSON Lines here.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find items whose pictures and texts say another category than the one they are filed under.

    The probability is learnt on the catalogue itself, by filing some of its items wrongly on purpose.
    """
    from engine.snapshot.snapshot import open_snapshot
    from engine.snapshot.store import Store
    from indexer.misfiled.suspects import find
    from indexer.progress import Reporter

    opened = Store(store)
    with Reporter() as progress:
        found = find(open_snapshot(opened, opened.require_current()), field, progress, confidence)
    if out is not None:
        lines = [json.dumps(suspect._asdict(), ensure_ascii=False) + "\n" for suspect in found.suspects]
        out.write_text("".join(lines), encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(found.to_json(), ensure_ascii=False))
        return
    typer.echo(
        f"{len(found.suspects)} of {found.judged} items look misfiled; {found.left_out} were not judged; "
        f"{found.categories} categories, {found.accuracy:.1%} of the items look like their own"
    )
    for suspect in found.suspects:
        both = f"{suspect.filed_under} -> {suspect.looks_like}"
        typer.echo(f"  {suspect.item_id}  {both}  {suspect.confidence:.2f}  {suspect.title}")
