"""One snapshot answering queries: parts to vectors, vectors to one fused query, the best rows of every stratum."""

from collections.abc import Mapping, Sequence
from time import perf_counter_ns

import numpy as np
from numpy.typing import NDArray

from engine.encoder import Encoder
from engine.errors import DimensionMismatch, InvalidQuery, NoEncoder, UnknownBlock
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
from engine.index import OperatingPoint
from engine.planner import MEASURED_K, Planner, at_size, query_class
from engine.records import Answer, Hit, ImagePart, ItemPart, Part, Plan, Query, TextPart, Timings, VectorPart
from engine.snapshot import Snapshot
from engine.vectors import to_query


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
        started = perf_counter_ns()
        parts = self.speak(query.parts)
        encoded = perf_counter_ns()
        fused = self.fuse(query, parts)
        choice = self.planner.choose(query_class(fused, parts), query.recall_target)
        planned = perf_counter_ns()
        scores, rows, candidates = self.nearest(fused, query.limit, choice.point)
        searched = perf_counter_ns()
        hits = self._hits(fused, scores, rows, query.explain)
        exact = choice.point.exact or self.strategy == "exact"
        plan = Plan(
            strategy="exact" if exact else self.strategy,
            query_class=choice.query_class,
            nprobe=choice.point.nprobe,
            candidates=candidates,
            selectivity=1.0,
            expected_recall=1.0 if exact else choice.expected_recall,
        )
        timings = Timings(
            encode_us=(encoded - started) // 1000,
            plan_us=(planned - encoded) // 1000,
            search_us=(searched - planned) // 1000,
            score_us=(perf_counter_ns() - searched) // 1000,
        )
        return Answer(hits, self.snapshot.name, plan, timings)

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

    def nearest(
        self, fused: FusedQuery, limit: int, point: OperatingPoint
    ) -> tuple[NDArray[np.float32], NDArray[np.int64], int]:
        """Return scores and rows of the `limit` best over all strata, best first, and how many were rescored."""
        k = max(limit, MEASURED_K)
        found: list[tuple[NDArray[np.float32], NDArray[np.int64]]] = []
        candidates = 0
        for stratum in self.snapshot.strata:
            asked = stratum_query(fused, stratum.layout)
            if asked is None:
                continue
            rows = len(stratum.index)
            depth = at_size(point, k, rows, self._largest_rows)
            scores, ids = stratum.index.search(asked.vector[None], min(k, rows), depth)
            candidates += rows if depth.exact or stratum.index.strategy == "exact" else k * depth.k_factor
            found.append((scores[0] + np.float32(asked.offset), ids[0] + stratum.start))
        if not found:
            return np.empty(0, np.float32), np.empty(0, np.int64), candidates
        scores, ids = found[0] if len(found) == 1 else _merged(found)
        keep = np.isfinite(scores[:limit])
        return scores[:limit][keep], ids[:limit][keep], candidates

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


def _merged(
    found: Sequence[tuple[NDArray[np.float32], NDArray[np.int64]]],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    scores = np.concatenate([scores for scores, _ in found])
    rows = np.concatenate([rows for _, rows in found])
    order = np.lexsort((rows, -scores))
    return scores[order], rows[order]
