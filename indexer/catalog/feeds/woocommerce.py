"""WooCommerce's product export: the variations of a product are rows of their own that name their parent."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from indexer.catalog.feeds.cell_text import is_blank, to_key, to_list, to_number
from indexer.catalog.feeds.column_aliases import normalize
from indexer.catalog.feeds.grouped_rows import GroupedRows
from indexer.catalog.feeds.joined_rows import VARIANTS, collect_images, deduplicate
from indexer.catalog.feeds.layout import FeedLayout
from indexer.catalog.feeds.product_status import ProductStatus
from indexer.catalog.feeds.variant_price import find_lowest
from indexer.catalog.feeds.woocommerce_columns import AttributeColumn, find_attribute, to_english
from indexer.catalog.raw_row import IMAGE_COLUMNS, ITEM_ID, CatalogSource, RawRow

_FLAGS = frozenset({"published", "is_featured", "in_stock", "backorders_allowed", "sold_individually"})
_AMOUNTS = frozenset({"price", "sale_price", "stock", "low_stock_amount"})
_SIGNS = frozenset({"published", "is_featured", "visibility_in_catalog", "short_description", "in_stock", "parent"}) | {
    "sku",
    "images",
    "regularprice",
    "allow_customer_reviews",
    "backorders_allowed",
    "tax_status",
}
_VARIATION = "variation"
_VARIANT_FIELDS = (
    "item_id",
    "sku",
    "gtin_upc_ean_or_isbn",
    "price",
    "sale_price",
    "in_stock",
    "stock",
    "published",
    "description",
) + ("weight_kg", "length_cm", "width_cm", "height_cm")


class WooCommerceRows(GroupedRows):
    """The products of a WooCommerce export in CSV, with their variations as `variants`.

    The id is the SKU if every product has one of its own, else the ID. A variation whose parent is not in the file is
    a product of its own.
    """

    def __init__(self, source: CatalogSource, columns: Sequence[str], id_given: bool = False) -> None:
        super().__init__(source)
        self._names: dict[str, str] = {}
        self._attributes: dict[str, AttributeColumn] = {}
        for column in columns:
            attribute = find_attribute(column)
            if attribute:
                self._attributes[column] = attribute
            else:
                self._names[column] = column if column.startswith("Meta:") else to_english(column)
        self._id_given = id_given
        self._ids = _ProductIds("sku" in self._names.values())
        self._status = ProductStatus()
        self._orphans = 0

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names of the products' fields. Raises InvalidCatalogue as the source does."""
        self._source.columns(wanted)
        return list(dict.fromkeys([*self._names.values(), "price", "images", "attributes", VARIANTS]))

    def notices(self) -> list[str]:
        """Return what a person should know about the file, complete once all rows were read."""
        own = [] if self._id_given else self._ids.notices()
        if self._orphans:
            own.append(f"{self._orphans} variations are products of their own: their parent is not in the file")
        return [*super().notices(), *own, *self._status.notices()]

    def _begin(self) -> None:
        self._status = ProductStatus()
        self._orphans = 0

    def _count(self) -> Counter[str]:
        self._ids = _ProductIds("sku" in self._names.values())
        counts: Counter[str] = Counter()
        for row in self._source.rows():
            if isinstance(row, RawRow):
                values = self._rename(row)
                if _is_variation(values):
                    counts[_get_parent(values)] += 1
                else:
                    self._ids.add(values)
                    counts[_get_own_key(values)] += 1
        merged: Counter[str] = Counter()
        for key, count in counts.items():
            merged[self._ids.resolve(key)] += count
        return merged

    def _get_key(self, row: RawRow) -> str:
        values = self._rename(row)
        if not _is_variation(values):
            return _get_own_key(values)
        return self._ids.resolve(_get_parent(values))

    def _merge(self, rows: Sequence[RawRow]) -> Iterator[RawRow]:
        renamed = [(row.line, self._rename(row)) for row in rows]
        parents = [(line, values) for line, values in renamed if not _is_variation(values)]
        variations = [values for _, values in renamed if _is_variation(values)]
        if not parents:
            self._orphans += len(renamed)
            yield from (RawRow(line, self._to_product(values, [])) for line, values in renamed)
            return
        for index, (line, values) in enumerate(parents):
            yield RawRow(line, self._to_product(values, [] if index else variations))

    def _rename(self, row: RawRow) -> dict[str, object]:
        values = {name: row.values[column] for column, name in self._names.items() if column in row.values}
        attributes: dict[str, dict[str, object]] = {}
        for column, attribute in self._attributes.items():
            if not is_blank(value := row.values.get(column)):
                attributes.setdefault(attribute.number, {})[attribute.part] = value
        found = {str(part["name"]): part["values"] for part in attributes.values() if {"name", "values"} <= part.keys()}
        return values | ({"attributes": found} if found else {})

    def _to_product(self, values: Mapping[str, object], variations: Sequence[dict[str, object]]) -> dict[str, object]:
        product = {name: _to_value(name, value) for name, value in values.items() if not is_blank(value)}
        variants = [self._to_variant(variation) for variation in variations]
        images = [part for cell in map(_get_images, (values, *variations)) for part in cell]
        if images:
            product = {name: value for name, value in product.items() if name not in IMAGE_COLUMNS}
            product["images"] = deduplicate(images)
        if variants:
            product = find_lowest(variants) | product
            product[VARIANTS] = variants
        if "description" not in product and "short_description" in product:
            product["description"] = product.pop("short_description")
        if product.get("in_stock") == "backorder":
            product |= {"in_stock": True, "stock_status": "backorder"}
        if not self._id_given and self._ids.are_skus and "sku" in product:
            product["id"], product[ITEM_ID] = product.get(ITEM_ID), product["sku"]
        self._status.count(product)
        return product

    def _to_variant(self, values: Mapping[str, object]) -> dict[str, object]:
        variant = {name: _to_value(name, values[name]) for name in _VARIANT_FIELDS if not is_blank(values.get(name))}
        if ITEM_ID in variant:
            variant = {"id": variant.pop(ITEM_ID), **variant}
        images = _get_images(values)
        if images:
            variant["image"] = images[0]
        attributes = values.get("attributes")
        return variant | (dict(attributes) if isinstance(attributes, dict) else {})


