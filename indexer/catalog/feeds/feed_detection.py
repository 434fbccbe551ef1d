"""What layout an export has: recognised by its columns, or named by a person."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.feeds.column_aliases import fold
from indexer.catalog.feeds.column_names import resolve_columns
from indexer.catalog.feeds.joined_rows import JoinByColumn, JoinedRows, Values, column_key
from indexer.catalog.feeds.shopify import ShopifyJoin, add_price, is_shopify
from indexer.catalog.feeds.woocommerce import WooCommerceJoin, is_woocommerce
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import CatalogSource, RawRow

AUTO, PLAIN = "auto", "plain"


@dataclass(frozen=True, slots=True)
class Feed:
    """An export with one row a product, and sentences about what it was taken for."""

    source: CatalogSource
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FeedFormat:
    """A layout of exports.

    Attributes:
        title: What messages call it.
        matches: Whether columns are those of such an export.
        open: Returns the source with one row a product.
    """

    title: str
    matches: Callable[[Sequence[str]], bool]
    open: Callable[[CatalogSource, Sequence[str]], CatalogSource]


def open_feed(
    source: CatalogSource, path: Path, name: str, requested: Mapping[str, str], join_rows: str | None
) -> Feed:
    """Return an export with one row a product.

    Args:
        source: The rows as the file has them.
        path: The file, for messages.
        name: Name of its layout, "auto" to recognise it.
        requested: Field to the column that a person named for it.
        join_rows: Column whose equal values mark the rows of one product; None to leave that to the layout.

    Raises:
        InvalidSetting: There is no such layout.
        InvalidCatalogue: The file lacks the columns of the layout, or the column to join by.
    """
    if name not in (AUTO, PLAIN, *FEEDS):
        raise InvalidSetting(f"expected a format of {', '.join((AUTO, PLAIN, *FEEDS))}, got {name!r}")
    columns = source.columns(frozenset())
    if join_rows is not None:
        return _join_by_column(source, path, columns, requested, join_rows)
    if name == AUTO:
        name = next((feed for feed, layout in FEEDS.items() if layout.matches(columns)), PLAIN)
    if name == PLAIN:
        return Feed(source)
    layout = FEEDS[name]
    if not layout.matches(columns):
        raise InvalidCatalogue(
            f"{path}: expected the columns of {layout.title}, got {', '.join(map(repr, columns)) or 'none'}"
        )
    return Feed(layout.open(source, columns), (f"taken for {layout.title}; use --format plain if it is not",))


def _join_by_column(
    source: CatalogSource, path: Path, columns: Sequence[str], requested: Mapping[str, str], join_rows: str
) -> Feed:
    column = next((name for name in columns if name == join_rows or fold(name) == fold(join_rows)), None)
    if column is None:
        named = {name for name, field in resolve_columns(columns, requested).rename.items() if field == join_rows}
        column = next(iter(named), None)
    if column is None:
        raise InvalidCatalogue(
            f"{path} has no column {join_rows!r} to join by: the columns are {', '.join(map(repr, columns))}"
        )
    images = resolve_columns(columns, requested).image_columns
    joined = JoinedRows(source, column_key(column), JoinByColumn(images), [*columns, "variants"])
    return Feed(joined, (f"rows with the same {column} are joined",))


class _EachRow:
    """A source whose rows are changed one by one."""

    def __init__(self, source: CatalogSource, change: Callable[[Values], dict[str, object]]) -> None:
        self.folder = source.folder
        self._source = source
        self._change = change

    def columns(self, wanted: frozenset[str]) -> list[str]:
        return self._source.columns(wanted)

    def rows(self) -> Iterator[RawRow | Reject]:
        for row in self._source.rows():
            yield row if isinstance(row, Reject) else RawRow(row.line, self._change(row.values))


def _open_shopify(source: CatalogSource, columns: Sequence[str]) -> CatalogSource:
    join = ShopifyJoin(columns)
    return JoinedRows(source, column_key(join.key), join, join.columns)


def _open_woocommerce(source: CatalogSource, columns: Sequence[str]) -> CatalogSource:
    join = WooCommerceJoin(columns)
    return JoinedRows(source, join.key, join, join.columns)


def _as_it_is(source: CatalogSource, columns: Sequence[str]) -> CatalogSource:
    return source


def _has(*names: str) -> Callable[[Sequence[str]], bool]:
    return lambda columns: set(names) <= set(map(fold, columns))


FEEDS: Mapping[str, FeedFormat] = {
    "shopify": FeedFormat("a Shopify export", is_shopify, _open_shopify),
    "shopify-json": FeedFormat(
        "Shopify's JSON", _has("bodyhtml", "variants", "vendor"), lambda source, columns: _EachRow(source, add_price)
    ),
    "woocommerce": FeedFormat("a WooCommerce export", is_woocommerce, _open_woocommerce),
    "google": FeedFormat("a Google Merchant feed", _has("id", "title", "link", "imagelink"), _as_it_is),
    "amazon": FeedFormat("a listing of Amazon", _has("itemid", "itemname", "bulletpoint"), _as_it_is),
    "openfoodfacts": FeedFormat("Open Food Facts", _has("code", "productname", "creator"), _as_it_is),
}
"""The layouts by the name that --format takes; the first that matches is taken."""
