"""Amazon's flat files: one row an item, with bullet points in numbered columns."""

import re

from indexer.catalog.feeds.cell_text import is_blank
from indexer.catalog.feeds.column_aliases import normalize, to_names
from indexer.catalog.feeds.converted_rows import ConvertedRows, Values
from indexer.catalog.feeds.layout import FeedLayout

_BULLET = re.compile(r"bulletpoints?\d+")
_SIGNS = to_names(
    "external product id, external product id type, feed product type, standard price, main image url, bullet point1, "
    "bullet point 1, bullet_point_1, other image url1, parent child, parent sku, relationship type, variation theme, "
    "item type, asin1, listing id, open date"
)


def _convert(values: Values) -> Values:
    bullets = [name for name in values if _BULLET.fullmatch(normalize(name))]
    product = {name: value for name, value in values.items() if name not in bullets}
    points = [values[name] for name in bullets if not is_blank(values[name])]
    if points:
        product["bullet_points"] = points
        if is_blank(product.get("description")):
            product["description"] = " ".join(map(str, points))
    return product


def _recognizes(names: frozenset[str]) -> bool:
    has_id = not names.isdisjoint({"itemsku", "sku", "sellersku", "asin", "asin1"})
    return has_id and "itemname" in names and len(names & _SIGNS) >= 2


AMAZON = FeedLayout(
    label="an Amazon listing file",
    effect="bullet points are one list",
    needs="item_sku, item_name, and at least two of external_product_id, standard_price, bullet_point1 and the like",
    recognizes=_recognizes,
    open=lambda source, columns, given: ConvertedRows(source, _convert, ["bullet_points", "description"]),
)
"""Amazon's flat file of listings."""
