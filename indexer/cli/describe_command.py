"""`indexer describe`: descriptions of many products as JSON Lines."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.shared_options import OUTPUT, StoreOption
from indexer.cli.writer_options import (
    DESCRIPTIONS,
    WriterImagesOption,
    WriterModelOption,
    WriterOption,
    WriterTimeoutOption,
    WriterUrlOption,
    to_writer,
)

if TYPE_CHECKING:
    from indexer.catalog import Reject
    from indexer.descriptions.catalog_descriptions import DescriptionResult


class StyleName(StrEnum):
    """Style of a description."""

    SHORT = "short"
    LONG = "long"
    BULLETS = "bullets"


def describe(
    store: StoreOption,
    subjects: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CATALOG_OR_ITEM]...", help="Catalogue files, or item_ids of the store."),
    ] = None,
    image: Annotated[list[Path] | None, typer.Option(help="Image file to describe. Repeatable.")] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Describe only those rows of a catalogue that lack a description.")
    ] = False,
    style: Annotated[
        StyleName, typer.Option(help="One sentence, a paragraph, or a list.", rich_help_panel=DESCRIPTIONS)
    ] = StyleName.LONG,
    audience: Annotated[str, typer.Option(help="Target audience, such as parents.", rich_help_panel=DESCRIPTIONS)] = "",
    max_words: Annotated[
        int,
        typer.Option(
            min=0,
            max=1000,
            help="Maximum number of words. 0 uses the limit of the style.",
            rich_help_panel=DESCRIPTIONS,
        ),
    ] = 0,
    writer: WriterOption = "coca",
    writer_url: WriterUrlOption = "",
    writer_model: WriterModelOption = "",
    writer_timeout_s: WriterTimeoutOption = 30.0,
    writer_images: WriterImagesOption = False,
    out: Annotated[
        Path | None, typer.Option(help="File to write to. Defaults to stdout.", rich_help_panel=OUTPUT)
    ] = None,
) -> None:
    """Write descriptions of catalogue rows, items of a store or images, as JSON Lines.

    Descriptions are checked against the known facts; contradictions are corrected or dropped.
    """
    if not subjects and not image:
        raise typer.BadParameter("expected a catalogue, an item_id or --image, got none of them")
    from engine.descriptions.describer import DescribeRequest
    from engine.descriptions.subjects import SnapshotDescribers
    from engine.descriptions.writer import Style, open_writer
    from engine.search.store_searcher import open_searcher
    from indexer.descriptions.catalog_descriptions import (
        DescriptionResult,
        describe_items,
        describe_pictures,
        describe_rows,
    )
    from indexer.output_file import open_output
    from indexer.progress import Reporter

    options = to_writer(writer, writer_url, writer_model, writer_timeout_s, writer_images)
    describers = SnapshotDescribers(open_writer(options))
    request = DescribeRequest(Style(style.value), audience, max_words)
    searcher = open_searcher(store)
    catalogues = [Path(subject) for subject in subjects or () if Path(subject).exists()]
    item_ids = [subject for subject in subjects or () if not Path(subject).exists()]
    skipped = 0

    def describe_all(progress: Reporter) -> "Iterator[DescriptionResult | Reject]":
        yield from describe_items(item_ids, searcher, describers, request)
        yield from describe_pictures(image or [], searcher, describers, request)
        for path in catalogues:
            yield from describe_rows(path, searcher, describers, request, missing, progress)

    with open_output(out) as written, Reporter() as progress:
        for result in describe_all(progress):
            if isinstance(result, DescriptionResult):
                written.write(json.dumps(result.to_json(), ensure_ascii=False) + "\n")
            else:
                skipped += 1
                typer.echo(f"line {result.line} ({result.item_id}): {result.reason}", err=True)
    if skipped:
        typer.echo(f"{skipped} rows skipped", err=True)
