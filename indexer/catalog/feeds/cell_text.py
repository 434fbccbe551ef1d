"""Read the cells of shop exports: numbers, flags, lists, and names for what had none of ours."""

import re

from engine.catalog.absent_words import is_absent_word

# Not "1.299", which is 1299 in some languages.
_NUMBER = re.compile(r"-?(?:0\.[0-9]+|(?:0|[1-9][0-9]{0,14})(?:\.(?:[0-9]{1,2}|[0-9]{4,10})|,[0-9]{1,2})?)")
_NUMERIC_NAME = re.compile(r"price|cost|grams|weight|length|width|height|qty|quantity|stock|inventory", re.IGNORECASE)
_FLAGS = {"true": True, "false": False, "yes": True, "no": False}
_COMMA = re.compile(r"(?<!\\),")


def is_blank(value: object) -> bool:
    """Return whether a cell says nothing: null, blank, or a word such as N/A."""
    return value is None or (isinstance(value, str) and is_absent_word(value))


def to_key(value: object) -> str:
    """Return a cell as the text that rows of one product share; empty if it says nothing or is unreadable."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip() if isinstance(value, (str, int, float)) and not is_blank(value) else ""


def to_name(column: str) -> str:
    """Return a column as a name that a filter can use without quotes: "In stock?" is in_stock."""
    return re.sub(r"\W+", "_", column.casefold()).strip("_")


def to_number(value: object) -> object:
    """Return text that is a plain number, "12.50" or "12,5", as a number; any other value unchanged."""
    text = value.strip() if isinstance(value, str) else ""
    if not _NUMBER.fullmatch(text):
        return value
    return float(text.replace(",", ".")) if "." in text or "," in text else int(text)


def to_plain_number(name: str, value: object) -> object:
    """Return the value of a column as a number if the column's name is that of an amount, such as Variant Price."""
    return to_number(value) if _NUMERIC_NAME.search(name) else value


def to_flag(value: object) -> object:
    """Return text that is true or false as bool; any other value unchanged."""
    return _FLAGS.get(value.strip().casefold(), value) if isinstance(value, str) else value


def to_list(value: object) -> list[object]:
    r"""Return the parts of a text between commas, where "\\," is no end; a list unchanged."""
    if isinstance(value, list):
        return value
    parts = (part.replace("\\,", ",").strip() for part in _COMMA.split(value)) if isinstance(value, str) else ()
    return list(filter(None, parts))
