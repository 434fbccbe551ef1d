"""Squarespace's product export: the rows of further variants leave the product's id and title empty."""

from collections.abc import Iterator, Sequence

from indexer.catalog.feeds.cell_text import is_blank
from indexer.catalog.feeds.column_aliases import normalize
from indexer.catalog.feeds.joined_rows import JoinedRows
from indexer.catalog.feeds.layout import FeedLayout
from indexer.catalog.feeds.wrapped_source import WrappedSource
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import ITEM_ID, RawRow

_PRODUCT_ID = "productidnoneditable"
_VARIANT_ID = "variantidnoneditable"


class _FilledRows(WrappedSource):
    """A source whose rows without id and title have the id of the row above; picture lists are split at blanks."""

    def columns(self, wanted: frozenset[str]) -> list[str]:
        return self._source.columns(wanted)

    def rows(self) -> Iterator[RawRow | Reject]:
        item_id: object = None
        for row in self._source.rows():
            if isinstance(row, Reject):
                yield row
                continue
            values = dict(row.values)
            if is_blank(values.get(ITEM_ID)) and is_blank(values.get("title")) and item_id is not None:
                values[ITEM_ID] = item_id
            item_id = values.get(ITEM_ID)
            if isinstance(images := values.get("images"), str):
                values["images"] = images.split()
            yield RawRow(row.line, values)


def _requests(columns: Sequence[str]) -> dict[str, str]:
    return {ITEM_ID: next(column for column in columns if normalize(column) == _PRODUCT_ID)}


SQUARESPACE = FeedLayout(
    label="a Squarespace export",
    effect="variants are part of their product",
    needs="Product ID [Non Editable], Variant ID [Non Editable] and Title",
    recognizes=lambda names: {_PRODUCT_ID, _VARIANT_ID, "title"} <= names,
    open=lambda source, columns, given: JoinedRows(_FilledRows(source), ITEM_ID),
    requests=_requests,
)
"""Squarespace's CSV export."""
