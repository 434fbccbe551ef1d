"""Recognize the layout of a feed by its columns, and read it as products with our field names."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.feeds.amazon import AMAZON
from indexer.catalog.feeds.cell_text import to_name
from indexer.catalog.feeds.column_aliases import normalize
from indexer.catalog.feeds.column_names import find_column, find_field, resolve_columns
from indexer.catalog.feeds.column_sample import ColumnSample, Rows
from indexer.catalog.feeds.google_merchant import GOOGLE
from indexer.catalog.feeds.joined_rows import JoinedRows
from indexer.catalog.feeds.layout import FeedLayout
from indexer.catalog.feeds.open_food_facts import OPEN_FOOD_FACTS
from indexer.catalog.feeds.renamed_rows import RenamedRows
from indexer.catalog.feeds.shop_objects import SHOPIFY_OBJECTS, WOOCOMMERCE_OBJECTS
from indexer.catalog.feeds.shopify import SHOPIFY
from indexer.catalog.feeds.squarespace import SQUARESPACE
from indexer.catalog.feeds.woocommerce import WOOCOMMERCE
from indexer.catalog.feeds.wrapped_source import WrappedSource
from indexer.catalog.raw_row import ITEM_ID, VECTOR_COLUMNS, CatalogSource, RawRow

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


@dataclass(frozen=True, slots=True)
class Feed:
    """A file with one row a product.

    Attributes:
        source: Its products.
        requested: The user's names of columns that are still to be applied, column by field.
        rename: Field by column, of the columns that the layout has renamed.
    """

    source: CatalogSource
    requested: Mapping[str, str] = field(default_factory=dict)
    rename: Mapping[str, str] = field(default_factory=dict)

    @property
    def notices(self) -> list[str]:
        """What a person should know about the layout, complete once all rows were read."""
        return self.source.notices() if isinstance(self.source, WrappedSource) else []


def open_feed(
    source: CatalogSource,
    path: Path,
    name: str = AUTO,
    requested: Mapping[str, str] | None = None,
    join_rows: str | None = None,
) -> Feed:
    """Return a file with one row a product.

    The products of a known layout, and joined ones, have our field names; others keep those of the file.

    Args:
        source: The file's rows.
        path: The file, for messages.
        name: "auto" to recognize the layout, "plain" for none, or a name in `FEEDS`.
        requested: Column by field, as the user names them.
        join_rows: Column or field whose equal values make rows one product; layouts are then not recognized.

    Raises:
        InvalidCatalogue: The columns are not those of the layout, or a requested column is missing.
        InvalidSetting: Unknown layout or field, or both a layout and `join_rows`.
    """
    wanted = {find_field(key): column for key, column in (requested or {}).items()}
    columns = source.columns(frozenset(wanted.values()))
    sample = _read_sample(source)
    columns = list(dict.fromkeys([*columns, *(column for row in sample for column in row)]))
    layout = _choose(path, name, columns, join_rows)
    try:
        if layout:
            return _open_layout(source, path, layout, columns, sample, wanted)
        return _open_table(source, columns, sample, wanted, join_rows, joins=name == AUTO)
    except InvalidCatalogue as error:
        raise InvalidCatalogue(f"{path}: {error}") from error


def _choose(path: Path, name: str, columns: list[str], join_rows: str | None) -> FeedLayout | None:
    if name not in (AUTO, PLAIN, *FEEDS):
        raise InvalidSetting(f"expected a format of {', '.join((AUTO, PLAIN, *FEEDS))}, got {name!r}")
    if join_rows and name in FEEDS:
        raise InvalidSetting(f"expected either the format {name!r} or a column to join rows by, got both")
    if join_rows or name == PLAIN:
        return None
    names = frozenset(map(normalize, columns))
    layouts = FEEDS[name] if name in FEEDS else [layout for group in FEEDS.values() for layout in group]
    found = next((layout for layout in layouts if layout.recognizes(names)), None)
    if found is None and name in FEEDS:
        needs = "; or ".join(f"{layout.needs} ({layout.label})" for layout in layouts)
        raise InvalidCatalogue(f"{path}: expected {needs}, got {', '.join(map(repr, columns))}")
    return found


def _open_layout(
    source: CatalogSource, path: Path, layout: FeedLayout, columns: list[str], sample: Rows, wanted: Mapping[str, str]
) -> Feed:
    mapping = resolve_columns(columns, {**layout.requests(columns), **wanted}, sample)
    notice = f"{path.name} is taken for {layout.label}: {layout.effect}; use --format plain if it is not"
    renamed = RenamedRows(source, mapping.rename, mapping.image_columns, [notice])
    names = list(dict.fromkeys(mapping.rename.get(column, column) for column in columns))
    products = layout.open(renamed, names, frozenset(wanted))
    written = {column: to_name(column.removeprefix("g:")) for column in columns if column not in mapping.rename}
    known = set(products.columns(frozenset()))
    others = {column: name for column, name in written.items() if column != name and column not in known}
    return Feed(products, rename={**others, **mapping.rename})


def _open_table(
    source: CatalogSource,
    columns: list[str],
    sample: Rows,
    wanted: Mapping[str, str],
    join_rows: str | None,
    joins: bool,
) -> Feed:
    mapping = resolve_columns(columns, wanted, sample)
    item_id, title = mapping.get_column(ITEM_ID), mapping.get_column("title")
    if not join_rows and joins and ColumnSample(sample).is_continued(item_id, title):
        join_rows = item_id
    if join_rows:
        column = mapping.rename.get(join_rows) or find_column(
            [*dict.fromkeys(mapping.rename.values()), *columns], join_rows, "to join rows by"
        )
        column = mapping.rename.get(column, column)
        notices = [*mapping.notices, f"rows of the same {join_rows} are joined to one product"]
        renamed = RenamedRows(source, mapping.rename, mapping.image_columns, notices)
        return Feed(JoinedRows(renamed, column), rename=mapping.rename)
    vectors = {column: name for column, name in mapping.rename.items() if name in VECTOR_COLUMNS}
    rest = {name: column for name, column in wanted.items() if name not in VECTOR_COLUMNS}
    return Feed(RenamedRows(source, vectors) if vectors else source, rest, vectors)


def _read_sample(source: CatalogSource) -> Rows:
    rows = (row.values for row in source.rows() if isinstance(row, RawRow))
    return [{name: _summarize(value) for name, value in values.items()} for values in islice(rows, _SAMPLE_ROWS)]


def _summarize(value: object) -> object:
    """Return a value to keep in memory: bytes and vectors are long, and only their presence matters."""
    return value if value is None or isinstance(value, (str, int, float, list, dict)) else "..."
