"""Products of shop APIs in JSON: Shopify's products.json and WooCommerce's REST API, which nest what a CSV flattens."""

from collections.abc import Iterable, Mapping, Sequence

from indexer.catalog.feeds.cell_text import is_blank, to_list, to_plain_number
from indexer.catalog.feeds.converted_rows import ConvertedRows, Values
from indexer.catalog.feeds.joined_rows import VARIANTS
from indexer.catalog.feeds.layout import FeedLayout
from indexer.catalog.feeds.variant_price import find_lowest
from indexer.catalog.raw_row import IMAGE_COLUMNS

_OPTIONS = ("option1", "option2", "option3")


def _convert_shopify(values: Values) -> Values:
    product = dict(values)
    options = [option.get("name") for option in _objects(values.get("options")) if isinstance(option, Mapping)]
    variants = [_to_variant(variant, options) for variant in _objects(values.get(VARIANTS))]
    if variants:
        product[VARIANTS] = variants
        product = find_lowest(variants) | product
    if "tags" in product:
        product["tags"] = to_list(product["tags"])
    return _with_images(product)


def _to_variant(variant: Mapping[str, object], names: Sequence[object]) -> dict[str, object]:
    """Return a variant with its options by name, numbers as numbers, and without what is absent."""
    found = {name: to_plain_number(name, value) for name, value in variant.items() if not is_blank(value)}
    for number, name in enumerate(_OPTIONS):
        value = found.pop(name, None)
        if value is not None and value != "Default Title":
            found[str(names[number]) if number < len(names) else name] = value
    image = found.pop("featured_image", None)
    if isinstance(image, Mapping) and image.get("src"):
        found["image"] = image["src"]
    if found.get("title") == "Default Title":
        del found["title"]
    return found


def _convert_woocommerce(values: Values) -> Values:
    product = dict(values)
    for name in ("category", "tags", "brand"):
        names = [part["name"] for part in _objects(product.get(name)) if "name" in part]
        if names:
            product[name] = names
    attributes = {
        str(part["name"]): part.get("options", part.get("option"))
        for part in _objects(product.get("attributes"))
        if "name" in part
    }
    if attributes:
        product["attributes"] = attributes
    return _with_images(product)


def _with_images(product: Mapping[str, object]) -> dict[str, object]:
    """Return a product whose images are addresses, in order of position."""
    parts = _objects(product.get("images"))
    if not parts:
        return dict(product)
    ordered = sorted(parts, key=lambda part: _get_position(part.get("position")))
    found = [part["src"] for part in ordered if not is_blank(part.get("src"))]
    return {name: value for name, value in product.items() if name not in IMAGE_COLUMNS} | {"images": found}


def _get_position(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _objects(value: object) -> list[Mapping[str, object]]:
    return [part for part in value if isinstance(part, Mapping)] if isinstance(value, Iterable) else []


SHOPIFY_OBJECTS = FeedLayout(
    label="products of Shopify in JSON",
    effect="the price is that of the cheapest variant",
    needs="title, variants, and two of handle, body_html, vendor and product_type",
    recognizes=lambda names: (
        {"title", "variants"} <= names and len(names & {"handle", "bodyhtml", "vendor", "producttype"}) >= 2
    ),
    open=lambda source, columns, given: ConvertedRows(source, _convert_shopify, ["price", "images"]),
)
"""The objects of products.json and the Admin API."""

WOOCOMMERCE_OBJECTS = FeedLayout(
    label="products of WooCommerce in JSON",
    effect="categories, images and attributes are read by their names",
    needs="name, permalink, regular_price and images or categories",
    recognizes=lambda names: (
        {"name", "permalink", "regularprice"} <= names and not names.isdisjoint({"images", "categories"})
    ),
    open=lambda source, columns, given: ConvertedRows(source, _convert_woocommerce),
)
"""The objects of WooCommerce's REST API."""
