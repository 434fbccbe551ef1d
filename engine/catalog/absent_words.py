"""Words that stand for a missing value: what spreadsheets, databases and data frames write into an empty cell."""

_WORDS = frozenset(
    {
        "n/a",
        "na",
        "n.a.",
        "n.a",
        "nan",
        "null",
        "none",
        "nil",
        "<na>",
        "nat",
        "(null)",
        "\\n",
        "-",
        "--",
        "---",
        "—",
        "–",
    }
    | {"#n/a", "#na", "#null!", "#value!", "#ref!", "#div/0!", "#name?", "#num!", "(none)", "undefined"}
)
LONGEST_WORD = max(map(len, _WORDS))


def is_absent_word(text: str) -> bool:
    """Return whether a cell is blank or holds nothing but such a word, in any case."""
    if len(text) > LONGEST_WORD:
        return text.isspace()
    return not (stripped := text.strip()) or stripped.casefold() in _WORDS
