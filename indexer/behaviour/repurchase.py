"""How many of an item's buyers buy it again: bread is bought again, a sofa is not."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from engine.events.event import EventType
from indexer.behaviour.interactions import InteractionMatrix
from indexer.events.event_table import TYPES

PRIOR_BUYERS = 5.0
"""An item of few buyers is taken for usual as long as these outnumber them."""


def compute_repurchase(seen: InteractionMatrix) -> NDArray[np.float32]:
    """Return (items,) ln of the share of its buyers who bought an item at two times or more, beside the shop's own.

    An item with so many of them as is usual has 0; one that nobody bought NaN.
    """
    bought = seen.types == TYPES.index(EventType.PURCHASE)
    # Lines of one order say once that it was bought.
    times = np.unique(np.stack([seen.users[bought], seen.items[bought], seen.compute_ages_days[bought]]), axis=1)
    users, items = times[0].astype(np.int64), times[1].astype(np.int64)
    visits = csr_matrix((np.ones(len(users)), (users, items)), shape=seen.shape)
    visits.sum_duplicates()
    buyers = np.bincount(visits.indices, minlength=seen.shape[1]).astype(np.float64)
    returning = np.bincount(visits.indices[visits.data > 1], minlength=seen.shape[1]).astype(np.float64)
    usual = returning.sum() / buyers.sum() if buyers.sum() else 0.0
    if not usual:
        return np.where(buyers > 0, 0.0, np.nan).astype(np.float32)
    values = np.log((returning + PRIOR_BUYERS * usual) / ((buyers + PRIOR_BUYERS) * usual))
    values[buyers == 0] = np.nan
    return values.astype(np.float32)
