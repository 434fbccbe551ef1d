"""Baseline recommenders: the standard methods on the same log, each in several settings, all reported.

A peer scores all items for the test shoppers.
"""

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from engine.errors import InvalidCatalogue
from engine.events.event import Event, EventType
from engine.events.shop_clock import find_now_s

Scores = NDArray[np.float64]

NEIGHBOURS = (20, 100, 200)
ALS_SETTINGS = ((32, 1.0, 0.05), (64, 1.0, 0.05), (128, 1.0, 0.05), (32, 5.0, 5.0), (64, 1.0, 5.0), (64, 20.0, 20.0))
"""Factors, weight of an interaction, regularisation."""

_HALF_LIFE_DAYS = 30.0
_TIE = 1e-6
_SEED = 1


@dataclass(frozen=True, slots=True)
class Purchases:
    """Purchase lines as a matrix, with popularity and time-decayed popularity of the items."""

    items: list[str]
    counts: csr_matrix
    popularity: NDArray[np.float64]
    recent: NDArray[np.float64]
    tested: NDArray[np.int64]

    @classmethod
    def from_events(cls, training: Sequence[Event], item_ids: Sequence[str], user_ids: Sequence[str]) -> "Purchases":
        """Return the purchases of items of a catalogue. user_ids: the test shoppers.

        Raises InvalidCatalogue if there are none.
        """
        item_indices = {item_id: index for index, item_id in enumerate(item_ids)}
        user_indices = {user_id: index for index, user_id in enumerate(user_ids)}
        purchases = [event for event in training if event.type is EventType.PURCHASE and event.item_id in item_indices]
        if not purchases:
            raise InvalidCatalogue(
                f"expected purchases of the catalogue's {len(item_ids)} items, got none among {len(training)} events; "
                "both need the same item_ids"
            )
        users = np.array([user_indices.setdefault(event.user_id, len(user_indices)) for event in purchases], np.int64)
        items = np.array([item_indices[event.item_id] for event in purchases], np.int64)
        times_s = np.array([event.time_s for event in purchases])
        counts = csr_matrix(
            (np.ones(len(purchases), np.float32), (users, items)), shape=(len(user_indices), len(item_ids))
        )
        counts.sum_duplicates()
        decay = 0.5 ** (np.maximum(find_now_s(times_s) - times_s, 0.0) / 86_400.0 / _HALF_LIFE_DAYS)
        return cls(
            list(item_ids),
            counts,
            np.bincount(items, minlength=len(item_ids)).astype(np.float64),
            np.bincount(items, decay, len(item_ids)).astype(np.float64),
            np.arange(len(user_ids)),
        )


def score_peers(purchases: Purchases) -> Iterator[tuple[str, Scores]]:
    """Yield each peer's name and its scores of all items for the test shoppers: (users, items)."""
    tested = len(purchases.tested)
    own = purchases.counts[purchases.tested].toarray().astype(np.float64)
    popular = purchases.popularity / purchases.popularity.max()
    yield "own most bought", own + _TIE * popular
    yield "most bought", np.tile(purchases.popularity, (tested, 1))
    yield "most bought, 30 days", np.tile(purchases.recent, (tested, 1))
    for count in NEIGHBOURS:
        yield f"item-kNN bm25, {count}", _neighbours(purchases, count) + _TIE * popular
    for factors, weight, regularisation in ALS_SETTINGS:
        name = f"ALS, {factors} factors, weight {weight:g}, regularisation {regularisation:g}"
        yield name, _als(purchases, factors, weight, regularisation)


def _neighbours(purchases: Purchases, count: int) -> Scores:
    from implicit.nearest_neighbours import BM25Recommender
    from implicit.utils import ParameterWarning

    model = BM25Recommender(K=count, num_threads=1)
    with warnings.catch_warnings():
        # It warns about converting its own matrix.
        warnings.simplefilter("ignore", ParameterWarning)
        model.fit(purchases.counts, show_progress=False)
    scores: Scores = (purchases.counts[purchases.tested] @ model.similarity.tocsr()).toarray().astype(np.float64)
    return scores


def _als(purchases: Purchases, factors: int, weight: float, regularisation: float) -> Scores:
    from implicit.als import AlternatingLeastSquares

    with warnings.catch_warnings():
        # Only a performance warning: BLAS threads make it slower, the result is the same.
        warnings.filterwarnings("ignore", "OpenBLAS is configured|Intel MKL BLAS is configured", RuntimeWarning)
        model = AlternatingLeastSquares(
            factors=factors, alpha=weight, regularization=regularisation, random_state=_SEED, num_threads=1
        )
        model.fit(purchases.counts, show_progress=False)
    scores: Scores = np.asarray(model.user_factors[purchases.tested] @ model.item_factors.T, np.float64)
    return scores
