"""`indexer sample`: a generated demo catalogue."""

from pathlib import Path
from typing import Annotated

import typer


def sample(
    directory: Annotated[Path, typer.Argument(help="Folder to write to. Created if it does not exist.")],
    items: Annotated[int, typer.Option(help="Number of products.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed; the same seed generates the same catalogue.")] = 7,
) -> None:
    """Generate a demo catalogue: images, texts, prices, reviews and shoppers' events."""
    from functools import partial

    from indexer.progress import Reporter
    from indexer.sample import write

    with Reporter() as progress:
        summary = write(directory, items, seed, partial(progress, "draw"))
    typer.echo(
        f"{summary.items} items, {summary.reviews} reviews and {summary.events} events of {summary.shoppers} shoppers "
        f"in {directory}: catalog.jsonl, reviews.jsonl, events.jsonl, contact_sheet.png"
    )
