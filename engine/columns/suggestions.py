"""Suggestions for unknown field names."""

from collections.abc import Sequence
from difflib import get_close_matches

_MAX_SUGGESTIONS = 3


def nearest(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return up to three known names whose last segment is spelled similarly, those in the same mapping first.

    Only the last segments are compared, since difflib is slow and thousands of names can share their first ones.
    """
    mapping, wanted = _split(name)
    ends: dict[str, list[str]] = {}
    for other in sorted(known, key=len):
        end = _split(other)[1]
        if 2 * len(wanted) >= len(end) and 2 * len(end) >= len(wanted):
            ends.setdefault(end, []).append(other)
    similar = [other for end in get_close_matches(wanted, ends, _MAX_SUGGESTIONS) for other in ends[end]]
    return tuple(sorted(similar, key=lambda other: _split(other)[0] != mapping)[:_MAX_SUGGESTIONS])


def _split(name: str) -> tuple[str, str]:
    mapping, _, last = name.rpartition(".")
    return mapping, last.casefold()
