"""`indexer inspect`: what a catalogue's columns are taken for, before anything is built."""

import json
from typing import TYPE_CHECKING

import typer

from indexer.cli.catalog_options import (
    CatalogueArgument,
    DecimalCommaOption,
    EncodingOption,
    FormatOption,
    JoinRowsOption,
    LanguageOption,
    MapOption,
    TypeOption,
    to_read_options,
)
from indexer.cli.shared_options import AsJsonOption, TextTemplateOption

if TYPE_CHECKING:
    from indexer.catalog.inspection import Inspection


def inspect(
    catalogue: CatalogueArgument,
    text: TextTemplateOption = "{title}. {description}",
    columns: MapOption = None,
    types: TypeOption = None,
    export_format: FormatOption = "auto",
    join_rows: JoinRowsOption = None,
    encoding: EncodingOption = None,
    decimal_comma: DecimalCommaOption = None,
    language: LanguageOption = None,
    as_json: AsJsonOption = False,
) -> None:
    """Show how a catalogue would be read: its columns, their types, what they are taken for, and what is odd."""
    from indexer.catalog.inspection import inspect_catalogue
    from indexer.catalog.product import CatalogSpec
    from indexer.progress import Reporter

    options = to_read_options(columns, types, export_format, join_rows, encoding, decimal_comma, language)
    with Reporter() as progress:
        inspection = inspect_catalogue(CatalogSpec(catalogue, text, options=options), progress)
    if as_json:
        typer.echo(json.dumps(inspection.to_json(), ensure_ascii=False, indent=2))
    else:
        _print_table(inspection)


def _print_table(inspection: "Inspection") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    typer.echo(f"{inspection.path}: {inspection.rows:,} rows, {inspection.rejects:,} rejected")
    table = Table("column", "taken for", "type", "present", "examples", "odd", box=None, pad_edge=False)
    for column in inspection.columns:
        cells = (
            column.source,
            column.taken_for,
            column.type,
            f"{column.present:.0%}",
            " | ".join(column.examples),
            "; ".join(column.odd),
        )
        table.add_row(*(Text(cell) for cell in cells))
    console = Console()
    console.print(table)
    for sentence in inspection.notices:
        console.print(f"notice: {sentence}", markup=False, highlight=False)
    for record in inspection.reasons:
        console.print(f"{record.count} x {record.example}", markup=False, highlight=False)
