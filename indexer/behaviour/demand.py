"""How much each item is wanted now: what shoppers did with it, newer events counting more, as a logarithm."""

import numpy as np
from numpy.typing import NDArray

from indexer.behaviour.interactions import InteractionMatrix

HALF_LIFE_DAYS = 30.0


def compute_demand(seen: InteractionMatrix, half_life_days: float = HALF_LIFE_DAYS) -> NDArray[np.float32]:
    """Return (items,) ln(1 + the sum of counts, each halved in so many days); NaN for an item without events.

    Not known is not the same as not wanted: `indexer.behaviour.cold_start` tells what to expect of a new item.
    """
    sums = np.bincount(seen.items, seen.counts * 0.5 ** (seen.compute_ages_days / half_life_days), seen.shape[1])
    values = np.log1p(np.maximum(sums, 0.0))
    values[np.bincount(seen.items, minlength=seen.shape[1]) == 0] = np.nan
    return values.astype(np.float32)
