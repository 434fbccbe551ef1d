"""Reorders a list of scored rows: collapses groups, diversifies, and inserts pins, in that order.

A list is a stream of (score, row), best first, and no more of it is consumed than the hits need.
"""

from collections.abc import Callable, Container, Hashable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice

import numpy as np
from numpy.typing import NDArray

Scored = tuple[float, int]
Rows = NDArray[np.int64]


def collapse(
    stream: Iterable[Scored],
    get_group: Callable[[int], Hashable | None],
    pinned: Container[int],
    pinned_groups: set[Hashable],
) -> Iterator[Scored]:
    """Yield the best row of each group; rows without a group and pinned rows are all yielded.

    Args:
        stream: Scored rows, best first.
        get_group: Returns the group of a row, None if it has none.
        pinned: Rows that are yielded whatever their group.
        pinned_groups: The groups of pinned rows, of which no other row is yielded.
    """
    seen = set(pinned_groups)
    for score, row in stream:
        group = None if row in pinned else get_group(row)
        if group is not None:
            if group in seen:
                continue
            seen.add(group)
        yield score, row


def diversify(
    stream: Iterator[Scored],
    candidates: int,
    share: float,
    vectors_of: Callable[[Rows], Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]],
    weights: Mapping[str, float],
) -> Iterator[Scored]:
    """Yield the first `candidates` by maximal marginal relevance, then the others unchanged.

    Carbonell and Goldstein 1998: each next row has the largest share * relevance - (1 - share) * similarity to the most
    similar row before it. Relevance is the score, scaled to 0..1 over the candidates; similarity is the mean cosine
    over the blocks that both rows have, by the weights of the blocks.

    Args:
        stream: Scored rows, best first.
        candidates: How many of them are reordered.
        share: How much relevance counts, 0 to 1.
        vectors_of: Returns block → (c, d_b) unit vectors, zero where missing, and (c,) whether the row has the block.
        weights: Block → weight.
    """
    first = list(islice(stream, candidates))
    if first:
        scores = np.array([score for score, _ in first])
        blocks = vectors_of(np.array([row for _, row in first]))
        for position in _order_by_marginal_relevance(scores, share, _Similarity(blocks, weights, len(first))):
            yield first[position]
    yield from stream


def insert_pins(stream: Iterable[Scored], pins: Sequence[tuple[int, Scored]]) -> Iterator[Scored]:
    """Yield the stream with each pin, (position, (score, row)), at its position.

    Of two pins for one position the later moves down. A position beyond the end is the end.
    """
    rows = {row for _, (_, row) in pins}
    waiting = sorted(enumerate(pins), key=lambda entry: (entry[1][0], entry[0]))
    count = 0
    for scored in chain(stream, [None]):
        if scored is not None and scored[1] in rows:
            continue
        while waiting and (scored is None or waiting[0][1][0] <= count):
            yield waiting.pop(0)[1][1]
            count += 1
        if scored is not None:
            yield scored
            count += 1


class _Similarity:
    """The similarity of candidates to each other."""

    def __init__(
        self,
        blocks: Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]],
        weights: Mapping[str, float],
        count: int,
    ) -> None:
        self._count = count
        self._blocks = [
            (weights[name], vectors, present) for name, (vectors, present) in blocks.items() if weights.get(name, 0.0)
        ]

    def to(self, position: int) -> NDArray[np.float64]:
        """Return (c,) the similarity of every candidate to one of them, 0 where they share no block."""
        shared = np.zeros(self._count)
        total = np.zeros(self._count)
        for weight, vectors, present in self._blocks:
            if present[position]:
                shared += weight * present
                total += weight * (vectors @ vectors[position])
        similarity: NDArray[np.float64] = np.divide(total, shared, out=np.zeros(self._count), where=shared > 0)
        return similarity


def _order_by_marginal_relevance(scores: NDArray[np.float64], share: float, similarity: _Similarity) -> Iterator[int]:
    low, high = scores.min(), scores.max()
    relevance = (scores - low) / (high - low) if high > low else np.ones(len(scores))
    nearest = np.full(len(scores), -np.inf)
    left = np.ones(len(scores), np.bool_)
    position = int(np.argmax(scores))
    for _ in range(len(scores)):
        yield position
        left[position] = False
        np.maximum(nearest, similarity.to(position), out=nearest)
        # The candidates come best first, and argmax returns the first of equal values.
        position = int(np.argmax(np.where(left, share * relevance - (1 - share) * nearest, -np.inf)))
