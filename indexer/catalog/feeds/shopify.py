"""Shopify's product export: a product is several rows of the same handle, one for each variant and each picture."""

import re
from collections.abc import Iterator, Mapping, Sequence

from indexer.catalog.feeds.cell_text import is_blank, to_flag, to_key, to_list, to_name, to_number, to_plain_number
from indexer.catalog.feeds.column_aliases import normalize, to_names
from indexer.catalog.feeds.grouped_rows import GroupedRows
from indexer.catalog.feeds.joined_rows import VARIANTS, collect_images, deduplicate, first_values
from indexer.catalog.feeds.layout import FeedLayout
from indexer.catalog.feeds.product_status import ProductStatus
from indexer.catalog.feeds.variant_price import find_lowest
from indexer.catalog.raw_row import IMAGE_COLUMNS, ITEM_ID, CatalogSource, RawRow

_HANDLES = ("handle", "urlhandle")
_SIGNS = to_names(
    "Option1 Name, Option1 Value, Variant SKU, Variant Price, Variant Grams, Variant Inventory Qty, Image Src, "
    "Image Position, Product image URL, Body (HTML), Variant Image, Variant image URL, Compare-at price, "
    "Inventory quantity"
)
_OPTION = re.compile(r"option([1-9])(name|value)")
_OPTION_LINK = re.compile(r"option[1-9]linkedto")
_VARIANT_NAMES = {
    "sku": "sku",
    "barcode": "barcode",
    "compareatprice": "compare_at_price",
    "costperitem": "cost_per_item",
    "inventoryquantity": "inventory_qty",
    "inventorytracker": "inventory_tracker",
    "continuesellingwhenoutofstock": "continue_selling_when_out_of_stock",
    "weightvaluegrams": "grams",
    "weightunitfordisplay": "weight_unit",
    "requiresshipping": "requires_shipping",
    "fulfillmentservice": "fulfillment_service",
    "chargetax": "taxable",
    "taxcode": "tax_code",
    "variantimageurl": "image",
    "variantinventoryqty": "inventory_qty",
}
_WITHOUT_OPTIONS = "defaulttitle"


class ShopifyRows(GroupedRows):
    """The products of a Shopify export in CSV, whose columns have our names where there is one.

    A product has the values of its first row, the pictures of all rows by position, its lowest price, and `variants`:
    objects of sku, price, options by their names, and what else an export says of a variant.
    """

    def __init__(self, source: CatalogSource, columns: Sequence[str]) -> None:
        super().__init__(source)
        self._layout = _Layout(columns)
        self._status = ProductStatus()

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names of the products' fields. Raises InvalidCatalogue as the source does."""
        self._source.columns(wanted)
        return [*self._layout.product.values(), "price", "images", "image_alt_text", VARIANTS]

    def notices(self) -> list[str]:
        """Return what a person should know about the file, complete once all rows were read."""
        return [*super().notices(), *self._status.notices()]

    def _begin(self) -> None:
        self._status = ProductStatus()

    def _get_key(self, row: RawRow) -> str:
        return to_key(row.values.get(self._layout.key))

    def _merge(self, rows: Sequence[RawRow]) -> Iterator[RawRow]:
        layout = self._layout
        first = first_values(rows)
        product = {name: _to_value(name, first[column]) for column, name in layout.product.items() if column in first}
        options = {number: str(first[column]) for number, column in layout.option_names.items() if column in first}
        pictured = sorted(rows, key=layout.get_position)
        variants = [self._to_variant(row, options) for row in rows]
        for row, variant in zip(rows[1:], variants[1:], strict=True):
            self._add_differences(variant, row, product)
        variants = list(filter(None, variants))
        product |= find_lowest(variants)
        product["images"] = deduplicate([*collect_images(pictured), *_get_images(variants)])
        alt_texts = [text for row in pictured if (text := row.values.get(layout.alt_text or "")) is not None]
        if any(not is_blank(text) for text in alt_texts):
            product["image_alt_text"] = alt_texts
        if variants:
            product[VARIANTS] = variants
        if is_blank(product.get("category")) and "type" in product:
            product["category"] = product["type"]
        self._status.count(product)
        yield RawRow(rows[0].line, product)

    def _to_variant(self, row: RawRow, options: Mapping[str, str]) -> dict[str, object]:
        """Return what a row says of a variant; empty for a row with a picture only."""
        layout = self._layout
        variant = {
            name: _to_value(name, value)
            for column, name in layout.variant.items()
            if not is_blank(value := row.values.get(column))
        }
        for number, column in layout.option_values.items():
            value = row.values.get(column)
            if not is_blank(value) and normalize(str(value)) != _WITHOUT_OPTIONS:
                variant[options.get(number, f"option{number}")] = value
        return variant

    def _add_differences(self, variant: dict[str, object], row: RawRow, product: Mapping[str, object]) -> None:
        """Keep what a later row says of the product, which it should leave empty, with its variant."""
        for column, name in self._layout.product.items():
            value = row.values.get(column)
            if name != ITEM_ID and not is_blank(value) and (read := _to_value(name, value)) != product.get(name):
                variant.setdefault(name, read)


