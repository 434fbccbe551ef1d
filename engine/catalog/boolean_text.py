"""Yes and no as shops write them."""

_TRUE = frozenset({"true", "yes", "y", "on", "ja", "oui", "sí", "si", "sim", "tak", "да", "是"})
_FALSE = frozenset({"false", "no", "n", "off", "nein", "non", "não", "nao", "nie", "нет", "否"})


def read_boolean(text: str) -> bool | None:
    """Return the truth of a word such as "yes" or "FALSE", None for any other text."""
    word = text.strip().casefold()
    return True if word in _TRUE else False if word in _FALSE else None
