"""The conditions of publishing a snapshot, one function a gate.

To add a gate, write a function from `GateInputs` to its records and list it in `GATES`. The records go into the
manifest in that order, and `publish` refuses a snapshot with a record that did not pass.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.errors import DiptychError, ItemNotFound
from engine.scoring.fusion import LEXICAL, EncodedPart, FusedQuery, compose, stratum_query
from engine.scoring.query import ImagePart, Missing, Query, TextPart
from engine.search.depth_planner import AGREEING, MEASURED_K, QUERY_CLASSES, SINGLE
from engine.search.searcher import Searcher
from engine.snapshot.manifest import GateRecord
from engine.snapshot.snapshot import Snapshot
from indexer.build.recall_measurement import SCORE_TOLERANCE, exact_scores, measure, query_norm
from indexer.build.sample_queries import QuerySampler
from indexer.probing.probes import PictureProbe, TextProbe

RECALL_QUERIES = 100
SAMPLED_ITEMS = 200
MIN_SELF_RETRIEVAL = 0.99
MAX_RECALL_SLACK = 0.01
MIN_PROBES = 16
MIN_PROBE_MARGIN = 0.05

# The same item through the same model should hardly move; a cosine below this means its text or image was swapped.
SAME_ITEM_COSINE = 0.5


@dataclass(frozen=True, slots=True)
class GateInputs:
    """The finished snapshot with everything that gates compare it with, and their limits.

    Attributes:
        searcher: Opened on the snapshot, with its encoders.
        parent: The snapshot served so far; None before the first.
        image_probes: Changed images of items that no weight was learned from.
        text_probes: Pieces of texts of such items.
        rejects: Rejected rows of the catalogue.
        rows_read: All rows of the catalogue.
        recall_target: Mean recall@10 that searches should reach.
        max_rejects: Largest allowed share of rejected rows.
        max_shrink: Largest allowed share of items fewer than in the parent.
        max_drift: Largest allowed share of items that no longer resemble themselves.
    """

    searcher: Searcher
    parent: Snapshot | None = None
    image_probes: Sequence[PictureProbe] = ()
    text_probes: Sequence[TextProbe] = ()
    rejects: int = 0
    rows_read: int = 0
    recall_target: float = 0.99
    max_rejects: float = 1.0
    max_shrink: float = 1.0
    max_drift: float = 1.0


def recall_gate(inputs: GateInputs, seed: int = 12) -> list[GateRecord]:
    """Measure recall for each query class at the planner's operating point, on queries that tuning did not see.

    The limit is the target minus two standard errors of the sample mean, since otherwise one class in ten would fail
    by chance, but never less than the target minus .01.
    """
    searcher = inputs.searcher
    records = []
    for query_class in QUERY_CLASSES:
        sampler = QuerySampler(searcher.snapshot, seed)
        queries = sampler.draw(query_class, RECALL_QUERIES)
        if not queries:
            continue
        selection = sampler.select(query_class)
        point = searcher.planner.depths.choose(query_class, None).point
        exact = exact_scores(searcher.snapshot, queries, selection)
        recalls, _ = measure(searcher, queries, exact, point, selection)
        error = float(recalls.std()) / np.sqrt(len(recalls))
        limit = round(inputs.recall_target - min(2 * error, MAX_RECALL_SLACK), 5)
        records.append(_at_least(f"recall@10 {query_class}", float(recalls.mean()), limit))
    return records


def self_retrieval_gate(inputs: GateInputs, seed: int = 13) -> list[GateRecord]:
    """Measure the share of sampled items that are their own nearest neighbour, or score as high as the nearest."""
    searcher, snapshot = inputs.searcher, inputs.searcher.snapshot
    sample = np.random.default_rng(seed).choice(len(snapshot), min(SAMPLED_ITEMS, len(snapshot)), replace=False)
    found = 0
    for row in sample.tolist():
        vectors = snapshot.vectors(row)
        weights = {block: float(block in vectors) / len(vectors) for block in snapshot.dims}
        fused = compose([EncodedPart("item", 1.0, vectors)], weights, snapshot.calibration, {}, Missing.DROP)
        point = searcher.planner.depths.choose(AGREEING if len(vectors) > 1 else SINGLE, None).point
        scores = searcher.nearest(fused, MEASURED_K, point).scores
        # By score, not by row: duplicates of an item can crowd it out, and each of them is as good an answer.
        own_score = _own_score(snapshot, fused, row) - SCORE_TOLERANCE * query_norm(fused)
        found += bool(len(scores)) and bool(scores[0] >= own_score)
    return [_at_least("self-retrieval@1", found / len(sample), MIN_SELF_RETRIEVAL)]


def image_probe_gate(inputs: GateInputs) -> list[GateRecord]:
    """Measure how many changed images find their own item first; see `_probe_gate`."""
    queries = [(probe.item_id, Query((ImagePart(probe.data),), limit=1)) for probe in inputs.image_probes]
    return _probe_gate(inputs.searcher, "image", "image retrieval@1", queries)


def text_probe_gate(inputs: GateInputs) -> list[GateRecord]:
    """Measure how many pieces of texts find their own item among the first ten; see `_probe_gate`."""
    queries = [(probe.item_id, Query((TextPart(probe.text),), limit=10)) for probe in inputs.text_probes]
    return _probe_gate(inputs.searcher, "text", "text retrieval@10", queries)


def reject_gate(inputs: GateInputs) -> list[GateRecord]:
    """Measure the share of catalogue rows that were rejected."""
    return [_at_most("reject share", inputs.rejects / max(inputs.rows_read, 1), inputs.max_rejects)]


def shrink_gate(inputs: GateInputs) -> list[GateRecord]:
    """Measure by what share the snapshot has fewer items than the served one; 0 if it has as many or more."""
    if inputs.parent is None:
        return []
    missing = max(0.0, 1 - len(inputs.searcher.snapshot) / len(inputs.parent))
    return [_at_most("shrink", missing, inputs.max_shrink)]


def drift_gate(inputs: GateInputs, seed: int = 14) -> list[GateRecord]:
    """Measure the share of items, of those that the parent has too, whose vectors no longer resemble the former ones.

    Only blocks that the same model made are compared, so with a new model, or with vectors from the catalogue, drift
    is 0.
    """
    snapshot, parent, limit = inputs.searcher.snapshot, inputs.parent, inputs.max_drift
    if parent is None or not (comparable := _comparable_blocks(snapshot, parent)):
        return [_at_most("drift", 0.0, limit)]
    moved = compared = 0
    rows = np.random.default_rng(seed).permutation(len(snapshot))[: 5 * SAMPLED_ITEMS]
    for row in rows.tolist():
        try:
            before = parent.vectors(parent.items.get_row(snapshot.items.item_id(row)))
        except ItemNotFound:
            continue
        after = snapshot.vectors(row)
        cosines = [float(before[block] @ after[block]) for block in comparable if block in before and block in after]
        if cosines:
            compared += 1
            moved += min(cosines) < SAME_ITEM_COSINE
    return [_at_most("drift", moved / max(compared, 1), limit)]


Gate = Callable[[GateInputs], list[GateRecord]]

GATES: tuple[Gate, ...] = (
    recall_gate,
    self_retrieval_gate,
    image_probe_gate,
    text_probe_gate,
    reject_gate,
    shrink_gate,
    drift_gate,
)


def check_gates(inputs: GateInputs) -> tuple[GateRecord, ...]:
    """Return the records of every gate, passed or not, in the order of `GATES`."""
    return tuple(record for gate in GATES for record in gate(inputs))


def _probe_gate(searcher: Searcher, kind: str, name: str, queries: Sequence[tuple[str, Query]]) -> list[GateRecord]:
    """Return the share of probes that find their own item, searched with the default weights.

    The limit is what the best single block reaches on the same probes, minus two standard errors and at least .05: a
    model that understands nothing passes, weights that waste what it understands do not. No record for a kind of part
    without learned weights, or with fewer than MIN_PROBES probes.
    """
    kinds = {record.part_kind for record in searcher.snapshot.manifest.part_weights}
    if kind not in kinds or len(queries) < MIN_PROBES:
        return []
    success = _success(searcher, queries, {})
    best = max(_success(searcher, queries, weights) for weights in _single_block_weights(searcher, kind))
    # Laplace's rule of succession: with few probes, a share of 1 is less certain than it looks.
    share = (best * len(queries) + 1) / (len(queries) + 2)
    error = float(np.sqrt(share * (1 - share) / len(queries)))
    return [_at_least(name, success, round(max(0.0, best - max(MIN_PROBE_MARGIN, 2 * error)), 5))]


def _single_block_weights(searcher: Searcher, kind: str) -> list[dict[str, float]]:
    """Return, for each block that this kind of part is compared with, weights that use that block alone."""
    manifest = searcher.snapshot.manifest
    blocks = {record.block for record in manifest.part_weights if record.part_kind == kind}
    lexical_off = {LEXICAL: 0.0} if manifest.lexical is not None else {}
    return [lexical_off | {block: 1.0} for block in sorted(blocks)]


def _success(searcher: Searcher, queries: Sequence[tuple[str, Query]], weights: dict[str, float]) -> float:
    """Return the share of queries whose own item is among the hits."""
    responses = searcher.search_many([replace(query, modality_weights=weights) for _, query in queries])
    found = 0
    for (item_id, _), response in zip(queries, responses, strict=True):
        if isinstance(response, DiptychError):
            raise response
        found += item_id in {hit.item_id for hit in response.hits}
    return found / len(queries)


def _own_score(snapshot: Snapshot, fused: FusedQuery, row: int) -> float:
    stratum = snapshot.get_stratum(row)
    query = stratum_query(fused, stratum.layout)
    stored = stratum.index.rows(np.array([row - stratum.start]))[0].astype(np.float32)
    return -np.inf if query is None else float(stored @ query.vector) + query.offset


def _comparable_blocks(snapshot: Snapshot, parent: Snapshot) -> set[str]:
    """Return the blocks that the same model made in both snapshots."""
    now, before = snapshot.manifest, parent.manifest
    pairs = (
        (now.model, before.model, {*now.encoded_blocks} & {*before.encoded_blocks}),
        (now.text_model, before.text_model, {*now.text_encoded_blocks} & {*before.text_encoded_blocks}),
    )
    return {
        block
        for model, former, blocks in pairs
        if model is not None and former is not None and model.fingerprint == former.fingerprint
        for block in blocks
    }


def _at_least(name: str, value: float, limit: float) -> GateRecord:
    return GateRecord(name=name, value=round(value, 5), limit=limit, passed=value >= limit)


def _at_most(name: str, value: float, limit: float) -> GateRecord:
    return GateRecord(name=name, value=round(value, 5), limit=limit, passed=value <= limit)
