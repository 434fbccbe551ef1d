"""Queries made from a catalogue's own items, of every class the planner knows: what an index is tuned and gated on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.indexes.row_filter import RowFilter
from engine.scoring.fusion import EncodedPart, FusedQuery, Matrix, compose
from engine.scoring.query import Missing
from engine.scoring.vectors import to_unit
from engine.search.depth_planner import AGREEING, BOOSTED, COMPOSED, FILTERED, FILTERED_SHARE, SINGLE, STRONG_BOOST
from engine.search.row_selection import RowSelection
from engine.snapshot.snapshot import Snapshot

# A query is an item seen through noise of this length, which leaves a cosine of about .8 to the item.
NOISE = 0.75

# In standard deviations of the similarity of one block; stronger ones are not left to the index.
BOOST_RANGE = (0.1, STRONG_BOOST)

WEIGHTS = (0.2, 0.5, 0.8)

LEARNT_SHARE = 0.5
"""Of queries of one part, how many are asked with the snapshot's own weights for its kind, where it has such."""

POLICIES = (Missing.RENORMALIZE, Missing.DROP)


@dataclass(frozen=True, slots=True)
class QuerySampler:
    """Draws queries from the items of a snapshot; the same seed draws the same queries."""

    snapshot: Snapshot
    seed: int

    @property
    def _spoken(self) -> dict[str, tuple[str, ...]]:
        """Each block that a model made, and all blocks that its vectors speak to."""
        manifest = self.snapshot.manifest
        groups = (manifest.encoded_blocks, manifest.text_encoded_blocks)
        return {block: blocks for blocks in groups for block in blocks}

    @property
    def _same_dimension(self) -> dict[str, tuple[str, ...]]:
        """Each block that no model made, and all such blocks of its dimension: a caller's vector addresses them all."""
        dims = {block: dim for block, dim in self.snapshot.dims.items() if block not in self._spoken}
        groups = {block: tuple(other for other in dims if dims[other] == dim) for block, dim in dims.items()}
        return {block: blocks for block, blocks in groups.items() if len(blocks) > 1}

    @property
    def _learnt(self) -> dict[str, dict[str, float]]:
        """Kind of part → block of vectors → what it weighs where the snapshot tells it."""
        learnt: dict[str, dict[str, float]] = {}
        for record in self.snapshot.manifest.part_weights:
            if record.block in self.snapshot.dims:
                learnt.setdefault(record.part_kind, dict.fromkeys(self.snapshot.dims, 0.0))[record.block] = (
                    record.weight
                )
        return learnt

    def draw(self, query_class: str, count: int) -> list[FusedQuery]:
        """Return `count` queries of a class, none if the snapshot cannot be asked such a one.

        Where items lack blocks each query comes once for each of POLICIES, since what is left out decides which
        stratum the best items stand in, and so which index has to find them.
        """
        rng = np.random.default_rng([self.seed, len(query_class), count])
        if query_class == COMPOSED and len(self.snapshot.dims) < 2:
            return []
        if query_class == BOOSTED and not self.snapshot.signals:
            return []
        draw: dict[str, Callable[[np.random.Generator], FusedQuery]] = {
            AGREEING: self._agreeing,
            SINGLE: self._single,
            COMPOSED: self._composed,
            BOOSTED: self._boosted,
        }
        if query_class == FILTERED:
            # Of each class in turn, since a filter may come with any of them.
            asked = [name for name in draw if self.draw(name, 1)]
            drawn = [draw[asked[place % len(asked)]](rng) for place in range(count)]
        else:
            drawn = [draw[query_class](rng) for _ in range(count)]
        if len(self.snapshot.strata) == 1:
            return drawn
        return [replace(query, missing=policy) for policy in POLICIES for query in drawn]

    def select(self, query_class: str) -> RowSelection | None:
        """Return the rows among which queries of a class are asked, None for all."""
        if query_class != FILTERED:
            return None
        rng = np.random.default_rng([self.seed, len(self.snapshot)])
        rows = [RowFilter(rng.random(len(stratum.index)) < FILTERED_SHARE) for stratum in self.snapshot.strata]
        count = sum(some.count for some in rows)
        return RowSelection(tuple(rows), count, count / max(1, len(self.snapshot)))

    def _agreeing(self, rng: np.random.Generator, boosts: dict[str, float] | None = None) -> FusedQuery:
        vectors = self._seen(rng, self._item(rng, list(self.snapshot.dims)))
        kinds = [name for name in self._spoken if name in vectors]
        shared = self._same_dimension
        kind = str(rng.choice(["item", *kinds, *(name for name in shared if name in vectors)]))
        learnt = self._learnt.get(kind, {})
        if kind in shared:
            # Unlike an item, one vector for several blocks is mostly near the items of one of them only.
            kind, vectors = "vector", dict.fromkeys(shared[kind], vectors[kind])
        elif kind != "item":
            # Words and pictures speak to every block of their encoder with one vector, across the modality gap.
            vectors = dict.fromkeys(self._spoken[kind], vectors[kind])
        part = EncodedPart(kind, 1.0, vectors)
        if sum(learnt.get(block, 0.0) > 0 for block in vectors) > 1 and rng.random() < LEARNT_SHARE:
            return compose([part], learnt, self.snapshot.calibration, boosts or {}, Missing.RENORMALIZE)
        return self._compose([part], rng, boosts or {})

    def _boosted(self, rng: np.random.Generator) -> FusedQuery:
        weight = float(np.exp(rng.uniform(*np.log(BOOST_RANGE)))) * float(rng.choice([-1.0, 1.0]))
        boosts = {str(rng.choice(self.snapshot.signals)): weight}
        return (
            self._composed(rng, boosts)
            if rng.random() < 0.5 and len(self.snapshot.dims) > 1
            else self._agreeing(rng, boosts)
        )

    def _single(self, rng: np.random.Generator) -> FusedQuery:
        block = str(rng.choice(list(self.snapshot.dims)))
        # Of kinds whose weights were learnt some speak to this block alone, from across the modality gap too.
        alone = [kind for kind in self._learnt if kind in self.snapshot.dims and block in self._spoken.get(kind, ())]
        shared = [name for name in self._same_dimension.get(block, ()) if name != block]
        kind = str(rng.choice(["item", *alone, *shared])) if alone or shared else "item"
        own = block if kind == "item" else kind
        vector = self._seen(rng, self._item(rng, [own]))[own]
        part = EncodedPart("vector" if kind in shared else kind, 1.0, {block: vector})
        return self._compose([part], rng, {}, only=block)

    def _composed(self, rng: np.random.Generator, boosts: dict[str, float] | None = None) -> FusedQuery:
        vectors = {block: self._seen(rng, self._item(rng, [block]))[block] for block in self.snapshot.dims}
        return self._compose([EncodedPart("item", 1.0, vectors)], rng, boosts or {})

    def _compose(
        self, parts: Sequence[EncodedPart], rng: np.random.Generator, boosts: dict[str, float], only: str = ""
    ) -> FusedQuery:
        blocks = list(self.snapshot.dims)
        first = 1.0 if len(blocks) == 1 else float(rng.choice(WEIGHTS))
        weights = {
            block: first if place == 0 else (1 - first) / (len(blocks) - 1) for place, block in enumerate(blocks)
        }
        if only:
            weights = {block: float(block == only) for block in blocks}
        return compose(parts, weights, self.snapshot.calibration, boosts, Missing.RENORMALIZE)

    def _item(self, rng: np.random.Generator, blocks: Sequence[str] = ()) -> dict[str, Matrix]:
        """Return the vectors of a random item that has these blocks, or of any if none has them all."""
        strata = [stratum for stratum in self.snapshot.strata if set(blocks) <= set(stratum.blocks)]
        strata = strata or list(self.snapshot.strata)
        sizes = np.array([len(stratum.index) for stratum in strata], np.float64)
        stratum = strata[int(rng.choice(len(strata), p=sizes / sizes.sum()))]
        return self.snapshot.vectors(stratum.start + int(rng.integers(len(stratum.index))))

    def _seen(self, rng: np.random.Generator, vectors: dict[str, Matrix]) -> dict[str, Matrix]:
        return {
            block: to_unit(vector + NOISE * to_unit(rng.standard_normal(len(vector))))
            for block, vector in vectors.items()
        }
