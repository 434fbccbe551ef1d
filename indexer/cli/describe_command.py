"""Descriptions written from the command line, one JSON line each."""

import json
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.shared_options import Stored
from indexer.cli.writer_options import Writer, WriterImages, WriterModel, WriterTimeout, WriterUrl, to_writer

if TYPE_CHECKING:
    from indexer.catalog import Reject
    from indexer.descriptions.catalog_descriptions import DescriptionResult


class StyleName(StrEnum):
    """How a description is written."""

    SHORT = "short"
    LONG = "long"
    BULLETS = "bullets"


def describe(
    store: Stored,
    subjects: Annotated[
        list[str] | None,
        typer.Argument(metavar="[CATALOG_OR_ITEM]...", help="Files of a catalogue, or item_ids of the store."),
    ] = None,
    image: Annotated[list[Path] | None, typer.Option(help="A picture's file; may be repeated.")] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Of a catalogue, only the rows without a description.")
    ] = False,
    style: Annotated[StyleName, typer.Option(help="One sentence, a paragraph, or lines.")] = StyleName.LONG,
    audience: Annotated[str, typer.Option(help="Whom it is written for, such as parents.")] = "",
    max_words: Annotated[int, typer.Option(min=0, max=1000, help="Words at most; 0 is what the style takes.")] = 0,
    out: Annotated[Path | None, typer.Option(help="File to write to instead of stdout.")] = None,
    writer: Writer = "coca",
    writer_url: WriterUrl = "",
    writer_model: WriterModel = "",
    writer_timeout_s: WriterTimeout = 30.0,
    writer_images: WriterImages = False,
) -> None:
    """Write descriptions of a catalogue's rows, of a store's items or of pictures, as JSON Lines.

    Each is held against what is known of the product, and what contradicts it is put right or left out.
    """
    if not subjects and not image:
        raise typer.BadParameter("expected a catalogue, an item_id or --image, got none of them")
    from engine.descriptions.describer import DescribeRequest
    from engine.descriptions.subjects import SnapshotDescribers
    from engine.descriptions.writer import Style, open_writer
    from indexer.descriptions.catalog_descriptions import (
        DescriptionResult,
        describe_items,
        describe_pictures,
        describe_rows,
    )
    from indexer.evaluate.store_searcher import open_searcher
    from indexer.output_file import open_output
    from indexer.progress import Reporter

    options = to_writer(writer, writer_url, writer_model, writer_timeout_s, writer_images)
    describers = SnapshotDescribers(open_writer(options))
    wish = DescribeRequest(Style(style.value), audience, max_words)
    searcher = open_searcher(store)
    catalogues = [Path(subject) for subject in subjects or () if Path(subject).exists()]
    item_ids = [subject for subject in subjects or () if not Path(subject).exists()]
    skipped = 0

    def all_described(progress: Reporter) -> "Iterator[DescriptionResult | Reject]":
        yield from describe_items(item_ids, searcher, describers, wish)
        yield from describe_pictures(image or [], searcher, describers, wish)
        for path in catalogues:
            yield from describe_rows(path, searcher, describers, wish, missing, progress)

    with open_output(out) as written, Reporter() as progress:
        for one in all_described(progress):
            if isinstance(one, DescriptionResult):
                written.write(json.dumps(one.to_json(), ensure_ascii=False) + "\n")
            else:
                skipped += 1
                typer.echo(f"line {one.line} ({one.item_id}): {one.reason}", err=True)
    if skipped:
        typer.echo(f"{skipped} rows were left out", err=True)
