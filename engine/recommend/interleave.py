"""Several ranked lists as one, each getting its share of every stretch from the top."""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

Hit = TypeVar("Hit")


class RankedShare(NamedTuple, Generic[Hit]):
    """One list, best first, and its share of the whole; shares sum to 1."""

    hits: Sequence[Hit]
    share: float


def interleaved(
    lists: Sequence[RankedShare[Hit]], limit: int, key_of: Callable[[Hit], Hashable]
) -> list[tuple[Hit, int]]:
    """Return the first `limit` hits of all lists, each with the place of the list that gave it.

    The next hit is of the list that is furthest behind its share (Balinski and Young 1975, the quota method without
    its house limit), of equal ones the first. A hit whose key was given is passed over, and costs its list no turn.
    """
    given: set[Hashable] = set()
    chosen: list[tuple[Hit, int]] = []
    waiting = [iter(one.hits) for one in lists]
    turns = [0] * len(lists)
    left = set(range(len(lists)))
    while left and len(chosen) < limit:
        behind = min(left, key=lambda place: (turns[place] - lists[place].share * (len(chosen) + 1), place))
        hit = next((hit for hit in waiting[behind] if key_of(hit) not in given), None)
        if hit is None:
            left.discard(behind)
            continue
        given.add(key_of(hit))
        chosen.append((hit, behind))
        turns[behind] += 1
    return chosen
