"""Merging ranked lists into one, each list contributing its share at every depth."""

from collections.abc import Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

Hit = TypeVar("Hit")


class RankedShare(NamedTuple, Generic[Hit]):
    """A ranked list, best first, and its share of the result; shares sum to 1."""

    hits: Sequence[Hit]
    share: float


def interleave(
    lists: Sequence[RankedShare[Hit]], limit: int, key_of: Callable[[Hit], Hashable]
) -> list[tuple[Hit, int]]:
    """Return the first `limit` hits of all lists, each with the index of its list.

    The next hit comes from the list furthest behind its share, the first list on ties (Balinski and Young 1975, the
    quota method without its house limit). A hit whose key was returned already is skipped, at no cost to its list.
    """
    seen: set[Hashable] = set()
    merged: list[tuple[Hit, int]] = []
    iterators = [iter(ranked.hits) for ranked in lists]
    taken = [0] * len(lists)
    remaining = set(range(len(lists)))
    while remaining and len(merged) < limit:
        furthest = min(remaining, key=lambda index: (taken[index] - lists[index].share * (len(merged) + 1), index))
        hit = next((hit for hit in iterators[furthest] if key_of(hit) not in seen), None)
        if hit is None:
            remaining.discard(furthest)
            continue
        seen.add(key_of(hit))
        merged.append((hit, furthest))
        taken[furthest] += 1
    return merged
