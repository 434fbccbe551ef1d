"""The exact results of a query, computed slowly and directly from the catalogue: the reference for the engine.

It shares no code with the engine's fusion and reads none of its rows; from the snapshot it uses only the calibration in
the manifest. For the query's blocks b that an item has,

    score(item) = scale * sum_b v_b * sum_p w_p * (<q_pb, x_b> - mean) / std  +  sum_j beta_j * (y_j - mean_j) / std_j

where scale is 1, or for RENORMALIZE the weight of all the query's blocks over that of those which the item has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import Wide, chunks
from engine.errors import InvalidQuery, ItemNotFound
from engine.scoring.query import ItemPart, Missing, Query, VectorPart
from engine.snapshot.manifest import Manifest

TIE = 1e-9
"""Scores that differ by no more count as equal: they are float64 sums of a few hundred terms near 1."""


@dataclass(frozen=True, slots=True)
class WeightedVector:
    """A query part as unit vectors by block."""

    kind: str
    weight: float
    vectors: Mapping[str, Wide]


@dataclass(frozen=True, slots=True)
class Only:
    """Items whose number is at least `low` and below `high`. numbers: (n,), of the whole catalogue."""

    numbers: Wide
    low: float
    high: float

    def mask(self, start: int, count: int) -> NDArray[np.bool_]:
        """Return which of `count` items from `start` on match."""
        here = self.numbers[start : start + count]
        return (here >= self.low) & (here < self.high)


@dataclass(frozen=True, slots=True)
class Truth:
    """The exact top k of each query, best first, and the true scores of the items that were found.

    scores: (nq, k), -inf where fewer items match.   item_ids: for each query, those of the finite scores.
    found: for each query, the true scores of its found items, -inf for items that do not match.
    """

    scores: Wide
    item_ids: list[list[str]]
    found: list[Wide]

    def recall(self, index: int, item_ids: Sequence[str], worth: Wide) -> float:
        """Return the recall of query `index`; items with equal scores are interchangeable.

        worth: the true scores of the found items, those of `found` or a part of it. Duplicates count once.
        """
        exact = self.scores[index][np.isfinite(self.scores[index])]
        if len(exact) == 0:
            return 1.0
        good = {item_id for item_id, score in zip(item_ids, worth, strict=True) if score >= exact[-1] - TIE}
        return min(len(good), len(exact)) / len(exact)


class GroundTruth:
    """A catalogue with its own vectors, and the calibration that a snapshot of it is scored with."""

    def __init__(self, catalogue: Path, manifest: Manifest) -> None:
        self._catalogue = catalogue
        self.dims = {block.name: block.dimensions for block in manifest.blocks}
        self._usual = {(entry.part_kind, entry.block): (entry.mean, entry.std) for entry in manifest.similarities}
        self._signals = {entry.name: (entry.mean, entry.std) for entry in manifest.signals}

    def grade(
        self, queries: Sequence[Query], k: int, found: Sequence[Sequence[str]] = (), only: Sequence[Only] = ()
    ) -> Truth:
        """Compute the truth for all queries in one pass over the catalogue.

        found: for each query, the ids of the items found; empty for none.   only: for each query, which items match,
        empty for all; the query's filter expression is not read.
        Cost: O(n * (distinct vectors * d + nq)); memory is that of one chunk for every distinct vector.
        """
        found = found or [()] * len(queries)
        asked = self.wishes(queries)
        vectors = _Distinct(asked)
        scores = np.full((len(queries), k), -np.inf)
        names: list[list[str]] = [[""] * k for _ in queries]
        worth = [np.full(len(ids), -np.inf) for ids in found]
        wanted: dict[str, list[tuple[int, int]]] = {}
        for index, ids in enumerate(found):
            for rank, item_id in enumerate(ids):
                wanted.setdefault(item_id, []).append((index, rank))
        for chunk in chunks(self._catalogue, tuple(self._signals)):
            similarities = vectors.similarities(chunk.blocks)
            here: dict[int, list[tuple[int, int]]] = {}
            for row, item_id in enumerate(chunk.item_ids):
                for index, rank in wanted.get(item_id, ()):
                    here.setdefault(index, []).append((rank, row))
            for index, (query, wishes) in enumerate(zip(queries, asked, strict=True)):
                near = [
                    {block: similarities[block][vectors.row(wish, block)] for block in wish.vectors} for wish in wishes
                ]
                fused = self.fuse(query, wishes, near, chunk.present, chunk.signals)
                if only:
                    fused[~only[index].mask(chunk.start, len(fused))] = -np.inf
                _keep_best(scores[index], names[index], fused, chunk.item_ids)
                for rank, row in here.get(index, ()):
                    worth[index][rank] = fused[row]
        kept = [row[: int(np.isfinite(best).sum())] for row, best in zip(names, scores, strict=True)]
        return Truth(scores, kept, worth)

    def fuse(
        self,
        query: Query,
        wishes: Sequence[WeightedVector],
        similarities: Sequence[Mapping[str, Wide]],
        present: Mapping[str, NDArray[np.bool_]],
        signals: Mapping[str, Wide],
    ) -> Wide:
        """Return the fused scores (m,) of m items, -inf for those that do not match.

        similarities: for each wish and block the cosines (m,), undefined where the item lacks the block.
        """
        weights = dict(query.modality_weights) or {block: 1.0 / len(self.dims) for block in self.dims}
        asked = [b for b in self.dims if weights.get(b, 0.0) != 0.0 and any(b in wish.vectors for wish in wishes)]
        if not asked:
            raise InvalidQuery("expected a part for a block of weight above 0, got none")
        there = {block: present[block] for block in asked}
        size = len(there[asked[0]])
        total, weight_there, has_any = np.zeros(size), np.zeros(size), np.zeros(size, np.bool_)
        for has in present.values():
            has_any |= has
        for block in asked:
            z = np.zeros(size)
            for wish, near in zip(wishes, similarities, strict=True):
                if block in near:
                    mean, std = self._usual[wish.kind, block]
                    z += wish.weight * (near[block] - mean) / std
            total += np.where(there[block], weights[block] * z, 0.0)
            weight_there += weights[block] * there[block]
        if query.missing is Missing.RENORMALIZE:
            answers = weight_there > 0
            total *= sum(weights[block] for block in asked) / np.where(answers, weight_there, 1.0)
        elif query.missing is Missing.NEUTRAL:
            answers = has_any
        else:
            answers = np.logical_and.reduce(list(there.values()))
        for boost in query.boosts:
            mean, std = self._signals[boost.field]
            value = signals[boost.field]
            total += boost.weight * np.where(np.isnan(value), 0.0, (value - mean) / std)
        return np.where(answers & has_any, total, -np.inf)

    def wishes(self, queries: Sequence[Query]) -> list[list[WeightedVector]]:
        """Return each query's parts as unit vectors. Raises InvalidQuery for parts that need an encoder."""
        items = self._items({part.item_id for query in queries for part in query.parts if isinstance(part, ItemPart)})
        units: dict[int, Wide] = {}
        return [[self._wish(part, items, units) for part in query.parts] for query in queries]

    def _wish(self, part: object, items: Mapping[str, Mapping[str, Wide]], units: dict[int, Wide]) -> WeightedVector:
        if isinstance(part, ItemPart):
            own = items[part.item_id]
            return WeightedVector("item", part.weight, {part.block: own[part.block]} if part.block else own)
        if not isinstance(part, VectorPart):
            raise InvalidQuery(f"expected parts of vectors and items, got {type(part).__name__}")
        if id(part.values) not in units:
            wide = part.values.astype(np.float64)
            units[id(part.values)] = wide / np.linalg.norm(wide)
        unit = units[id(part.values)]
        blocks = [part.block] if part.block else [b for b, dim in self.dims.items() if dim == len(unit)]
        return WeightedVector("vector", part.weight, dict.fromkeys(blocks, unit))

    def _items(self, wanted: set[str]) -> dict[str, dict[str, Wide]]:
        items: dict[str, dict[str, Wide]] = {}
        if not wanted:
            return items
        for chunk in chunks(self._catalogue, ()):
            for row, item_id in enumerate(chunk.item_ids):
                if item_id in wanted:
                    items[item_id] = {
                        block: rows[row].copy() for block, rows in chunk.blocks.items() if chunk.present[block][row]
                    }
        for item_id in wanted - items.keys():
            raise ItemNotFound(item_id)
        return items


