"""Waiting for what other threads and processes do."""

import time
from collections.abc import Callable


def within(seconds: float, true: Callable[[], bool]) -> bool:
    """Wait until something is true, at most so long, and return whether it is."""
    until = time.monotonic() + seconds
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True
