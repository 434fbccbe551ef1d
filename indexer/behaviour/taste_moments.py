"""The similarity of shoppers' tastes to items per block, as mean and deviation that scores are standardised with.

A taste is the mean of many items and is closer to all others than one item is, so the moments of items would make every
item an outstanding match. These are measured on shoppers' own tastes, against items that are not in their history.
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
from indexer.embedding.calibration import MIN_STD, SAMPLE
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
    """Return the moments of (TASTE, block) for each block in which at least two shoppers have a taste.

    Cost: samples at most some thousand shoppers and items.

    Args:
        blocks: name → (n, d_b) unit rows of the items.
    """
    rng = np.random.default_rng(seed)
    indices = {item_id: index for index, item_id in enumerate(item_ids)}
    item_indices = np.array([indices.get(item_id, NOT_IN_CATALOGUE) for item_id in events.item_ids], np.int64)
    sampled_users = np.sort(rng.choice(len(events.user_ids), min(SAMPLE, len(events.user_ids)), replace=False))
    tastes = _find_tastes(_histories(events, sampled_users), indices, scoring)
    if len(tastes) < MIN_TASTES or not (item_indices != NOT_IN_CATALOGUE).any():
        return {}
    moments_by_block = {}
    for block, rows in blocks.items():
        with_block = np.flatnonzero(present[block])
        sample = np.sort(rng.choice(with_block, min(SAMPLE, len(with_block)), replace=False))
        moments = _moments(tastes, rows, rows[sample].astype(np.float32), sample)
        if moments is not None:
            moments_by_block[TASTE, block] = moments
    return moments_by_block


def _find_tastes(
    histories: Sequence[Sequence[Event]], indices: Mapping[str, int], scoring: ScoringWeights
) -> list[tuple[NDArray[np.int64], NDArray[np.float32]]]:
    """Return the item indices and affinity weights of each shopper who likes a known item."""
    tastes = []
    for history in histories:
        affinities = [affinity for affinity in compute_affinities(history, scoring) if affinity.item_id in indices]
        if any(affinity.weight > 0 for affinity in affinities):
            items = np.array([indices[affinity.item_id] for affinity in affinities])
            tastes.append((items, np.array([affinity.weight for affinity in affinities], np.float32)))
    return tastes


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
    sample_indices: NDArray[np.int64],
) -> Moments | None:
    count, total, squares = 0, 0.0, 0.0
    for history_items, weights in tastes:
        taste = weights @ rows[history_items].astype(np.float32)
        if not np.linalg.norm(taste) > 0:
            continue
        products = (items @ to_unit(taste))[~np.isin(sample_indices, history_items)].astype(np.float64)
        count += len(products)
        total += float(products.sum())
        squares += float(np.square(products).sum())
    if count < MIN_TASTES:
        return None
    mean = total / count
    return Moments(mean, max(float(np.sqrt(max(squares / count - mean * mean, 0.0))), MIN_STD))