class _ProductIds:
    """The ids of the products of a file, and the products that variations name as their parent."""

    def __init__(self, has_both: bool) -> None:
        self._has_both = has_both
        self._products = 0
        self._without_sku = 0
        self._skus: dict[str, str] = {}

    def add(self, values: Mapping[str, object]) -> None:
        """Add one product."""
        self._products += 1
        sku = to_key(values.get("sku" if self._has_both else ITEM_ID))
        if sku:
            self._skus.setdefault(f"sku:{sku}", _get_own_key(values))
        self._without_sku += not sku

    @property
    def are_skus(self) -> bool:
        """Whether every product has an SKU of its own."""
        return len(self._skus) == self._products > 0

    def resolve(self, key: str) -> str:
        """Return the key of the product with this key."""
        return self._skus.get(key, key)

    def notices(self) -> list[str]:
        """Return which column is the id, once all rows were read."""
        if not self._has_both:
            return []
        if self.are_skus:
            return ["item_id is read from the SKU"]
        repeated = self._products - self._without_sku - len(self._skus)
        return [f"item_id is read from the ID: {self._without_sku} products have no SKU, {repeated} share one"]


def _is_variation(values: Mapping[str, object]) -> bool:
    parts = str(values.get("type") or "").casefold().split(",")
    return _VARIATION in map(str.strip, parts) and not is_blank(values.get("parent"))


def _get_parent(values: Mapping[str, object]) -> str:
    parent = to_key(values["parent"])
    return parent if parent.startswith("id:") else f"sku:{parent}"


def _get_own_key(values: Mapping[str, object]) -> str:
    key = to_key(values.get(ITEM_ID))
    return f"id:{key}" if key else ""


def _get_images(values: Mapping[str, object]) -> list[object]:
    cells = collect_images([RawRow(0, values)])
    return [part for cell in cells for part in (to_list(cell) if isinstance(cell, str) else [cell])]


def _to_value(name: str, value: object) -> object:
    if name in ("category", "tags"):
        return to_list(value)
    if name == "attributes" and isinstance(value, dict):
        lists = {attribute: to_list(text) for attribute, text in value.items()}
        return {attribute: parts if len(parts) > 1 else parts[0] for attribute, parts in lists.items() if parts}
    if name in _FLAGS:
        return {"1": True, "0": False, "-1": False}.get(str(value).strip(), value)
    return to_number(value) if name in _AMOUNTS else value


def _recognizes(names: frozenset[str]) -> bool:
    english = {to_english(name) for name in names}
    has_type = "type" in english and not {"published", "parent", "visibility_in_catalog"}.isdisjoint(english)
    return has_type and len(english & _SIGNS) >= 5 and "handle" not in names


def _requests(columns: Sequence[str]) -> dict[str, str]:
    """Return the ID as the id; whether the SKU replaces it is decided once all rows were read."""
    ids = [column for column in columns if normalize(column) == "id"]
    return {ITEM_ID: ids[0]} if ids and ITEM_ID not in columns else {}


WOOCOMMERCE = FeedLayout(
    label="a WooCommerce export",
    effect="variations are part of their product",
    needs="Type, Name, Published, Visibility in catalog, Regular price or Images",
    recognizes=_recognizes,
    open=lambda source, columns, given: WooCommerceRows(source, columns, ITEM_ID in given),
    requests=_requests,
)
"""WooCommerce's CSV export, also with translated titles."""
