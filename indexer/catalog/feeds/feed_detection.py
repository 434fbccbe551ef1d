"""Recognize the layout of a feed by its columns, and read it as products with our field names."""

from collections.abc import Mapping
from itertools import islice
from pathlib import Path

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.feeds.amazon import AMAZON
from indexer.catalog.feeds.column_names import ColumnMapping, find_column, find_field, resolve_columns
from indexer.catalog.feeds.column_sample import ColumnSample, Rows
from indexer.catalog.feeds.google_merchant import GOOGLE
from indexer.catalog.feeds.joined_rows import JoinedRows
from indexer.catalog.feeds.known_names import normalize
from indexer.catalog.feeds.layout import Layout
from indexer.catalog.feeds.open_food_facts import OPEN_FOOD_FACTS
from indexer.catalog.feeds.renamed_rows import RenamedRows
from indexer.catalog.feeds.shop_objects import SHOPIFY_OBJECTS, WOOCOMMERCE_OBJECTS
from indexer.catalog.feeds.shopify import SHOPIFY
from indexer.catalog.feeds.squarespace import SQUARESPACE
from indexer.catalog.feeds.woocommerce import WOOCOMMERCE
from indexer.catalog.raw_row import CatalogSource, RawRow

AUTO = "auto"
PLAIN = "plain"

_SAMPLE_ROWS = 300


FEEDS = {
    "shopify": (SHOPIFY, SHOPIFY_OBJECTS),
    "woocommerce": (WOOCOMMERCE, WOOCOMMERCE_OBJECTS),
    "squarespace": (SQUARESPACE,),
    "openfoodfacts": (OPEN_FOOD_FACTS,),
    "amazon": (AMAZON,),
    "google": (GOOGLE,),
}
"""Layouts by the name of their format; a file is of the first that recognizes it."""


def open_feed(
    source: CatalogSource,
    path: Path,
    format: str = AUTO,
    requested: Mapping[str, str] | None = None,
    join_rows: str | None = None,
) -> tuple[CatalogSource, ColumnMapping]:
    """Return the products of a file under our field names, and which column is which field.

    Args:
        source: The file's rows.
        path: The file, for messages.
        format: "auto" to recognize the layout, "plain" for none, or a name in `FEEDS`.
        requested: Column by field, as the user names them.
        join_rows: Column whose equal values make rows one product; layouts are then not recognized.

    Raises:
        InvalidCatalogue: The columns are not those of `format`, a requested column is missing, or none has the ids.
        InvalidSetting: Unknown format or field, or both a layout and `join_rows`.
    """
    requested = dict(requested or {})
    sample = _read_sample(source)
    columns = list(dict.fromkeys([*source.columns(frozenset()), *(name for row in sample for name in row)]))
    layout = _choose(path, format, columns, join_rows)
    try:
        return _open(source, path, columns, sample, layout, requested, join_rows)
    except InvalidCatalogue as error:
        raise InvalidCatalogue(str(error) if str(path) in str(error) else f"{path}: {error}") from error


def _choose(path: Path, format: str, columns: list[str], join_rows: str | None) -> Layout | None:
    if format not in (AUTO, PLAIN, *FEEDS):
        raise InvalidSetting(f"expected one of {', '.join((AUTO, PLAIN, *FEEDS))}, got {format!r}")
    if join_rows and format in FEEDS:
        raise InvalidSetting(f"expected either the format {format!r} or a column to join rows by, got both")
    if join_rows or format == PLAIN:
        return None
    names = frozenset(map(normalize, columns))
    layouts = FEEDS[format] if format in FEEDS else [layout for group in FEEDS.values() for layout in group]
    found = next((layout for layout in layouts if layout.recognizes(names)), None)
    if found is None and format in FEEDS:
        needs = "; or ".join(f"{layout.needs} ({layout.label.partition(':')[0]})" for layout in layouts)
        raise InvalidCatalogue(f"{path}: expected {needs}, got {', '.join(map(repr, columns))}")
    return found


def _open(
    source: CatalogSource,
    path: Path,
    columns: list[str],
    sample: Rows,
    layout: Layout | None,
    requested: Mapping[str, str],
    join_rows: str | None,
) -> tuple[CatalogSource, ColumnMapping]:
    given = {find_field(name): column for name, column in requested.items()}
    wanted = (layout.requests(columns) if layout else {}) | given
    mapping = resolve_columns(columns, wanted, sample)
    mapping.check(path)
    if layout:
        mapping.notices[:] = [f"{path.name} is read as {layout.label}"]
    renamed = RenamedRows(source, mapping)
    names = renamed.columns(frozenset())
    if layout:
        return layout.open(renamed, names, frozenset(given)), mapping
    if join_rows:
        return JoinedRows(renamed, _find_join_column(names, mapping, join_rows)), mapping
    if ColumnSample(sample).is_continued(mapping.get_column("item_id"), mapping.get_column("title")):
        mapping.notices.append("rows that repeat an item_id without a title belong to the same product")
        return JoinedRows(renamed, "item_id"), mapping
    return renamed, mapping


def _find_join_column(names: list[str], mapping: ColumnMapping, join_rows: str) -> str:
    """Return the column to join by under its name after renaming, given as column or field."""
    column = find_column([*names, *mapping.columns], join_rows, "to join rows by")
    return mapping.rename.get(column, column)


def _read_sample(source: CatalogSource) -> Rows:
    rows = (row.values for row in source.rows() if isinstance(row, RawRow))
    return [{name: _summarize(value) for name, value in values.items()} for values in islice(rows, _SAMPLE_ROWS)]


def _summarize(value: object) -> object:
    """Return a value to keep in memory: bytes and vectors are long, and only their presence matters."""
    return value if value is None or isinstance(value, (str, int, float, list, dict)) else "..."
