"""How many of an item's buyers buy it again: bread is bought again, a sofa is not."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from engine.events.event import EventType
from indexer.behaviour.interactions import InteractionMatrix
from indexer.events.event_table import TYPES

PRIOR_BUYERS = 5.0
"""Strength of the shop's mean as a prior, in buyers."""


def compute_repurchase(interactions: InteractionMatrix) -> NDArray[np.float32]:
    """Return (items,) ln of the share of an item's buyers who bought it at least twice, relative to the shop's share.

    An item with the shop's share has 0, one that nobody bought NaN.
    """
    bought = interactions.types == TYPES.index(EventType.PURCHASE)
    # Lines of one order count as one purchase.
    purchases = np.unique(
        np.stack([interactions.users[bought], interactions.items[bought], interactions.compute_ages_days[bought]]),
        axis=1,
    )
    users, items = purchases[0].astype(np.int64), purchases[1].astype(np.int64)
    visits = csr_matrix((np.ones(len(users)), (users, items)), shape=interactions.shape)
    visits.sum_duplicates()
    buyers = np.bincount(visits.indices, minlength=interactions.shape[1]).astype(np.float64)
    repeat_buyers = np.bincount(visits.indices[visits.data > 1], minlength=interactions.shape[1]).astype(np.float64)
    mean_share = repeat_buyers.sum() / buyers.sum() if buyers.sum() else 0.0
    if not mean_share:
        return np.where(buyers > 0, 0.0, np.nan).astype(np.float32)
    values = np.log((repeat_buyers + PRIOR_BUYERS * mean_share) / ((buyers + PRIOR_BUYERS) * mean_share))
    values[buyers == 0] = np.nan
    return values.astype(np.float32)
