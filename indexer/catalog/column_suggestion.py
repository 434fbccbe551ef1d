"""Hints for column names that a file does not have."""

import difflib
from collections.abc import Sequence


def suggest_column(name: str, columns: Sequence[str]) -> str:
    """Return a hint for an unknown column name: the closest match, or the existing columns."""
    matches = difflib.get_close_matches(name, columns, n=1)
    if matches:
        return f"did you mean {matches[0]!r}?"
    return f"it has {', '.join(map(repr, columns)) or 'no readable row'}"
