"""Shopify's product export: a product spans a row for each variant and each image."""

import re
from collections.abc import Mapping, Sequence

from engine.catalog.number_text import parse_number
from engine.catalog.price_text import parse_price
from indexer.catalog.feeds.column_aliases import fold
from indexer.catalog.feeds.joined_rows import Values, is_blank

HANDLE = "handle"
_MARKS = ("option1value", "variantsku", "variantprice", "option1name")
_OPTIONS = (1, 2, 3)
_IMAGE_SRC = ("imagesrc", "productimageurl", "image")
_PRICES = ("price", "compare_at_price", "cost_per_item")
_NUMBERS = ("grams", "inventory_qty", "inventory_quantity", "weight")
_ROW_COLUMNS = frozenset({"imageposition", "imagealttext", "variantimage", *_IMAGE_SRC})
_WORD = re.compile(r"[^0-9a-z]+")


def is_shopify(columns: Sequence[str]) -> bool:
    """Return whether columns are those of a Shopify export."""
    folded = set(map(fold, columns))
    return len(folded & set(_MARKS)) >= 2 and bool(folded & {HANDLE, "itemid", "urlhandle"})


class ShopifyJoin:
    """Joins the rows of one handle: the first row's fields, all rows' images, and the variants as a list."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._names = {fold(column): column for column in columns}
        self._variant_columns = {
            column: _WORD.sub("_", column.lower().removeprefix("variant ")).strip("_")
            for column in columns
            if fold(column).startswith("variant") and fold(column) != "variantimage"
        }
        options = {fold(f"option{number} {part}") for number in _OPTIONS for part in ("name", "value", "linkedto")}
        self._dropped = {
            column for column in columns if fold(column) in options | _ROW_COLUMNS or column in self._variant_columns
        }

    @property
    def key(self) -> str:
        """The column whose values rows of one product share."""
        return next(self._names[name] for name in (HANDLE, "urlhandle", "itemid") if name in self._names)

    @property
    def columns(self) -> list[str]:
        """The columns of a product."""
        kept = [column for column in self._names.values() if column not in self._dropped]
        return [*kept, *(name for name in ("price", "compare_at_price", "images", "variants") if name not in kept)]

    def __call__(self, rows: Sequence[Values]) -> dict[str, object]:
        """Return the values of a product."""
        values = {name: value for name, value in rows[0].items() if name not in self._dropped}
        for row in rows[1:]:
            for name, value in row.items():
                if name not in self._dropped and not is_blank(value):
                    values.setdefault(name, value)
        if images := self._images(rows):
            values["images"] = images
        names = [self._cell(rows[0], f"option{number}name") for number in _OPTIONS]
        variants = [variant for row in rows if (variant := self._variant(row, names))]
        if variants:
            values["variants"] = variants
            for name in ("price", "compare_at_price"):
                if name not in values and variants[0].get(name) is not None:
                    values[name] = variants[0][name]
        tags = values.get(self._names.get("tags", "Tags"))
        if isinstance(tags, str):
            values[self._names["tags"]] = [tag for part in tags.split(",") if (tag := part.strip())]
        return values

    def _cell(self, row: Values, name: str) -> str:
        value = row.get(self._names.get(name, ""), "")
        return value.strip() if isinstance(value, str) else ""

    def _images(self, rows: Sequence[Values]) -> list[str]:
        placed = []
        for index, row in enumerate(rows):
            name = next((cell for column in _IMAGE_SRC if (cell := self._cell(row, column))), "")
            position = self._cell(row, "imageposition")
            if name:
                placed.append((int(position) if position.isdecimal() else index + 1, index, name))
        return list(dict.fromkeys(name for _, _, name in sorted(placed)))

    def _variant(self, row: Values, names: Sequence[str]) -> dict[str, object]:
        """Return what a row says of a variant, empty for a row that only has an image."""
        variant: dict[str, object] = {}
        for number, name in zip(_OPTIONS, names, strict=True):
            option = self._cell(row, f"option{number}value")
            if name and option and (name, option) != ("Title", "Default Title"):
                variant[name] = option
        is_variant = any(self._cell(row, f"option{number}value") for number in _OPTIONS)
        for column, name in self._variant_columns.items():
            value = row.get(column)
            if not is_blank(value):
                variant[name] = _to_value(name, str(value).strip().removeprefix("'"))
                is_variant = True
        if is_variant and "price" not in variant and self._cell(row, "price"):
            variant["price"] = _to_value("price", self._cell(row, "price"))
        return variant if is_variant else {}


def add_price(values: Mapping[str, object]) -> dict[str, object]:
    """Return a product of Shopify's JSON with the price of its first variant, where it has none itself."""
    variants = values.get("variants")
    first = variants[0] if isinstance(variants, list) and variants else None
    if "price" in values or not isinstance(first, Mapping) or is_blank(first.get("price")):
        return dict(values)
    return {**values, "price": first["price"]}


def _to_value(name: str, text: str) -> object:
    if name in _PRICES:
        price = parse_price(text)
        return text if price is None else price.amount
    if name in _NUMBERS:
        number = parse_number(text)
        return text if number is None else number
    return text
