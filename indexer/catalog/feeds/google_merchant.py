"""Google Merchant feeds: one row an item, attributes with or without the prefix `g:`."""

from indexer.catalog.feeds.cell_text import is_blank, to_list, to_name
from indexer.catalog.feeds.column_aliases import FIELDS, to_names
from indexer.catalog.feeds.converted_rows import ConvertedRows, Values
from indexer.catalog.feeds.layout import FeedLayout

_SIGNS = to_names(
    "link, image link, additional image link, availability, condition, google product category, gtin, mpn, "
    "item group id, identifier exists, product type, sale price, shipping, age group, mobile link, custom label 0"
)
_CATEGORY = "google_product_category"


def _convert(values: Values) -> Values:
    product = {name if name in FIELDS else to_name(name.removeprefix("g:")): value for name, value in values.items()}
    if isinstance(product.get("images"), str):
        product["images"] = to_list(product["images"])
    if is_blank(product.get("category")) and not is_blank(product.get(_CATEGORY)):
        product["category"] = product[_CATEGORY]
    return product


GOOGLE = FeedLayout(
    label="a Google Merchant feed",
    effect="attributes are read without their prefix",
    needs="id, title, and at least three of link, image_link, availability, condition, gtin and the like",
    recognizes=lambda names: {"id", "title"} <= names and len(names & _SIGNS) >= 3,
    open=lambda source, columns, given: ConvertedRows(source, _convert),
)
"""Google's feed as a table or XML; Facebook's catalogues have the same columns."""
