"""Truth values as words: true and false, yes and no, in the languages that spreadsheets write them in."""

_TRUE = "true yes y t on ja oui sí si sim tak ano evet kyllä igen да vrai wahr verdadero verdadeiro vero 是 はい"
_FALSE = "false no n f off nein non não nao nie ne hayır hayir ei nem нет faux falsch falso 否 いいえ"

BOOLEANS = dict.fromkeys(_TRUE.split(), True) | dict.fromkeys(_FALSE.split(), False)
"""In lower case."""

CLEAR_WORDS = frozenset({"true", "false", "yes", "no"})
"""Words that are truth values even where the column has no other."""

_MAX_LENGTH = max(map(len, BOOLEANS))


def parse_boolean(text: str) -> bool | None:
    """Return the truth value of a word without surrounding blanks, None if it is none."""
    return BOOLEANS.get(text.lower()) if len(text) <= _MAX_LENGTH else None
