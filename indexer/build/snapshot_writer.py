"""The order in which a snapshot is written and measured.

Measurements run on the files just written, through the engine's own searcher: what is served is what was measured.
"""

from functools import partial
from pathlib import Path

from engine.errors import CorruptSnapshot
from engine.lexical.bm25 import LEXICAL, LexicalIndex
from engine.search.searcher import Searcher
from engine.snapshot.manifest import ConfidenceRecord, GateRecord, LexicalRecord, Manifest, PartWeightRecord
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from indexer.build import snapshot_files
from indexer.build.build_config import BuildConfig
from indexer.build.confidence_model import learn_confidence
from indexer.build.gates import GateInputs, check_gates
from indexer.build.publish import Draft, file_records
from indexer.build.snapshot_content import SnapshotContent, SnapshotInputs, arrange
from indexer.build.snapshot_manifest import unmeasured_manifest
from indexer.build.tune import tune
from indexer.probing.part_weights import ProbePool, learn
from indexer.progress import Progress
from indexer.shoppers.population_builder import write_population


def write_snapshot(
    config: BuildConfig, store: Store, draft: Draft, inputs: SnapshotInputs, progress: Progress
) -> Manifest:
    """Write all files of a snapshot but the manifest into a draft, measure them, and return the manifest.

    The manifest holds the record of every gate, passed or not.
    """
    directory = draft.directory
    parent = _open_parent(store)
    content = arrange(config, inputs)

    factories = snapshot_files.write_strata(config, directory, content, progress)
    snapshot_files.write_item_table(directory, content)
    snapshot_files.write_payload_columns(directory, content)
    snapshot_files.write_reviews(directory, content, inputs.reviews)
    lexical, content = snapshot_files.write_lexical(directory, content)
    snapshot_files.write_rejects(directory, content)

    part_weights = _learn_part_weights(directory, inputs, content, lexical, progress)
    parent_name = None if parent is None else parent.name
    manifest = unmeasured_manifest(config, draft.name, parent_name, inputs, content, factories, lexical, part_weights)
    if inputs.behaviour is not None:
        write_population(Snapshot(manifest, directory), inputs.behaviour.events, inputs.models.encoder, progress)

    points = tune(Snapshot(manifest, directory), partial(progress, "tune index"), config.recall_target)
    snapshot_files.write_curve(directory, points, config.recall_target)
    manifest = manifest.model_copy(update={"operating_points": tuple(points)})
    manifest = manifest.model_copy(update={"confidence": _learn_confidence(manifest, directory, inputs, content)})
    gates = _check_gates(config, Snapshot(manifest, directory), parent, inputs)
    manifest = manifest.model_copy(update={"gates": gates})
    return manifest.model_copy(update={"files": file_records(directory)})


def _open_parent(store: Store) -> Snapshot | None:
    """Return the served snapshot, None if it is damaged: a new build is the way out of the damage."""
    try:
        current = store.current()
        return None if current is None else open_snapshot(store, current)
    except CorruptSnapshot:
        return None


def _learn_part_weights(
    directory: Path,
    inputs: SnapshotInputs,
    content: SnapshotContent,
    lexical: LexicalRecord | None,
    progress: Progress,
) -> tuple[PartWeightRecord, ...]:
    """Return what each block weighs for each kind of query part; nothing without a model to encode probes."""
    models, probes = inputs.cached_models, inputs.probes
    if not models.specs:
        return ()
    own_text = {"text"} if models.text_encoder is not None else set()
    shared = inputs.encoded_blocks - own_text
    pool = ProbePool(
        embedded=content.embedded,
        fields=content.fields,
        calibration=content.calibration,
        lexical=None if lexical is None else LexicalIndex(directory / LEXICAL, len(content.order)),
        order=content.order,
        encoder=models.encoder,
        text_encoder=models.text_encoder,
        shared=tuple(block for block in content.content_blocks if block in shared),
        content=content.content_blocks,
    )
    return learn(pool, probes.pictures, probes.texts, partial(progress, "learn weights"))


def _learn_confidence(
    manifest: Manifest, directory: Path, inputs: SnapshotInputs, content: SnapshotContent
) -> ConfidenceRecord | None:
    """Return the model of `engine.search.confidence`; None without a lexical block, which it needs."""
    if manifest.lexical is None:
        return None
    searcher = Searcher(Snapshot(manifest, directory), inputs.models.encoder, inputs.models.text_encoder)
    return learn_confidence(searcher, content.item_ids, list(content.in_row_order(content.fields)))


def _check_gates(
    config: BuildConfig, snapshot: Snapshot, parent: Snapshot | None, inputs: SnapshotInputs
) -> tuple[GateRecord, ...]:
    models = inputs.cached_models
    return check_gates(
        GateInputs(
            searcher=Searcher(snapshot, models.encoder, models.text_encoder),
            parent=parent,
            image_probes=inputs.probes.gate_pictures,
            text_probes=inputs.probes.gate_texts,
            rejects=len(inputs.embedded.rejects),
            rows_read=inputs.embedded.lines_read,
            recall_target=config.recall_target,
            max_rejects=config.max_rejects,
            max_shrink=config.max_shrink,
            max_drift=config.max_drift,
        )
    )
