"""Open Food Facts: a row a barcode, categories between commas, hundreds of nutrients."""

from collections.abc import Sequence

from indexer.catalog.feeds.cell_text import is_blank, to_list
from indexer.catalog.feeds.column_aliases import normalize, to_names
from indexer.catalog.feeds.converted_rows import ConvertedRows, Values
from indexer.catalog.feeds.layout import FeedLayout

_SIGNS = to_names(
    "creator, created_t, last_modified_t, brands, categories, countries, countries_en, nutriscore_grade, quantity, "
    "ingredients_text, energy_100g, sugars_100g, states, image_front_url, nutriments, ecoscore_grade"
)
_FIELDS = {"item_id": "code", "title": "productname", "description": "genericname", "image": "imageurl"}
_LISTS = ("category", "labels", "countries_en", "categories_en")


def _convert(values: Values) -> Values:
    product = dict(values)
    for name in _LISTS:
        if isinstance(product.get(name), str):
            product[name] = to_list(product[name])
    if is_blank(product.get("title")) and not is_blank(product.get("description")):
        product["title"] = product["description"]
    if isinstance(product.get("images"), dict):
        # The JSON dump describes uploads here, which are no addresses.
        product["image_uploads"] = product.pop("images")
    return product


def _requests(columns: Sequence[str]) -> dict[str, str]:
    plain = {normalize(column): column for column in columns}
    return {field: plain[name] for field, name in _FIELDS.items() if name in plain and normalize(field) not in plain}


OPEN_FOOD_FACTS = FeedLayout(
    label="an Open Food Facts export",
    effect="the barcode is the id, and categories are lists",
    needs="code, product_name, and at least three of creator, brands, categories, countries and the like",
    recognizes=lambda names: {"code", "productname"} <= names and len(names & _SIGNS) >= 3,
    open=lambda source, columns, given: ConvertedRows(source, _convert),
    requests=_requests,
)
"""The exports of openfoodfacts.org and its sister projects."""
