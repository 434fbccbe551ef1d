"""The current demand for each item: the logarithm of its time-decayed events."""

import numpy as np
from numpy.typing import NDArray

from indexer.behaviour.interactions import InteractionMatrix

HALF_LIFE_DAYS = 30.0


def compute_demand(interactions: InteractionMatrix, half_life_days: float = HALF_LIFE_DAYS) -> NDArray[np.float32]:
    """Return (items,) ln(1 + the sum of event weights, decayed); NaN for an item without events.

    Unknown is not zero: `indexer.behaviour.cold_start` estimates the demand for new items.
    """
    sums = np.bincount(
        interactions.items,
        interactions.counts * 0.5 ** (interactions.compute_ages_days / half_life_days),
        interactions.shape[1],
    )
    values = np.log1p(np.maximum(sums, 0.0))
    values[np.bincount(interactions.items, minlength=interactions.shape[1]) == 0] = np.nan
    return values.astype(np.float32)
