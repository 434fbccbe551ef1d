"""Names of payload fields: `attributes.color` is the field color of the mapping attributes.

A segment that contains a dot, a blank or an operator is quoted, `attributes."screen.size"`, so that any key of a
catalogue can be named; a backslash escapes a quote or a backslash.
"""

import re
from typing import TypeAlias

Path: TypeAlias = tuple[str, ...]

# A segment that filters accept without quotes, as FIELD in filters/grammar.lark.
_BARE = re.compile(r"""[^\s()"'=<>!:.,*\\-][^\s()"'=<>!:.,*\\]*""")
_KEYWORDS = frozenset({"AND", "OR", "NOT"})
_SEGMENT = re.compile(r""""((?:[^"\\]|\\.)*)"(?=\.|$)|'((?:[^'\\]|\\.)*)'(?=\.|$)|([^.]*)""", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)


def parse_path(name: str) -> Path:
    """Return the keys of a name. Only dots need quotes; a segment that cannot be parsed is taken as a key."""
    if '"' not in name and "'" not in name:
        return tuple(name.split("."))
    segments = []
    index = 0
    while index <= len(name):
        match = _SEGMENT.match(name, index)
        if match is None:
            raise IndexError(f"expected a segment at {index} of {name!r}")
        quoted = match[1] if match[1] is not None else match[2]
        segments.append(match[3] if quoted is None else _ESCAPED.sub(r"\1", quoted))
        index = match.end() + 1
    return tuple(segments)


def format_path(path: Path) -> str:
    """Return the canonical name of a path, which filters and `parse_path` accept."""
    return ".".join(_segment(key, first=index == 0) for index, key in enumerate(path))


def _segment(key: str, first: bool) -> str:
    if _BARE.fullmatch(key) and not (first and key in _KEYWORDS):
        return key
    return '"' + key.replace("\\", "\\\\").replace('"', '\\"') + '"'
