"""Words that stand for a missing value, as spreadsheets, databases and programs write them into cells."""

_WORDS = """
    n/a n.a. n.a #n/a #na n\\a <na> na nan nat null <null> (null) [null] none (none) <none> nil undefined \\n
    - -- --- – — .. ... #null! #value! #ref! #name? #num! #div/0! #nv #n/d #wert! #bezug! #div/0
"""
ABSENT_WORDS = frozenset(_WORDS.split())
"""In lower case; each stands for a missing value only as the whole cell."""

LONGEST_WORD = max(map(len, ABSENT_WORDS))


def is_absent_word(text: str) -> bool:
    """Return whether a text is blank or stands for a missing value: " ", "N/A", "null"."""
    if len(text) > LONGEST_WORD:
        return text.isspace() or (text[0].isspace() and is_absent_word(text.strip()))
    stripped = text.strip().lower()
    return not stripped or stripped in ABSENT_WORDS
