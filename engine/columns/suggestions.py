"""Names near to one that nobody knows."""

from collections.abc import Sequence
from difflib import get_close_matches

_MOST = 3


def nearest(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return up to three known names whose last field is spelled alike; those in the same mapping come first.

    Of dotted names only the last field is compared, for thousands of them begin alike, and difflib takes its time.
    """
    mapping, wanted = _split(name)
    ends: dict[str, list[str]] = {}
    for other in sorted(known, key=len):
        end = _split(other)[1]
        if 2 * len(wanted) >= len(end) and 2 * len(end) >= len(wanted):
            ends.setdefault(end, []).append(other)
    alike = [other for end in get_close_matches(wanted, ends, _MOST) for other in ends[end]]
    return tuple(sorted(alike, key=lambda other: _split(other)[0] != mapping)[:_MOST])


def _split(name: str) -> tuple[str, str]:
    mapping, _, last = name.rpartition(".")
    return mapping, last.casefold()