class _Layout:
    """Which columns are of the product, its variants, its options and its pictures."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.product: dict[str, str] = {}
        self.variant: dict[str, str] = {}
        self.option_names: dict[str, str] = {}
        self.option_values: dict[str, str] = {}
        self.alt_text: str | None = None
        self._position: str | None = None
        self.key = next((column for column in columns if normalize(column) in _HANDLES), ITEM_ID)
        for column in columns:
            self._place(column, normalize(column))
        if self.key != ITEM_ID and "sku" not in self.variant.values():
            self.variant[ITEM_ID] = "sku"

    def _place(self, column: str, plain: str) -> None:
        option = _OPTION.fullmatch(plain)
        if option:
            (self.option_names if option[2] == "name" else self.option_values)[option[1]] = column
        elif plain == "imageposition":
            self._position = column
        elif plain == "imagealttext":
            self.alt_text = column
        elif plain in _VARIANT_NAMES or column == "price":
            self.variant[column] = _VARIANT_NAMES.get(plain, column)
        elif plain.startswith("variant") and "metafield" not in plain:
            self.variant[column] = to_name(column).removeprefix("variant_")
        elif column not in IMAGE_COLUMNS and not _OPTION_LINK.fullmatch(plain):
            self.product[column] = column if "metafield" in plain else to_name(column)

    def get_position(self, row: RawRow) -> tuple[bool, float]:
        """Return the sort key of a row's picture; one without a position comes last, in the file's order."""
        position = to_number(row.values.get(self._position or ""))
        return (False, float(position)) if isinstance(position, (int, float)) else (True, 0.0)


def _to_value(name: str, value: object) -> object:
    if name == "tags":
        return to_list(value)
    if name in ("sku", "barcode", ITEM_ID) and isinstance(value, str):
        # Exports mark text that Excel would take for a number with an apostrophe.
        return value.strip().removeprefix("'")
    return to_plain_number(name, to_flag(value))


def _get_images(variants: Sequence[Mapping[str, object]]) -> list[object]:
    return [variant["image"] for variant in variants if "image" in variant]


def _recognizes(names: frozenset[str]) -> bool:
    return not names.isdisjoint({*_HANDLES, "itemid"}) and "title" in names and len(names & _SIGNS) >= 3


def _requests(columns: Sequence[str]) -> dict[str, str]:
    """Return the handle as the id, also beside a column of SKUs."""
    plain = {normalize(column): column for column in columns}
    handle = plain.get("handle") or plain.get("urlhandle")
    return {ITEM_ID: handle} if handle and "itemid" not in plain else {}


SHOPIFY = FeedLayout(
    label="a Shopify export",
    effect="the rows of one handle are one product",
    needs="Handle (or URL handle), Title, and at least three columns of options, variants or images",
    recognizes=_recognizes,
    open=lambda source, columns, _: ShopifyRows(source, columns),
    requests=_requests,
)
"""Shopify's CSV export, old and new headers."""
