"""What is learnt from: a question and what was right for it, whoever says so, people that rate or shoppers that buy."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice

import numpy as np

from engine.errors import InvalidCatalogue
from engine.events.event import Event, EventType
from engine.events.event_log import EventLog
from engine.recommend.history import weigh
from engine.recommend.scoring_weights import DEMAND, ScoringWeights
from engine.recommend.user_vector import UserVector, block_weights
from engine.scoring.fusion import BEHAVIOUR, TASTE
from engine.scoring.query import ImagePart, ItemPart, Part, Query, TastePart, TextPart, UserPart, VectorPart
from engine.search.searcher import Searcher
from indexer.evaluate.judgments import JudgedQuery

HIDDEN = 0.2
"""The share of a shopper's items, the latest, that their taste has to find."""
FEWEST_ITEMS = 5
MOST_USERS = 1_000

_KINDS: dict[type[Part], str] = {
    TextPart: "text",
    ImagePart: "image",
    ItemPart: "item",
    VectorPart: "vector",
    TastePart: TASTE,
    UserPart: TASTE,
}

SEEN_EVENTS = frozenset({BEHAVIOUR, DEMAND})
"""Blocks and signals that are learnt from the events themselves; they know the answers to questions made of them."""


@dataclass(frozen=True, slots=True)
class TrainingCase:
    """One question, without weights and boosts, and the ratings of items for it, item_id → rating."""

    query: Query
    ratings: Mapping[str, float]


def heard(query: Query, blocks: Iterable[str]) -> list[str]:
    """Return the blocks whose weights count for a query that names none: behaviour only where a part is aimed at it."""
    aimed = any(part.block == BEHAVIOUR for part in query.parts)
    return [block for block in blocks if block != BEHAVIOUR or aimed]


def kinds_of(cases: Iterable[TrainingCase]) -> tuple[str, ...]:
    """Return the kinds of parts that the cases are made of."""
    return tuple(sorted({_KINDS[type(part)] for case in cases for part in case.query.parts}))


def of_judgments(judged: Iterable[JudgedQuery]) -> list[TrainingCase]:
    """Return a case for each judged query."""
    return [TrainingCase(one.to_query({}, 1), one.ratings) for one in judged]


def of_events(searcher: Searcher, log: EventLog, seed: int = 7) -> list[TrainingCase]:
    """Return a case for each of at most MOST_USERS shoppers: does their taste so far find what they bought then?

    Of the items that a shopper bought, in order of the first time, the last fifth is looked for by all that they did
    before; what they had is no answer. Blocks that saw the events say nothing in it. Raises InvalidCatalogue if fewer
    than two shoppers bought enough.
    """
    users = np.array(log.user_ids(), object)
    drawn = np.random.default_rng(seed).permutation(len(users)).tolist()
    cases = list(islice(_cases(searcher, log, (str(users[place]) for place in drawn)), MOST_USERS))
    if len(cases) < 2:
        raise InvalidCatalogue(
            f"expected at least 2 shoppers who bought {FEWEST_ITEMS} items of the snapshot, got {len(cases)}"
        )
    return cases


def _cases(searcher: Searcher, log: EventLog, users: Iterable[str]) -> Iterator[TrainingCase]:
    recipe = ScoringWeights()
    dims = {block: dim for block, dim in searcher.snapshot.dims.items() if block not in SEEN_EVENTS}
    weights = block_weights(dims, recipe)
    for user in users:
        events = log.history(user)[::-1]
        before, after = split(events, searcher)
        if not after:
            continue
        taste = UserVector.of(weigh(before, recipe, before[-1].time_s), searcher.view, weights, recipe).whole
        if taste is not None and taste.weight > 0:
            had = frozenset(event.item_id for event in before)
            part = TastePart(taste.vectors)
            yield TrainingCase(Query((part,), excluded_ids=had), dict.fromkeys(after, 1.0))


def split(events: list[Event], searcher: Searcher) -> tuple[list[Event], list[str]]:
    """Return a shopper's events before the cut, oldest first, and the items they bought first after it.

    events: oldest first. Both are empty if the shopper bought too few of the snapshot's items.
    """
    first: dict[str, float] = {}
    for event in events:
        if event.type is EventType.PURCHASE:
            first.setdefault(event.item_id, event.time_s)
    bought = [item_id for item_id, row in zip(first, searcher.view.rows_of(first), strict=True) if row is not None]
    if len(bought) < FEWEST_ITEMS:
        return [], []
    cut_s = first[bought[len(bought) - max(1, round(HIDDEN * len(bought)))]]
    before = [event for event in events if event.time_s < cut_s]
    known = {event.item_id for event in before}
    after = [item_id for item_id in bought if first[item_id] >= cut_s and item_id not in known]
    return (before, after) if before and after else ([], [])