class _Distinct:
    """The distinct vectors of many queries. Queries that differ in weights share them, and they determine the cost."""

    def __init__(self, asked: Sequence[Sequence[WeightedVector]]) -> None:
        self._rows: dict[str, dict[int, int]] = {}
        stacks: dict[str, list[Wide]] = {}
        for wishes in asked:
            for wish in wishes:
                for block, vector in wish.vectors.items():
                    rows = self._rows.setdefault(block, {})
                    if id(vector) not in rows:
                        rows[id(vector)] = len(rows)
                        stacks.setdefault(block, []).append(vector)
        self._stacks = {block: np.stack(vectors) for block, vectors in stacks.items()}

    def row(self, wish: WeightedVector, block: str) -> int:
        """Return the row of `similarities` that belongs to a wish."""
        return self._rows[block][id(wish.vectors[block])]

    def similarities(self, blocks: Mapping[str, Wide]) -> dict[str, Wide]:
        """Return, by block, the cosines of every distinct vector with every row."""
        return {block: stack @ blocks[block].T for block, stack in self._stacks.items()}


def _keep_best(scores: Wide, names: list[str], fused: Wide, item_ids: Sequence[str]) -> None:
    """Merge the scores of a chunk into a query's sorted top k, in place."""
    better = np.flatnonzero(fused > scores[-1])
    if len(better) == 0:
        return
    k = len(scores)
    if len(better) > k:
        better = better[np.argpartition(-fused[better], k - 1)[:k]]
    both = np.concatenate([scores, fused[better]])
    all_names = names + [item_ids[row] for row in better.tolist()]
    order = np.argsort(-both, kind="stable")[:k]
    scores[:] = both[order]
    names[:] = [all_names[index] for index in order.tolist()]
