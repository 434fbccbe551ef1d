"""What a good engineer would recommend with instead: the same log, the usual methods, each at its best setting.

A peer scores all items for the tested shoppers. Where a peer has a setting, each of a few is tried and all are shown.
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
"""Factors, the weight of an interaction, regularisation."""

_HALF_LIFE_DAYS = 30.0
_TIE = 1e-6
_SEED = 1


@dataclass(frozen=True, slots=True)
class Purchases:
    """What was bought, as a matrix of lines, and how old each line is."""

    items: list[str]
    counts: csr_matrix
    popularity: NDArray[np.float64]
    recent: NDArray[np.float64]
    tested: NDArray[np.int64]

    @classmethod
    def of(cls, training: Sequence[Event], item_ids: Sequence[str], user_ids: Sequence[str]) -> "Purchases":
        """Return the purchases of items of a catalogue. user_ids: the shoppers tested.

        Raises InvalidCatalogue if there are none.
        """
        places = {item_id: place for place, item_id in enumerate(item_ids)}
        known = {user_id: place for place, user_id in enumerate(user_ids)}
        bought = [event for event in training if event.type is EventType.PURCHASE and event.item_id in places]
        if not bought:
            raise InvalidCatalogue(
                f"expected purchases of the catalogue's {len(item_ids)} items, got none among {len(training)} events; "
                "both need the same item_ids"
            )
        users = np.array([known.setdefault(event.user_id, len(known)) for event in bought], np.int64)
        items = np.array([places[event.item_id] for event in bought], np.int64)
        times_s = np.array([event.time_s for event in bought])
        counts = csr_matrix((np.ones(len(bought), np.float32), (users, items)), shape=(len(known), len(item_ids)))
        counts.sum_duplicates()
        fresh = 0.5 ** (np.maximum(find_now_s(times_s) - times_s, 0.0) / 86_400.0 / _HALF_LIFE_DAYS)
        return cls(
            list(item_ids),
            counts,
            np.bincount(items, minlength=len(item_ids)).astype(np.float64),
            np.bincount(items, fresh, len(item_ids)).astype(np.float64),
            np.arange(len(user_ids)),
        )


def peers(bought: Purchases) -> Iterator[tuple[str, Scores]]:
    """Yield each peer's name and its scores of all items for the tested shoppers: (users, items)."""
    tested = len(bought.tested)
    own = bought.counts[bought.tested].toarray().astype(np.float64)
    popular = bought.popularity / bought.popularity.max()
    yield "own most bought", own + _TIE * popular
    yield "most bought", np.tile(bought.popularity, (tested, 1))
    yield "most bought, 30 days", np.tile(bought.recent, (tested, 1))
    for count in NEIGHBOURS:
        yield f"item-kNN bm25, {count}", _neighbours(bought, count) + _TIE * popular
    for factors, weight, regularisation in ALS_SETTINGS:
        name = f"ALS, {factors} factors, weight {weight:g}, regularisation {regularisation:g}"
        yield name, _als(bought, factors, weight, regularisation)


def _neighbours(bought: Purchases, count: int) -> Scores:
    from implicit.nearest_neighbours import BM25Recommender
    from implicit.utils import ParameterWarning

    model = BM25Recommender(K=count, num_threads=1)
    with warnings.catch_warnings():
        # It tells that it converts a matrix of its own.
        warnings.simplefilter("ignore", ParameterWarning)
        model.fit(bought.counts, show_progress=False)
    scores: Scores = (bought.counts[bought.tested] @ model.similarity.tocsr()).toarray().astype(np.float64)
    return scores


def _als(bought: Purchases, factors: int, weight: float, regularisation: float) -> Scores:
    from implicit.als import AlternatingLeastSquares

    with warnings.catch_warnings():
        # It is slower where the library of linear algebra has threads of its own; the result is the same.
        warnings.filterwarnings("ignore", "OpenBLAS is configured|Intel MKL BLAS is configured", RuntimeWarning)
        model = AlternatingLeastSquares(
            factors=factors, alpha=weight, regularization=regularisation, random_state=_SEED, num_threads=1
        )
        model.fit(bought.counts, show_progress=False)
    scores: Scores = np.asarray(model.user_factors[bought.tested] @ model.item_factors.T, np.float64)
    return scores
