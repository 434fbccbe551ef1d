"""How alike shoppers' tastes are to items, block by block: what a score of a recommendation is standardised with.

A taste is the mean of many items and lies nearer to all others than one item does, so the moments of items would call
every item an unusual match. They are taken of shoppers' own tastes, against items that they have not had.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.events.event import Event
from engine.recommend.history import compute_affinities
from engine.recommend.scoring_weights import ScoringWeights
from engine.scoring.fusion import TASTE, Moments
from engine.scoring.vectors import to_unit
from indexer.behaviour.interactions import NOT_IN_CATALOGUE
from indexer.embedding.calibration import SAMPLE, SMALLEST_STD
from indexer.events.event_table import TYPES, EventTable

Half = NDArray[np.float16]

MIN_TASTES = 2


def compute_taste_moments(
    events: EventTable,
    item_ids: Sequence[str],
    blocks: Mapping[str, Half],
    present: Mapping[str, NDArray[np.bool_]],
    scoring: ScoringWeights,
    seed: int = 7,
) -> dict[tuple[str, str], Moments]:
    """Return the moments of ("user", block) for each block that two shoppers or more have a taste in.

    blocks: name → (n, d_b) unit rows of the items.   Cost: some thousand shoppers and items at most.
    """
    rng = np.random.default_rng(seed)
    known = {item_id: place for place, item_id in enumerate(item_ids)}
    places = np.array([known.get(item_id, NOT_IN_CATALOGUE) for item_id in events.item_ids], np.int64)
    drawn = np.sort(rng.choice(len(events.user_ids), min(SAMPLE, len(events.user_ids)), replace=False))
    histories = _histories(events, drawn)
    tastes = []
    for history in histories:
        had = [(known[one.item_id], one.weight) for one in compute_affinities(history, scoring) if one.item_id in known]
        if any(weight > 0 for _, weight in had):
            tastes.append((np.array([place for place, _ in had]), np.array([weight for _, weight in had], np.float32)))
    if len(tastes) < MIN_TASTES or not (places != NOT_IN_CATALOGUE).any():
        return {}
    usual = {}
    for block, rows in blocks.items():
        there = np.flatnonzero(present[block])
        sample = np.sort(rng.choice(there, min(SAMPLE, len(there)), replace=False))
        moments = _moments(tastes, rows, rows[sample].astype(np.float32), sample)
        if moments is not None:
            usual[TASTE, block] = moments
    return usual


def _histories(events: EventTable, users: NDArray[np.int64]) -> list[list[Event]]:
    """Return the events of some shoppers, in order of time."""
    order = np.argsort(events.users, kind="stable")
    ends = np.searchsorted(events.users[order], users, side="right")
    starts = np.searchsorted(events.users[order], users, side="left")
    return [
        [
            Event(
                "",
                events.user_ids[user],
                events.item_ids[events.items[row]],
                TYPES[events.types[row]],
                float(events.times_s[row]),
                int(events.quantities[row]),
            )
            for row in order[start:end].tolist()
        ]
        for user, start, end in zip(users.tolist(), starts.tolist(), ends.tolist(), strict=True)
    ]


def _moments(
    tastes: Sequence[tuple[NDArray[np.int64], NDArray[np.float32]]],
    rows: Half,
    items: NDArray[np.float32],
    item_places: NDArray[np.int64],
) -> Moments | None:
    count, total, squares = 0, 0.0, 0.0
    for had, weights in tastes:
        taste = weights @ rows[had].astype(np.float32)
        if not np.linalg.norm(taste) > 0:
            continue
        products = (items @ to_unit(taste))[~np.isin(item_places, had)].astype(np.float64)
        count += len(products)
        total += float(products.sum())
        squares += float(np.square(products).sum())
    if count < MIN_TASTES:
        return None
    mean = total / count
    return Moments(mean, max(float(np.sqrt(max(squares / count - mean * mean, 0.0))), SMALLEST_STD))
