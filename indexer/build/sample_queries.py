"""Queries for tuning and the recall gate, drawn from a catalogue's own items for every query class of the planner."""

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

NOISE = 0.75
"""Length of the noise added to an item's vectors to make a query; leaves a cosine of about .8 to the item."""

# In standard deviations of the similarity of one block; the planner does not leave stronger boosts to the index.
BOOST_RANGE = (0.1, STRONG_BOOST)

WEIGHTS = (0.2, 0.5, 0.8)

LEARNED_SHARE = 0.5
"""Share of single-part queries that use the weights learned for their kind, where the snapshot has any."""

POLICIES = (Missing.RENORMALIZE, Missing.DROP)


@dataclass(frozen=True, slots=True)
class QuerySampler:
    """Draws queries from the items of a snapshot; the same seed draws the same queries."""

    snapshot: Snapshot
    seed: int

    @property
    def _comparable_blocks(self) -> dict[str, tuple[str, ...]]:
        """Each block that a model made, with all blocks that vectors of that model are compared with."""
        manifest = self.snapshot.manifest
        groups = (manifest.encoded_blocks, manifest.text_encoded_blocks)
        return {block: blocks for blocks in groups for block in blocks}

    @property
    def _same_dimension(self) -> dict[str, tuple[str, ...]]:
        """Each block that no model made, with all such blocks of its dimension, which one vector is compared with."""
        dims = {block: dim for block, dim in self.snapshot.dims.items() if block not in self._comparable_blocks}
        groups = {block: tuple(other for other in dims if dims[other] == dim) for block, dim in dims.items()}
        return {block: blocks for block, blocks in groups.items() if len(blocks) > 1}

    @property
    def _learned_weights(self) -> dict[str, dict[str, float]]:
        """Kind of part to the weights of the vector blocks, for kinds that the snapshot has weights for."""
        learned: dict[str, dict[str, float]] = {}
        for record in self.snapshot.manifest.part_weights:
            if record.block in self.snapshot.dims:
                weights = learned.setdefault(record.part_kind, dict.fromkeys(self.snapshot.dims, 0.0))
                weights[record.block] = record.weight
        return learned

    def draw(self, query_class: str, count: int) -> list[FusedQuery]:
        """Return `count` queries of a class, none if the snapshot does not support the class.

        If some items lack blocks, each query comes once for each of POLICIES: the policy for missing blocks decides
        which stratum the best items are in, and so which index has to find them.
        """
        rng = np.random.default_rng([self.seed, len(query_class), count])
        if query_class == COMPOSED and len(self.snapshot.dims) < 2:
            return []
        if query_class == BOOSTED and not self.snapshot.signals:
            return []
        draw: dict[str, Callable[[np.random.Generator], FusedQuery]] = {
            AGREEING: self._draw_agreeing,
            SINGLE: self._draw_single,
            COMPOSED: self._draw_composed,
            BOOSTED: self._draw_boosted,
        }
        if query_class == FILTERED:
            # Of each class in turn, since a filter can come with any of them.
            supported = [name for name in draw if self.draw(name, 1)]
            drawn = [draw[supported[number % len(supported)]](rng) for number in range(count)]
        else:
            drawn = [draw[query_class](rng) for _ in range(count)]
        if len(self.snapshot.strata) == 1:
            return drawn
        return [replace(query, missing=policy) for policy in POLICIES for query in drawn]

    def select(self, query_class: str) -> RowSelection | None:
        """Return the rows that queries of a class are restricted to, None for all."""
        if query_class != FILTERED:
            return None
        rng = np.random.default_rng([self.seed, len(self.snapshot)])
        filters = [RowFilter(rng.random(len(stratum.index)) < FILTERED_SHARE) for stratum in self.snapshot.strata]
        count = sum(row_filter.count for row_filter in filters)
        return RowSelection(tuple(filters), count, count / max(1, len(self.snapshot)))

    def _draw_agreeing(self, rng: np.random.Generator, boosts: dict[str, float] | None = None) -> FusedQuery:
        vectors = self._add_noise(rng, self._draw_item(rng, list(self.snapshot.dims)))
        kinds = [name for name in self._comparable_blocks if name in vectors]
        shared = self._same_dimension
        kind = str(rng.choice(["item", *kinds, *(name for name in shared if name in vectors)]))
        learned = self._learned_weights.get(kind, {})
        if kind in shared:
            # Unlike an item, one vector for several blocks is mostly near the items of one of them only.
            kind, vectors = "vector", dict.fromkeys(shared[kind], vectors[kind])
        elif kind != "item":
            # A text or image is compared with every block of its encoder by one vector, across the modality gap.
            vectors = dict.fromkeys(self._comparable_blocks[kind], vectors[kind])
        part = EncodedPart(kind, 1.0, vectors)
        if sum(learned.get(block, 0.0) > 0 for block in vectors) > 1 and rng.random() < LEARNED_SHARE:
            return compose([part], learned, self.snapshot.calibration, boosts or {}, Missing.RENORMALIZE)
        return self._compose([part], rng, boosts or {})

    def _draw_boosted(self, rng: np.random.Generator) -> FusedQuery:
        weight = float(np.exp(rng.uniform(*np.log(BOOST_RANGE)))) * float(rng.choice([-1.0, 1.0]))
        boosts = {str(rng.choice(self.snapshot.signals)): weight}
        return (
            self._draw_composed(rng, boosts)
            if rng.random() < 0.5 and len(self.snapshot.dims) > 1
            else self._draw_agreeing(rng, boosts)
        )

    def _draw_single(self, rng: np.random.Generator) -> FusedQuery:
        block = str(rng.choice(list(self.snapshot.dims)))
        # With learned weights, some kinds of parts use this block alone, from across the modality gap too.
        comparable = self._comparable_blocks
        alone = [
            kind for kind in self._learned_weights if kind in self.snapshot.dims and block in comparable.get(kind, ())
        ]
        shared = [name for name in self._same_dimension.get(block, ()) if name != block]
        kind = str(rng.choice(["item", *alone, *shared])) if alone or shared else "item"
        own = block if kind == "item" else kind
        vector = self._add_noise(rng, self._draw_item(rng, [own]))[own]
        part = EncodedPart("vector" if kind in shared else kind, 1.0, {block: vector})
        return self._compose([part], rng, {}, only=block)

    def _draw_composed(self, rng: np.random.Generator, boosts: dict[str, float] | None = None) -> FusedQuery:
        vectors = {block: self._add_noise(rng, self._draw_item(rng, [block]))[block] for block in self.snapshot.dims}
        return self._compose([EncodedPart("item", 1.0, vectors)], rng, boosts or {})

    def _compose(
        self, parts: Sequence[EncodedPart], rng: np.random.Generator, boosts: dict[str, float], only: str = ""
    ) -> FusedQuery:
        blocks = list(self.snapshot.dims)
        first = 1.0 if len(blocks) == 1 else float(rng.choice(WEIGHTS))
        weights = {
            block: first if number == 0 else (1 - first) / (len(blocks) - 1) for number, block in enumerate(blocks)
        }
        if only:
            weights = {block: float(block == only) for block in blocks}
        return compose(parts, weights, self.snapshot.calibration, boosts, Missing.RENORMALIZE)

    def _draw_item(self, rng: np.random.Generator, blocks: Sequence[str] = ()) -> dict[str, Matrix]:
        """Return the vectors of a random item that has these blocks, or of any item if none has them all."""
        strata = [stratum for stratum in self.snapshot.strata if set(blocks) <= set(stratum.blocks)]
        strata = strata or list(self.snapshot.strata)
        sizes = np.array([len(stratum.index) for stratum in strata], np.float64)
        stratum = strata[int(rng.choice(len(strata), p=sizes / sizes.sum()))]
        return self.snapshot.vectors(stratum.start + int(rng.integers(len(stratum.index))))

    def _add_noise(self, rng: np.random.Generator, vectors: dict[str, Matrix]) -> dict[str, Matrix]:
        return {
            block: to_unit(vector + NOISE * to_unit(rng.standard_normal(len(vector))))
            for block, vector in vectors.items()
        }
