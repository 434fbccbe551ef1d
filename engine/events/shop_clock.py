"""The current time of a shop: that of its newest event, ignoring a few that may come from a wrong clock.

So last year's log can be replayed, and a single event dated next year does not make all others old.
"""

import numpy as np
from numpy.typing import NDArray

MAX_STRAYS = 10
EVENTS_PER_STRAY = 1_000
"""One event in so many may have a wrong clock, and MAX_STRAYS at most; one of a few events, none of one or two."""

MAX_LEAD_S = 86_400.0
"""Events up to this far ahead of now are trusted, since finding now skips the newest events even if they are right."""


def count_strays(count: int) -> int:
    """Return how many of the newest of `count` events to skip to find the current time."""
    return max(0, min((count - 1) // 2, MAX_STRAYS, -(-count // EVENTS_PER_STRAY)))


def find_now_s(times_s: NDArray[np.float64]) -> float:
    """Return the current time for events at these times, in any order; 0 for none."""
    if not len(times_s):
        return 0.0
    index = len(times_s) - 1 - count_strays(len(times_s))
    return float(np.partition(times_s, index)[index])
