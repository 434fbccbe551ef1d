"""Training cases: a query and the ratings of items for it, from judgments or from purchases."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from engine.errors import InvalidCatalogue
from engine.events.event import Event, EventType
from engine.events.event_log import EventLog
from engine.recommend.history import compute_affinities
from engine.recommend.scoring_weights import DEMAND, ScoringWeights
from engine.recommend.user_vector import UserVector, block_weights
from engine.scoring.fusion import BEHAVIOUR, TASTE
from engine.scoring.query import ImagePart, ItemPart, Part, Query, TastePart, TextPart, UserPart, VectorPart
from engine.search.searcher import Searcher
from indexer.evaluate.judgments import JudgedQuery

HIDDEN_SHARE = 0.2
"""The share of a shopper's items, the latest, that their taste has to find."""
MIN_ITEMS = 5
MAX_USERS = 1_000

_PART_KINDS: dict[type[Part], str] = {
    TextPart: "text",
    ImagePart: "image",
    ItemPart: "item",
    VectorPart: "vector",
    TastePart: TASTE,
    UserPart: TASTE,
}

LEARNT_FROM_EVENTS = frozenset({BEHAVIOUR, DEMAND})
"""Blocks and signals learnt from the events themselves, which leak the answers of cases made from events."""


@dataclass(frozen=True, slots=True)
class TrainingCase:
    """One query, without weights and boosts, and the ratings of items for it, item_id → rating."""

    query: Query
    ratings: Mapping[str, float]


def weighted_blocks(query: Query, blocks: Iterable[str]) -> list[str]:
    """Return the blocks whose weights apply to a query that names none: behaviour only if a part targets it."""
    aimed = any(part.block == BEHAVIOUR for part in query.parts)
    return [block for block in blocks if block != BEHAVIOUR or aimed]


def part_kinds(cases: Iterable[TrainingCase]) -> tuple[str, ...]:
    """Return the kinds of query parts in the cases."""
    return tuple(sorted({_PART_KINDS[type(part)] for case in cases for part in case.query.parts}))


def cases_from_judgments(judged: Iterable[JudgedQuery]) -> list[TrainingCase]:
    """Return a case for each judged query."""
    return [TrainingCase(judged_query.to_query({}, 1), judged_query.ratings) for judged_query in judged]


def cases_from_events(searcher: Searcher, log: EventLog, seed: int = 7) -> list[TrainingCase]:
    """Return a case for each of at most MAX_USERS shoppers: does their taste find what they bought next?

    A shopper's items are ordered by first purchase. The last fifth is searched with the taste of everything before it;
    items of the history are excluded. Blocks learnt from the events take no part.

    Raises:
        InvalidCatalogue: Fewer than two shoppers bought enough.
    """
    users = np.array(log.user_ids(), object)
    order = np.random.default_rng(seed).permutation(len(users)).tolist()
    cases = list(islice(_cases(searcher, log, (str(users[index]) for index in order)), MAX_USERS))
    if len(cases) < 2:
        raise InvalidCatalogue(
            f"expected at least 2 shoppers who bought {MIN_ITEMS} items of the snapshot, got {len(cases)}"
        )
    return cases


def _cases(searcher: Searcher, log: EventLog, users: Iterable[str]) -> Iterator[TrainingCase]:
    scoring = ScoringWeights()
    dims = {block: dim for block, dim in searcher.snapshot.dims.items() if block not in LEARNT_FROM_EVENTS}
    weights = block_weights(dims, scoring)
    for user in users:
        events = log.history(user)[::-1]
        before, after = split_history(events, searcher)
        if not after:
            continue
        taste = UserVector.from_affinities(
            compute_affinities(before, scoring, before[-1].time_s), searcher.view, weights, scoring
        ).whole
        if taste is not None and taste.weight > 0:
            known_items = frozenset(event.item_id for event in before)
            part = TastePart(taste.vectors)
            yield TrainingCase(Query((part,), excluded_ids=known_items), dict.fromkeys(after, 1.0))


def split_history(events: list[Event], searcher: Searcher) -> tuple[list[Event], list[str]]:
    """Return a shopper's events before the cut, oldest first, and the items first bought after it.

    Both are empty if the shopper bought too few of the snapshot's items. events: oldest first.
    """
    first_purchases: dict[str, float] = {}
    for event in events:
        if event.type is EventType.PURCHASE:
            first_purchases.setdefault(event.item_id, event.time_s)
    bought = [
        item_id
        for item_id, row in zip(first_purchases, searcher.view.rows_of(first_purchases), strict=True)
        if row is not None
    ]
    if len(bought) < MIN_ITEMS:
        return [], []
    cut_s = first_purchases[bought[len(bought) - max(1, round(HIDDEN_SHARE * len(bought)))]]
    before = [event for event in events if event.time_s < cut_s]
    seen_before = {event.item_id for event in before}
    after = [item_id for item_id in bought if first_purchases[item_id] >= cut_s and item_id not in seen_before]
    return (before, after) if before and after else ([], [])
