"""The usual hybrid search: an index for each block, whose result lists are merged.

It has every advantage: the same indexes as ours, searched deep, and candidates rescored with the true formula.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import SIGNALS, Wide, chunks
from benchmarks.ground_truth import GroundTruth, WeightedVector
from engine.indexes.index import EXACT, Index, OperatingPoint, open_index
from engine.indexes.index_writer import AUTO, write_index
from engine.scoring.query import Query

RRF_K = 60
"""Constant of reciprocal rank fusion, as published."""

LATE_BOOST = 200
"""Number of top hits that are boosted if a boost is applied afterwards."""

Places = NDArray[np.int64]

_DEPTH = {"ivf": OperatingPoint(96, 4), "hnsw": OperatingPoint(1024, 1)}


@dataclass(frozen=True, slots=True)
class _List:
    """The index of one block.   places: the catalogue item of each row.   rows: the row of each item, -1 for none."""

    index: Index
    point: OperatingPoint
    places: Places
    rows: NDArray[np.int64]


class TwoLists:
    """A separate index for each block, over the items that have it."""

    def __init__(self, catalogue: Path, truth: GroundTruth, folder: Path, factory: str = AUTO) -> None:
        self._truth = truth
        self.item_ids = [item_id for chunk in chunks(catalogue, ()) for item_id in chunk.item_ids]
        signals = [chunk.signals for chunk in chunks(catalogue, SIGNALS)]
        self._signals = {name: np.concatenate([part[name] for part in signals]) for name in SIGNALS}
        self._lists: dict[str, _List] = {}
        started = time.perf_counter()
        for block in truth.dims:
            self._lists[block] = _write(catalogue, block, folder / block, factory)
        self.build_s = time.perf_counter() - started

    def describe(self) -> dict[str, object]:
        """Return the description of the two indexes in a result file."""
        points = {
            b: {"nprobe": block_list.point.nprobe, "k_factor": block_list.point.k_factor}
            for b, block_list in self._lists.items()
        }
        return {"build_s": round(self.build_s, 2), "points": points, "rrf_k": RRF_K, "late_boost": LATE_BOOST}

    def near(
        self, query: Query, wishes: Sequence[WeightedVector], depth: int, exact: bool = False
    ) -> dict[str, Places]:
        """Return, for each block with a weight above 0, the `depth` nearest items, best first.

        Each block is searched for one vector.   exact: compare every row instead of searching the index.
        """
        found = {}
        for wish in wishes:
            for block, vector in wish.vectors.items():
                if query.modality_weights[block] == 0:
                    continue
                block_list = self._lists[block]
                wanted = min(depth, len(block_list.index))
                _, rows = block_list.index.search(
                    vector.astype(np.float32)[None], wanted, EXACT if exact else block_list.point
                )
                found[block] = block_list.places[rows[0][rows[0] >= 0]]
        return found

    def union(self, query: Query, wishes: Sequence[WeightedVector], depth: int) -> list[str]:
        """Return the best of both lists' union by the true score."""
        lists = self.near(query, wishes, depth)
        return self._rescored(query, wishes, np.unique(np.concatenate(list(lists.values()))))

    def ranks(self, query: Query, wishes: Sequence[WeightedVector], depth: int) -> list[str]:
        """Return the best by reciprocal rank fusion, each block multiplied by its weight."""
        votes: dict[int, float] = {}
        for block, places in self.near(query, wishes, depth).items():
            for rank, place in enumerate(places.tolist(), start=1):
                votes[place] = votes.get(place, 0.0) + query.modality_weights[block] / (RRF_K + rank)
        order = sorted(votes, key=lambda place: (-votes[place], place))
        if query.boosts:
            return self._rescored(query, wishes, np.array(order[:LATE_BOOST], np.int64))
        return [self.item_ids[place] for place in order[: query.limit]]

    def _rescored(self, query: Query, wishes: Sequence[WeightedVector], places: Places) -> list[str]:
        """Return the best candidates by the true score; a boost is added to the top LATE_BOOST only."""
        present: dict[str, NDArray[np.bool_]] = {}
        vectors: dict[str, Wide] = {}
        for block, block_list in self._lists.items():
            rows = block_list.rows[places]
            present[block] = rows >= 0
            vectors[block] = block_list.index.rows(np.maximum(rows, 0)).astype(np.float64)
        similarities = [{b: vectors[b] @ vector for b, vector in wish.vectors.items()} for wish in wishes]
        signals = {name: values[places] for name, values in self._signals.items()}
        plain = self._truth.fuse(replace(query, boosts=()), wishes, similarities, present, signals)
        order = np.argsort(-plain, kind="stable")
        if query.boosts:
            boosted = self._truth.fuse(query, wishes, similarities, present, signals)
            order = order[:LATE_BOOST]
            order = order[np.argsort(-boosted[order], kind="stable")]
        best = order[: query.limit]
        return [self.item_ids[place] for place in places[best[np.isfinite(plain[best])]].tolist()]


def _write(catalogue: Path, block: str, folder: Path, factory: str) -> _List:
    folder.mkdir(parents=True, exist_ok=True)
    kept, places = [], []
    total = 0
    for chunk in chunks(catalogue, ()):
        there = np.flatnonzero(chunk.present[block])
        kept.append(chunk.blocks[block][there].astype(np.float16))
        places.append(there + chunk.start)
        total += len(chunk.item_ids)
    vectors, where = np.concatenate(kept), np.concatenate(places)
    for old in folder.iterdir():
        old.unlink()
    write_index(vectors, folder, factory, "cpu", lambda done, of: None)
    index = open_index(folder, "cpu")
    rows = np.full(total, -1, np.int64)
    rows[where] = np.arange(len(where))
    return _List(index, _DEPTH.get(index.strategy, EXACT), where, rows)
