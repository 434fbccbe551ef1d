"""Options of the commands that read a catalogue: how its file is read, where the file leaves that open."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.option_values import to_columns
from indexer.cli.shared_options import CATALOGUE

if TYPE_CHECKING:
    from indexer.catalog.product import ReadOptions

CatalogueArgument = Annotated[
    Path,
    typer.Argument(
        help="CSV, TSV, JSON, JSON Lines, XML, Excel or Parquet file (.gz or .zip too), a folder of Parquet files, or "
        "a folder of images.",
        show_default=False,
    ),
]
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        help="Layout of the export: auto, plain, shopify, woocommerce, google, amazon or openfoodfacts.",
        rich_help_panel=CATALOGUE,
    ),
]
MapOption = Annotated[
    list[str] | None,
    typer.Option(
        "--map",
        metavar="FIELD=COLUMN",
        help="Column of a field, such as title=Name. Repeatable.",
        rich_help_panel=CATALOGUE,
    ),
]
TypeOption = Annotated[
    list[str] | None,
    typer.Option(
        "--type",
        metavar="COLUMN=TYPE",
        help="Type of a column: text, number, price, boolean or date. By default, its values decide. Repeatable.",
        rich_help_panel=CATALOGUE,
    ),
]
JoinRowsOption = Annotated[
    str | None,
    typer.Option(
        "--join-rows",
        metavar="COLUMN",
        help="Join the rows that have the same value in this column to one product.",
        rich_help_panel=CATALOGUE,
    ),
]
EncodingOption = Annotated[
    str | None,
    typer.Option(
        "--encoding", help="Encoding of a text file, such as cp1252. By default, detected.", rich_help_panel=CATALOGUE
    ),
]
DecimalCommaOption = Annotated[
    bool | None,
    typer.Option(
        "--decimal-comma/--decimal-point",
        help="Decimal sign of the numbers. By default, the values of each column decide.",
        rich_help_panel=CATALOGUE,
        show_default=False,
    ),
]
LanguageOption = Annotated[
    str | None,
    typer.Option(
        "--language",
        help="Language to take where a value comes in several, such as en. By default, all of them.",
        rich_help_panel=CATALOGUE,
    ),
]


def to_read_options(
    column_names: list[str] | None,
    column_types: list[str] | None,
    export_format: str,
    join_rows: str | None,
    encoding: str | None,
    decimal_comma: bool | None,
    language: str | None,
) -> "ReadOptions":
    """Return the options as the reader takes them. Raises BadParameter."""
    from engine.catalog.column_rule import ColumnType
    from indexer.catalog.product import ReadOptions

    types = {}
    known = [kind.value for kind in ColumnType]
    for column, name in to_columns(column_types, "--type").items():
        if name not in known:
            raise typer.BadParameter(f"expected one of {', '.join(known)}, got {name!r}", param_hint="--type")
        types[column] = ColumnType(name)
    return ReadOptions(
        format=export_format,
        column_names=to_columns(column_names, "--map"),
        column_types=types,
        join_rows=join_rows,
        encoding=encoding,
        decimal_comma=decimal_comma,
        language=language,
    )
