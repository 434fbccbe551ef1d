"""What a column's name says about its values: identifiers, counts, quantities, prices, dates, flags or regions."""

import re
from enum import Enum, auto


class NameHint(Enum):
    """What a column's name says about its values."""

    IDENTIFIER = auto()
    """Names made of digits: sku, gtin, zip code."""
    COUNT = auto()
    """Whole numbers: review_count, stock."""
    NUMBER = auto()
    """Numbers that are compared: rating, weight."""
    QUANTITY = auto()
    """Measurements, which need not be numbers: length, size."""
    PRICE = auto()
    DATE = auto()
    FLAG = auto()
    """Yes or no: is_new."""
    REGION = auto()
    """Countries and languages, whose codes include NA and NO."""
    NONE = auto()


def _to_words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[^\W\d_A-Z]+|[A-Z]+|[0-9]+|[^\W_]")
_IDENTIFIERS = _to_words(
    """
    id ids sku skus gtin gtin8 gtin12 gtin13 gtin14 ean ean13 upc mpn isbn isbn13 issn asin barcode barcodes
    model models handle zip zipcode postcode postal plz pin pincode phone phones tel telephone telefon fax mobile hs
    hscode hsn taric tariff ref reference serial vin iban pzn ndc cas artnr artikelnummer artikelnr itemnumber
    itemno partno partnumber modelnumber modelno referenz referencia référence codigo código codice cnpj siret uuid
    guid hash version
    """
)
_CODES = frozenset({"code", "codes", "nr", "no", "num", "number", "nummer", "numero", "número", "numéro"})
_CODED = _to_words(
    """
    article part model item product serial catalog catalogue style order lot batch phone customer account artikel
    teile variant color colour design pattern
    """
)
_COUNTS = _to_words(
    """
    count counts reviews stock inventory qty quantity quantities sold sales views likes votes pieces orders
    purchases clicks favorites favourites downloads anzahl menge bestand lagerbestand bewertungen avis cantidad
    quantità quantité quantidade aantal
    """
)
_NUMBERS = _to_words(
    """
    rating ratings score scores stars weight popularity rank discount gewicht poids peso
    """
)
_QUANTITIES = _to_words(
    """
    length width height depth size volume diameter thickness area capacity dimension dimensions lat latitude lon lng
    longitude amount rate ratio percent percentage kg g mg lb lbs oz cm mm m l ml cl inch inches ft watt watts power
    voltage energy speed temperature dose dosage age year duration minutes hours breite höhe länge tiefe
    """
)
_PRICES = re.compile(
    r"(?:price|prices|preis|preise|prix|precio|precios|prezzo|preço|preco|prijs|pris|cena|fiyat|hinta|цена|価格|价格|"
    r"售价|定价|가격)$"
)
_PRICE_WORDS = _to_words("msrp mrp rrp srp uvp pvp cost costs ár")
_NOT_PRICES = _to_words(
    """
    currency unit units type range band tier level label group category code id date dates until valid start end
    status change drop list_id rule count policy class note notes text history index rank
    einheit währung waehrung typ art gruppe klasse
    """
)
_DATES = _to_words(
    """
    date dates datetime timestamp day created updated modified published released expires expiry expiration datum
    fecha data дата 日期 since until birthday
    """
)
_FLAGS = _to_words(
    """
    is has in can should was allow allows available enabled active visible featured
    """
)
_REGIONS = _to_words(
    """
    country countries region market lang language languages locale origin land pays país nation
    """
)


def read_name(name: str) -> NameHint:
    """Return what a column's name says: "Variant Price" a price, "product_id" an identifier, "price_date" a date."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words:
        return NameHint.NONE
    last = words[-1]
    if _is_price(words):
        return NameHint.PRICE
    if _is_identifier(words, last):
        return NameHint.IDENTIFIER
    if not _COUNTS.isdisjoint(words) or (words[0] in ("num", "number", "n") and len(words) > 1):
        return NameHint.COUNT
    if not _NUMBERS.isdisjoint(words):
        return NameHint.NUMBER
    if not _DATES.isdisjoint(words) or (last in ("at", "on") and len(words) > 1):
        return NameHint.DATE
    if not _REGIONS.isdisjoint(words):
        return NameHint.REGION
    if words[0] in _FLAGS:
        return NameHint.FLAG
    return NameHint.NONE if _QUANTITIES.isdisjoint(words) else NameHint.QUANTITY


def _is_price(words: list[str]) -> bool:
    for index, word in enumerate(words):
        if word in _PRICE_WORDS or _PRICES.search(word):
            return _NOT_PRICES.isdisjoint(words[index + 1 :])
    return False


def _is_identifier(words: list[str], last: str) -> bool:
    if last in _COUNTS | _NUMBERS | _QUANTITIES:
        return False
    if not _IDENTIFIERS.isdisjoint(words):
        return True
    if last not in _CODES:
        return False
    return last in ("code", "codes") or not _CODED.isdisjoint(words)
