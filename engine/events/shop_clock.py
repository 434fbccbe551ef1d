"""When "now" is for a shop's events: the time of the newest of them, but for some that may be of a wrong clock.

Last year's log can then be replayed, and one event of next year does not make all others old.
"""

import numpy as np
from numpy.typing import NDArray

MAX_STRAYS = 10
EVENTS_PER_STRAY = 1_000
"""One event in so many may be of a wrong clock, and MAX_STRAYS at most; of few events one, of one or two none."""

MAX_LEAD_S = 86_400.0
"""How far ahead of now an event is believed: the newest ones are passed over to tell now, right as they may be."""


def count_strays(count: int) -> int:
    """Return how many of the newest of `count` events are passed over to tell when now is."""
    return max(0, min((count - 1) // 2, MAX_STRAYS, -(-count // EVENTS_PER_STRAY)))


def find_now_s(times_s: NDArray[np.float64]) -> float:
    """Return when now is for events of these times, in any order; 0 for none."""
    if not len(times_s):
        return 0.0
    place = len(times_s) - 1 - count_strays(len(times_s))
    return float(np.partition(times_s, place)[place])
