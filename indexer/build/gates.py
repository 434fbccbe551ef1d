"""What a snapshot must show before it may be served: recall, items found, few rejects, items that stayed the same."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.errors import DiptychError, ItemNotFound
from engine.scoring.fusion import LEXICAL, EncodedPart, FusedQuery, compose, stratum_query
from engine.scoring.query import ImagePart, Missing, Query, TextPart
from engine.search.planner import AGREEING, MEASURED_K, QUERY_CLASSES, SINGLE
from engine.search.searcher import Searcher
from engine.snapshot.manifest import GateRecord
from engine.snapshot.snapshot import Snapshot
from indexer.build.sample_queries import QuerySampler
from indexer.build.tune import ROUNDING, exact_scores, length, measure
from indexer.probing.probes import PictureProbe, TextProbe

CHECKED_QUERIES = 100
CHECKED_ITEMS = 200
SELF_RETRIEVAL = 0.99
MOST_BELOW_TARGET = 0.01
FEWEST_PROBES = 16
LEAST_MARGIN = 0.05

# The same item through the same model should hardly move; a cosine below this means its words or picture were swapped.
SAME_ITEM_COSINE = 0.5


def recall_gate(searcher: Searcher, recall_target: float, seed: int = 12) -> list[GateRecord]:
    """Return the recall of each class at the point the planner would choose, on queries that tuning did not see.

    The limit is the target less two standard errors of the sample's mean, or one class in ten would fail by chance;
    but never less than the target less .01.
    """
    records = []
    for name in QUERY_CLASSES:
        sampler = QuerySampler(searcher.snapshot, seed)
        queries = sampler.draw(name, CHECKED_QUERIES)
        if not queries:
            continue
        some = sampler.select(name)
        point = searcher.planner.choose(name, None).point
        recalls, _ = measure(searcher, queries, exact_scores(searcher.snapshot, queries, some), point, some)
        error = float(recalls.std()) / np.sqrt(len(recalls))
        limit = round(recall_target - min(2 * error, MOST_BELOW_TARGET), 5)
        records.append(_at_least(f"recall@10 {name}", float(recalls.mean()), limit))
    return records


def self_retrieval_gate(searcher: Searcher, seed: int = 13) -> GateRecord:
    """Return the share of a sample of items that are their own nearest neighbour, or are as near as the nearest."""
    snapshot = searcher.snapshot
    chosen = np.random.default_rng(seed).choice(len(snapshot), min(CHECKED_ITEMS, len(snapshot)), replace=False)
    found = 0
    for row in chosen.tolist():
        vectors = snapshot.vectors(row)
        weights = {block: float(block in vectors) / len(vectors) for block in snapshot.dims}
        fused = compose([EncodedPart("item", 1.0, vectors)], weights, snapshot.calibration, {}, Missing.DROP)
        point = searcher.planner.choose(AGREEING if len(vectors) > 1 else SINGLE, None).point
        scores = searcher.nearest(fused, MEASURED_K, point).scores
        # Not looked for by its row: copies of an item crowd it out, and each of them is as good an answer.
        found += bool(len(scores)) and bool(scores[0] >= _own_score(snapshot, fused, row) - ROUNDING * length(fused))
    return _at_least("self-retrieval@1", found / len(chosen), SELF_RETRIEVAL)


def probe_gates(searcher: Searcher, pictures: Sequence[PictureProbe], texts: Sequence[TextProbe]) -> list[GateRecord]:
    """Return how many changed pictures find their own item first, and how many pieces of texts theirs among ten.

    They are asked as anybody would, without weights. The limit is what the best single block reaches of the same, less
    two standard errors and never less than .05: a model that knows nothing passes, weights that waste what it knows do
    not. Kinds that no weights were learnt for are not asked.
    """
    kinds = {record.part_kind for record in searcher.snapshot.manifest.part_weights}
    asked = {
        "image": [(probe.item_id, Query((ImagePart(probe.data),), limit=1)) for probe in pictures],
        "text": [(probe.item_id, Query((TextPart(probe.text),), limit=10)) for probe in texts],
    }
    records = []
    for kind, name in (("image", "image retrieval@1"), ("text", "text retrieval@10")):
        if kind not in kinds or len(asked[kind]) < FEWEST_PROBES:
            continue
        found = _found(searcher, asked[kind], {})
        best = max(_found(searcher, asked[kind], weights) for weights in _single_blocks(searcher, kind))
        # By the rule of succession: of few probes that were all found the share is less sure than it looks.
        share = (best * len(asked[kind]) + 1) / (len(asked[kind]) + 2)
        error = float(np.sqrt(share * (1 - share) / len(asked[kind])))
        records.append(_at_least(name, found, round(max(0.0, best - max(LEAST_MARGIN, 2 * error)), 5)))
    return records


def _single_blocks(searcher: Searcher, kind: str) -> list[dict[str, float]]:
    """Return, for each block that a kind of part speaks to, weights of that block alone."""
    manifest = searcher.snapshot.manifest
    blocks = {record.block for record in manifest.part_weights if record.part_kind == kind}
    words = {LEXICAL: 0.0} if manifest.lexical is not None else {}
    return [words | {block: 1.0} for block in sorted(blocks)]


def _found(searcher: Searcher, asked: Sequence[tuple[str, Query]], weights: dict[str, float]) -> float:
    """Return the share of queries whose own item is among the hits."""
    queries = [replace(query, modality_weights=weights) for _, query in asked]
    found = 0
    for (item_id, _), answer in zip(asked, searcher.search_many(queries), strict=True):
        if isinstance(answer, DiptychError):
            raise answer
        found += item_id in {hit.item_id for hit in answer.hits}
    return found / len(asked)


def _own_score(snapshot: Snapshot, fused: FusedQuery, row: int) -> float:
    stratum = snapshot.stratum_of(row)
    asked = stratum_query(fused, stratum.layout)
    stored = stratum.index.rows(np.array([row - stratum.start]))[0].astype(np.float32)
    return -np.inf if asked is None else float(stored @ asked.vector) + asked.offset


def reject_gate(rejects: int, lines: int, limit: float) -> GateRecord:
    """Return the share of rows that were rejected."""
    return _at_most("reject share", rejects / max(lines, 1), limit)


def drift_gate(snapshot: Snapshot, parent: Snapshot | None, limit: float, seed: int = 14) -> GateRecord:
    """Return the share of items, of those in both snapshots, whose vectors no longer resemble what they were.

    Only blocks that the same model made are compared, so a new model, and vectors of the caller's own, drift by 0.
    """
    if parent is None or not (comparable := _comparable_blocks(snapshot, parent)):
        return _at_most("drift", 0.0, limit)
    moved = compared = 0
    rows = np.random.default_rng(seed).permutation(len(snapshot))[: 5 * CHECKED_ITEMS]
    for row in rows.tolist():
        try:
            before = parent.vectors(parent.items.row_of(snapshot.items.item_id(row)))
        except ItemNotFound:
            continue
        after = snapshot.vectors(row)
        cosines = [float(before[block] @ after[block]) for block in comparable if block in before and block in after]
        if cosines:
            compared += 1
            moved += min(cosines) < SAME_ITEM_COSINE
    return _at_most("drift", moved / max(compared, 1), limit)


def _comparable_blocks(snapshot: Snapshot, parent: Snapshot) -> set[str]:
    now, before = snapshot.manifest, parent.manifest
    pairs = (
        (now.model, before.model, {*now.encoded_blocks} & {*before.encoded_blocks}),
        (now.text_model, before.text_model, {*now.text_encoded_blocks} & {*before.text_encoded_blocks}),
    )
    return {
        block
        for one, other, blocks in pairs
        if one is not None and other is not None and one.fingerprint == other.fingerprint
        for block in blocks
    }


def _at_least(name: str, value: float, limit: float) -> GateRecord:
    return GateRecord(name=name, value=round(value, 5), limit=limit, passed=value >= limit)


def _at_most(name: str, value: float, limit: float) -> GateRecord:
    return GateRecord(name=name, value=round(value, 5), limit=limit, passed=value <= limit)
