"""What the name of a column says about its values, before any value is looked at."""

import re

_WORD_BREAK = re.compile(r"[^0-9a-zà-öø-ÿ一-鿿ぁ-ヿ%]+|(?<=[a-z])(?=[A-Z])")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

_IDENTIFIERS = frozenset(
    {"id", "ids", "sku", "gtin", "gtin8", "gtin12", "gtin13", "gtin14", "ean", "ean13", "upc", "mpn", "isbn", "asin"}
    | {"barcode", "code", "codes", "model", "zip", "postcode", "phone", "tel", "fax", "hs", "handle", "uuid", "guid"}
    | {"artikelnummer", "artikelnr", "referenz", "reference", "ref", "nummer", "no", "nr", "serial", "version", "plz"}
)
_IDENTIFIER_ENDINGS = ("number", "num", "code", "id")
_PRICES = frozenset(
    {"price", "prices", "msrp", "rrp", "cost", "mrp", "preis", "preise", "uvp", "prix", "precio", "preço", "prezzo"}
    | {"cena", "pris", "prijs", "amount", "価格", "价格", "售价", "fiyat"}
)
_NUMBERS = frozenset(
    {"rating", "ratings", "stars", "score", "count", "counts", "stock", "qty", "quantity", "inventory", "weight"}
    | {"length", "width", "height", "depth", "volume", "grams", "gram", "kg", "popularity", "sales", "sold", "views"}
    | {"discount", "percentage", "likes", "clicks", "rank", "position", "bestand", "menge", "gewicht", "bewertung"}
)
_CODES = frozenset({"country", "countries", "region", "state", "iso", "code", "origin", "market", "locale"})


def _words(name: str) -> list[str]:
    return [word for word in _WORD_BREAK.split(_CAMEL.sub(" ", name).lower()) if word]


def is_identifier(name: str) -> bool:
    """Return whether a name is that of an identifier, such as gtin, variant_id or "Product Code"."""
    words = _words(name)
    if not words or words[-1] in _NUMBERS | _PRICES:
        return False
    return bool(_IDENTIFIERS & {words[-1]}) or (len(words) > 1 and words[-1] in _IDENTIFIER_ENDINGS)


def is_price(name: str) -> bool:
    """Return whether a name is that of a price, such as sale_price, price_inr or "Variant Price"."""
    words = _words(name)
    return bool(_PRICES & set(words)) and not {"currency", "range", "type", "text", "unit"} & set(words)


def is_number(name: str) -> bool:
    """Return whether a name is that of a quantity or measure, such as rating or review_count."""
    words = _words(name)
    return bool(words) and (
        words[-1] in _NUMBERS or (words[0] in _NUMBERS and len(words) <= 2 and not is_identifier(name))
    )


def is_place_code(name: str) -> bool:
    """Return whether a column may hold codes of places, among which NA is Namibia or North America."""
    return bool(_CODES & set(_words(name)))
