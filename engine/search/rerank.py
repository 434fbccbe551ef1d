"""What is done to a list of scored rows before it is a list of hits: groups, variety and pins, in that order.

A list is a stream of (score, row), best first, of which no more is drawn than the hits need.
"""

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

Scored = tuple[float, int]
Rows = NDArray[np.int64]


def collapsed(
    stream: Iterable[Scored], group_of: Callable[[int], Hashable | None], pinned: Container[int], taken: set[Hashable]
) -> Iterator[Scored]:
    """Give the best of each group; a row without a group stands for itself, a pinned one whatever its group.

    taken: the groups of pinned rows, of which no other row is given.
    """
    seen = set(taken)
    for score, row in stream:
        group = None if row in pinned else group_of(row)
        if group is not None:
            if group in seen:
                continue
            seen.add(group)
        yield score, row


def diversified(
    stream: Iterator[Scored],
    candidates: int,
    share: float,
    vectors_of: Callable[[Rows], Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]],
    weights: Mapping[str, float],
) -> Iterator[Scored]:
    """Give the first `candidates` by maximal marginal relevance, then the others as they come.

    Carbonell and Goldstein 1998: each next one has the largest share * relevance - (1 - share) * likeness to the
    most alike before it. Relevance is the score between the least and the largest of the candidates; likeness the mean
    cosine over the blocks that both have, by their weights.
    vectors_of: rows → block → (c, d_b) unit vectors, zero where missing, and (c,) whether there is one.
    """
    first = list(islice(stream, candidates))
    if first:
        scores = np.array([score for score, _ in first])
        blocks = vectors_of(np.array([row for _, row in first]))
        for place in _marginal(scores, share, _Likeness(blocks, weights, len(first))):
            yield first[place]
    yield from stream


def pinned(stream: Iterable[Scored], pins: Sequence[tuple[int, Scored]]) -> Iterator[Scored]:
    """Give the stream with each pin at its place, (place, (score, row)); where places clash the later pin moves down.

    A place behind the end is the end.
    """
    rows = {row for _, (_, row) in pins}
    waiting = sorted(enumerate(pins), key=lambda entry: (entry[1][0], entry[0]))
    given = 0
    for scored in chain(stream, [None]):
        if scored is not None and scored[1] in rows:
            continue
        while waiting and (scored is None or waiting[0][1][0] <= given):
            yield waiting.pop(0)[1][1]
            given += 1
        if scored is not None:
            yield scored
            given += 1


class _Likeness:
    """How alike candidates are to one of them."""

    def __init__(
        self,
        blocks: Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]],
        weights: Mapping[str, float],
        count: int,
    ) -> None:
        self._count = count
        self._blocks = [
            (weights[name], vectors, there) for name, (vectors, there) in blocks.items() if weights.get(name, 0.0)
        ]

    def to(self, place: int) -> NDArray[np.float64]:
        """Return the likeness of every candidate to one, 0 where they have no block in common: (c,)."""
        shared = np.zeros(self._count)
        alike = np.zeros(self._count)
        for weight, vectors, there in self._blocks:
            if there[place]:
                shared += weight * there
                alike += weight * (vectors @ vectors[place])
        likeness: NDArray[np.float64] = np.divide(alike, shared, out=np.zeros(self._count), where=shared > 0)
        return likeness


def _marginal(scores: NDArray[np.float64], share: float, likeness: _Likeness) -> Iterator[int]:
    low, high = scores.min(), scores.max()
    relevance = (scores - low) / (high - low) if high > low else np.ones(len(scores))
    nearest = np.full(len(scores), -np.inf)
    left = np.ones(len(scores), np.bool_)
    place = int(np.argmax(scores))
    for _ in range(len(scores)):
        yield place
        left[place] = False
        np.maximum(nearest, likeness.to(place), out=nearest)
        # The candidates come best first, and of equal values argmax takes the first.
        place = int(np.argmax(np.where(left, share * relevance - (1 - share) * nearest, -np.inf)))
