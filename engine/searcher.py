"""One snapshot answering queries: parts to vectors, vectors to one fused query, the best rows of every stratum."""

from collections.abc import Mapping, Sequence
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.encoder import Encoder
from engine.errors import DimensionMismatch, DiptychError, InvalidQuery, NoEncoder, UnknownBlock
from engine.fusion import (
    FusedQuery,
    Matrix,
    SpokenPart,
    block_weights,
    check_weight,
    compose,
    contributions,
    stratum_query,
    stratum_scale,
)
from engine.images import decode
from engine.index import EXACT, OperatingPoint
from engine.planner import MEASURED_K, Choice, Planner, at_size, query_class
from engine.records import Answer, Hit, ImagePart, ItemPart, Missing, Part, Plan, Query, TextPart, Timings, VectorPart
from engine.snapshot import Snapshot
from engine.vectors import to_query

EXACT_STRATEGY = "exact"
EVERY_CELL = OperatingPoint(2**20, 1)
WITH_CELLS = ("ivf", "hnsw")
"""Ends of the names of strategies whose depth is a number of cells, or of a graph's candidates."""


class Searcher:
    """A snapshot with its own encoder (None if it was built from vectors alone); any number of threads may ask."""

    def __init__(self, snapshot: Snapshot, encoder: Encoder | None) -> None:
        self.snapshot = snapshot
        self.encoder = encoder
        self.planner = Planner(snapshot.manifest.operating_points, snapshot.manifest.recall_target)
        self._blocks = tuple(snapshot.dims)
        self._encoded = tuple(block.name for block in snapshot.manifest.blocks if block.encoded)
        self._largest_rows = max((len(stratum.index) for stratum in snapshot.strata), default=0)
        self.strategy = max(snapshot.strata, key=lambda stratum: len(stratum.index)).index.strategy

    def search(self, query: Query) -> Answer:
        """Return the best items for a query. Raises InvalidQuery, ItemNotFound; the field named is that of the part."""
        (outcome,) = self.search_many((query,))
        if isinstance(outcome, DiptychError):
            raise outcome
        return outcome

    def warm_up(self) -> None:
        """Answer an item, and a text if there is a model, and look once at every row and every cell.

        What fails here would fail for callers, and mapped files are read from disk as they are first looked at.
        Cost: one exact search.
        """
        item = ItemPart(self.snapshot.items.item_id(0))
        self.search(Query((item,)))
        if self.encoder is not None:
            self.search(Query((TextPart("warm"),)))
        vectors = {block: np.ones(dim, np.float32) for block, dim in self.snapshot.dims.items()}
        everything = FusedQuery(vectors, dict.fromkeys(vectors, 0.0), dict.fromkeys(vectors, 1.0), {}, Missing.NEUTRAL)
        self.nearest(everything, MEASURED_K, EXACT)
        self.nearest(everything, MEASURED_K, EVERY_CELL)

    def search_many(self, queries: Sequence[Query]) -> list[Answer | DiptychError]:
        """Return, for each query, its answer or why there is none.

        Queries that need the same depth share one search of each stratum, which costs each a quarter less from eight
        queries on.
        """
        outcomes: list[Answer | DiptychError | None] = [None] * len(queries)
        groups: dict[tuple[OperatingPoint, int], list[_Asked]] = {}
        for place, query in enumerate(queries):
            try:
                asked = self._ask(place, query)
            except DiptychError as error:
                outcomes[place] = error
            else:
                groups.setdefault((asked.choice.point, query.limit), []).append(asked)
        for (point, limit), group in groups.items():
            started = perf_counter_ns()
            found = self.nearest_many([asked.fused for asked in group], limit, point)
            search_us = (perf_counter_ns() - started) // 1000
            for asked, best in zip(group, found, strict=True):
                outcomes[asked.place] = self._answer(asked, best, search_us)
        return [outcome for outcome in outcomes if outcome is not None]

    def _ask(self, place: int, query: Query) -> "_Asked":
        started = perf_counter_ns()
        parts = self.speak(query.parts)
        encoded = perf_counter_ns()
        fused = self.fuse(query, parts)
        choice = self.planner.choose(query_class(fused, parts), query.recall_target)
        plan_us = (perf_counter_ns() - encoded) // 1000
        return _Asked(place, query, fused, choice, (encoded - started) // 1000, plan_us)

    def _answer(self, asked: "_Asked", found: "Found", search_us: int) -> Answer:
        started = perf_counter_ns()
        hits = self._hits(asked.fused, found.scores, found.rows, asked.query.explain)
        plan = Plan(
            strategy=found.strategy,
            query_class=asked.choice.query_class,
            nprobe=found.nprobe,
            candidates=found.candidates,
            selectivity=1.0,
            expected_recall=1.0 if found.strategy in (EXACT_STRATEGY, "") else asked.choice.expected_recall,
        )
        score_us = (perf_counter_ns() - started) // 1000
        return Answer(hits, self.snapshot.name, plan, Timings(asked.encode_us, asked.plan_us, search_us, score_us))

    def speak(self, parts: Sequence[Part]) -> list[SpokenPart]:
        """Return each part as one unit vector for each block that it speaks to."""
        encoded = self._encode(parts)
        spoken = []
        for place, part in enumerate(parts):
            field = f"parts[{place}]"
            if part.block and part.block not in self._blocks:
                raise UnknownBlock(part.block, self._blocks, f"{field}.block")
            if isinstance(part, VectorPart):
                kind, vectors = "vector", self._of_vector(part, field)
            elif isinstance(part, ItemPart):
                kind, vectors = "item", dict(self.snapshot.vectors(self.snapshot.items.row_of(part.item_id)))
            else:
                kind = "text" if isinstance(part, TextPart) else "image"
                vectors = dict.fromkeys(self._encoded, encoded[place])
            if part.block:
                if part.block not in vectors:
                    raise InvalidQuery(f"expected a part that speaks to block {part.block!r}, got {kind}", field)
                vectors = {part.block: vectors[part.block]}
            spoken.append(SpokenPart(kind, check_weight(part.weight, f"{field}.weight"), vectors))
        return spoken

    def fuse(self, query: Query, parts: Sequence[SpokenPart]) -> FusedQuery:
        """Return the query as coefficients of the stored rows."""
        boosts: dict[str, float] = {}
        for place, boost in enumerate(query.boosts):
            if boost.signal not in self.snapshot.signals:
                raise UnknownBlock(boost.signal, self.snapshot.signals, f"boosts[{place}].field", "signal")
            weight = check_weight(boost.weight, f"boosts[{place}].weight")
            boosts[boost.signal] = boosts.get(boost.signal, 0.0) + weight
        weights = block_weights(query.modality_weights, self._blocks)
        return compose(parts, weights, self.snapshot.calibration, boosts, query.missing)

    def nearest(self, fused: FusedQuery, limit: int, point: OperatingPoint) -> "Found":
        """Return the `limit` best rows of one query over all strata."""
        return self.nearest_many((fused,), limit, point)[0]

    def nearest_many(self, queries: Sequence[FusedQuery], limit: int, point: OperatingPoint) -> "list[Found]":
        """Return the `limit` best rows of each query over all strata, one search of each stratum for all of them."""
        k = max(limit, MEASURED_K)
        pieces: list[list[Found]] = [[] for _ in queries]
        for stratum in self.snapshot.strata:
            asked = [stratum_query(query, stratum.layout) for query in queries]
            present = [(place, one) for place, one in enumerate(asked) if one is not None]
            if not present:
                continue
            rows = len(stratum.index)
            depth = at_size(point, k, rows, self._largest_rows)
            first = present[0][1].vector[None]
            vectors = first if len(present) == 1 else np.stack([one.vector for _, one in present])
            scores, ids = stratum.index.search(vectors, min(k, rows), depth)
            ids += stratum.start
            exact = depth.exact or stratum.index.strategy == EXACT_STRATEGY
            candidates = rows if exact else k * depth.k_factor
            strategy = EXACT_STRATEGY if exact else stratum.index.strategy
            nprobe = depth.nprobe if strategy.endswith(WITH_CELLS) else 0
            for number, (place, one) in enumerate(present):
                piece = Found(scores[number] + np.float32(one.offset), ids[number], candidates, strategy, nprobe)
                pieces[place].append(piece)
        return [_merged(found, limit) for found in pieces]

    def _hits(
        self, fused: FusedQuery, scores: NDArray[np.float32], rows: NDArray[np.int64], explain: bool
    ) -> tuple[Hit, ...]:
        item_id = self.snapshot.items.item_id
        if not explain:
            return tuple(
                Hit(item_id(row), score, row, {}) for score, row in zip(scores.tolist(), rows.tolist(), strict=True)
            )
        hits = []
        for row in rows.tolist():
            shares = self._contributions(fused, row)
            hits.append(Hit(item_id(row), sum(shares.values()), row, shares))
        return tuple(hits)

    def _contributions(self, fused: FusedQuery, row: int) -> Mapping[str, float]:
        stratum = self.snapshot.stratum_of(row)
        scale = stratum_scale(fused, stratum.blocks)
        if scale is None:
            raise InvalidQuery(f"expected an item that answers the query, got row {row}")
        stored = stratum.index.rows(np.array([row - stratum.start]))[0]
        return contributions(fused, scale, stored, stratum.layout)

    def _of_vector(self, part: VectorPart, field: str) -> dict[str, Matrix]:
        dims = self.snapshot.dims
        blocks = [part.block] if part.block else [block for block in dims if dims[block] == len(part.values)]
        if not blocks or dims[blocks[0]] != len(part.values):
            raise DimensionMismatch(dims[part.block or self._blocks[0]], len(part.values), f"{field}.vector")
        return dict.fromkeys(blocks, to_query(part.values, f"{field}.vector"))

    def _encode(self, parts: Sequence[Part]) -> dict[int, Matrix]:
        """Return the unit vector of each text and image part by its place."""
        texts = [(place, part.text) for place, part in enumerate(parts) if isinstance(part, TextPart)]
        images = [(place, part.data) for place, part in enumerate(parts) if isinstance(part, ImagePart)]
        if not texts and not images:
            return {}
        if self.encoder is None:
            raise NoEncoder(f"parts[{(texts or images)[0][0]}]")
        vectors: dict[int, Matrix] = {}
        if texts:
            rows = self.encoder.encode_texts([text for _, text in texts])
            vectors.update(zip([place for place, _ in texts], rows, strict=True))
        if images:
            pictures = []
            for place, data in images:
                try:
                    pictures.append(decode(data))
                except InvalidQuery as error:
                    error.field = f"parts[{place}].image"
                    raise
            rows = self.encoder.encode_images(pictures)
            vectors.update(zip([place for place, _ in images], rows, strict=True))
        return vectors


class Found(NamedTuple):
    """The best rows of one query, best first, and how they were looked for.

    strategy: how the largest stratum that was looked at was searched; "" if none was.   nprobe: 0 where there are no
    cells.   candidates: how many rows were rescored exactly.
    """

    scores: NDArray[np.float32]
    rows: NDArray[np.int64]
    candidates: int
    strategy: str
    nprobe: int


class _Asked(NamedTuple):
    """A query once understood: its place among those asked together, its coefficients and the depth it needs."""

    place: int
    query: Query
    fused: FusedQuery
    choice: Choice
    encode_us: int
    plan_us: int


def _merged(pieces: Sequence[Found], limit: int) -> Found:
    """Return the best of what the strata found; the first of them is the largest."""
    if not pieces:
        return Found(np.empty(0, np.float32), np.empty(0, np.int64), 0, "", 0)
    scores, rows = pieces[0].scores, pieces[0].rows
    if len(pieces) > 1:
        scores = np.concatenate([piece.scores for piece in pieces])
        rows = np.concatenate([piece.rows for piece in pieces])
        order = np.lexsort((rows, -scores))[:limit]
        scores, rows = scores[order], rows[order]
    scores, rows = scores[:limit], rows[:limit]
    if len(scores) and scores[-1] == -np.inf:
        keep = np.isfinite(scores)
        scores, rows = scores[keep], rows[keep]
    candidates = sum(piece.candidates for piece in pieces)
    return Found(scores, rows, candidates, pieces[0].strategy, pieces[0].nprobe)
