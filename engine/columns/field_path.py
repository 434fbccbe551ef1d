"""Names of a payload's fields: `attributes.color` is the field color of the mapping attributes.

A segment with a dot, a blank or an operator in it stands in quotes, `attributes."screen.size"`, so that whatever key a
catalogue has can be named; a backslash takes the quote or backslash behind it as it is.
"""

import re
from typing import TypeAlias

Path: TypeAlias = tuple[str, ...]

# As FIELD in filters/grammar.lark: what a filter reads as one segment without quotes.
_BARE = re.compile(r"""[^\s()"'=<>!:.,*\\-][^\s()"'=<>!:.,*\\]*""")
_KEYWORDS = frozenset({"AND", "OR", "NOT"})
_SEGMENT = re.compile(r""""((?:[^"\\]|\\.)*)"(?=\.|$)|'((?:[^'\\]|\\.)*)'(?=\.|$)|([^.]*)""", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_path(name: str) -> Path:
    """Return the keys that a name leads through. Quotes are needed for dots only; whatever cannot be read is a key."""
    if '"' not in name and "'" not in name:
        return tuple(name.split("."))
    segments = []
    place = 0
    while place <= len(name):
        match = _SEGMENT.match(name, place)
        if match is None:
            raise IndexError(f"expected a segment at {place} of {name!r}")
        quoted = match[1] if match[1] is not None else match[2]
        segments.append(match[3] if quoted is None else _ESCAPED.sub(r"\1", quoted))
        place = match.end() + 1
    return tuple(segments)


def format_path(path: Path) -> str:
    """Return the one name of a path; a filter reads it, and so does `parse_path`."""
    return ".".join(_segment(key, first=place == 0) for place, key in enumerate(path))


def _segment(key: str, first: bool) -> str:
    if _BARE.fullmatch(key) and not (first and key in _KEYWORDS):
        return key
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
