"""Names near to one that nobody knows."""

from collections.abc import Sequence
from difflib import get_close_matches

_MOST = 3


def nearest(name: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return up to three known names: first those that end in the same field, then those that are spelled alike."""
    last = name.rpartition(".")[2].casefold()
    same = [other for other in known if other.rpartition(".")[2].casefold() == last]
    same.sort(key=len)
    # difflib compares name by name; names much longer or shorter cannot be near.
    near = [other for other in known if 2 * len(name) >= len(other) and 2 * len(other) >= len(name)]
    return tuple(dict.fromkeys(same + get_close_matches(name, near, _MOST)))[:_MOST]
