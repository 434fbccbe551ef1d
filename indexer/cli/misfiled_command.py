"""`indexer misfiled`: items in the wrong category."""

import json
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.shared_options import OUTPUT, AsJsonOption, StoreOption


def misfiled(
    store: StoreOption,
    field: Annotated[str, typer.Option(help="Column of the category.")] = "category",
    confidence: Annotated[
        float, typer.Option(min=0, max=1, help="Minimum probability that a reported item is misfiled.")
    ] = 0.5,
    out: Annotated[
        Path | None, typer.Option(help="JSON Lines file to write the items to.", rich_help_panel=OUTPUT)
    ] = None,
    as_json: AsJsonOption = False,
) -> None:
    """Find items whose image and text fit another category better than their own.

    The probability is calibrated on the catalogue itself, by moving some of its items to wrong categories.
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
        f"{len(found.suspects)} of {found.judged} items seem misfiled, {found.left_out} skipped; "
        f"{found.categories} categories, {found.accuracy:.1%} of the items best match their own"
    )
    for suspect in found.suspects:
        categories = f"{suspect.filed_under} -> {suspect.looks_like}"
        typer.echo(f"  {suspect.item_id}  {categories}  {suspect.confidence:.2f}  {suspect.title}")
