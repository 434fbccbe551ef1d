"""A snapshot as a build writes it: the files of all that was embedded and learnt, and the manifest that tells of them.

It is measured on the files just written, through the engine's own searcher: what is served is what was measured.
"""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from engine.catalog.item_fields import ItemFieldReader, ItemFields
from engine.catalog.payload import to_bytes
from engine.columns import write_columns
from engine.errors import CorruptSnapshot
from engine.indexes.index_writer import AUTO, write_index
from engine.lexical.bm25 import LEXICAL, LexicalIndex
from engine.lexical.tokenizer import has_words
from engine.scoring.fusion import BEHAVIOUR, Calibration
from engine.scoring.row_layout import Layout
from engine.search.searcher import Searcher
from engine.snapshot.item_table import write_items
from engine.snapshot.manifest import (
    SCHEMA,
    BlockRecord,
    CatalogueRecord,
    GateRecord,
    LexicalRecord,
    Manifest,
    PartWeightRecord,
    SignalRecord,
    SimilarityRecord,
    StratumRecord,
)
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from indexer.behaviour.behaviour_block import BehaviourResult
from indexer.build.build_config import BuildConfig
from indexer.build.confidence_model import learn_confidence
from indexer.build.gates import drift_gate, probe_gates, recall_gate, reject_gate, self_retrieval_gate
from indexer.build.lexical_block import build_lexical, weights_with_words
from indexer.build.publish import Draft, file_records
from indexer.build.strata import StratumRows, stratify, stratum_rows
from indexer.build.tune import draw_curve, tune
from indexer.catalog import to_lines
from indexer.embedding.embed import Progress
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.embedding.models import BuildModels
from indexer.probing.part_weights import ProbePool, learn
from indexer.probing.probes import Probes
from indexer.reviews.snapshot_reviews import ReviewedItems
from indexer.shoppers.population_builder import write_population

REJECTS_FILE = "rejects.jsonl"
CURVE_FILE = "curve.png"
_PACKAGES = (
    "diptych",
    "faiss-gpu",
    "faiss-cpu",
    "numpy",
    "pyarrow",
    "torch",
    "open-clip-torch",
    "sentence-transformers",
)


@dataclass(frozen=True, slots=True)
class SnapshotInputs:
    """What a snapshot is made of.

    digest: of the catalogue, sha256.   models: those that were open; encoded: the blocks that they made.
    embedded: the items, with what reviews gave them.   learnt, reviewed: None where nothing was asked or known.
    probes: what weights are learnt from and gates ask.   remembered: the models behind the embedding cache.
    """

    digest: str
    models: BuildModels
    encoded: frozenset[str]
    embedded: EmbeddedRows
    learnt: BehaviourResult | None
    reviewed: ReviewedItems | None
    probes: Probes
    remembered: BuildModels


def write_snapshot(
    config: BuildConfig, store: Store, written: Draft, material: SnapshotInputs, progress: Progress
) -> Manifest:
    """Write all files of a snapshot but its manifest into a draft, measure it, and return the manifest.

    Its gates are told, passed or not.
    """
    embedded, learnt, reviewed = material.embedded, material.learnt, material.reviewed
    models, encoded = material.models, material.encoded
    directory = written.directory
    parent = _parent(store)
    content = tuple(embedded.blocks)
    embedded = embedded if learnt is None else learnt.embedded
    calibration = models.calibrate(embedded, encoded)
    calibration = calibration if learnt is None else learnt.calibrate(calibration)
    lexical_asked = "text" in encoded if config.lexical is None else config.lexical
    fields = _fields(config, embedded) if lexical_asked else []
    worded = np.array([any(map(has_words, item)) for item in fields] or [False] * len(embedded.item_ids))
    strata = stratify(embedded.present | ({LEXICAL: worded} if worded.any() else {}))
    factories = _write_strata(config, directory, strata, embedded, calibration, progress)
    order = np.concatenate([stratum.places for stratum in strata]).tolist()
    write_items(
        directory,
        [embedded.item_ids[place] for place in order],
        [to_bytes(embedded.payloads[place]) for place in order],
    )
    write_columns(directory, (embedded.payloads[place] for place in order), len(order))
    if reviewed is not None:
        reviewed.write(directory, order)
    lexical = None
    if worded.any():
        lexical, usual = build_lexical(directory, [fields[place] for place in order])
        calibration = Calibration({**calibration.similarities, ("text", LEXICAL): usual}, calibration.signals)
    (directory / REJECTS_FILE).write_bytes(to_lines(embedded.rejects))
    part_weights = _part_weights(directory, material, embedded, fields, calibration, order, content, lexical, progress)
    manifest = Manifest(
        schema_version=SCHEMA,
        snapshot=written.name,
        parent=None if parent is None else parent.name,
        create_time=datetime.now(UTC).isoformat(timespec="seconds"),
        catalogue=CatalogueRecord(
            name=config.catalogue.name,
            sha256=material.digest,
            lines=embedded.lines_read,
            rejects=len(embedded.rejects),
            text_template=config.text_template,
        ),
        item_count=len(embedded.item_ids),
        blocks=tuple(
            BlockRecord(
                name=name,
                dimensions=rows.shape[1],
                item_count=int(embedded.present[name].sum()),
                encoded=name in encoded,
            )
            for name, rows in embedded.blocks.items()
        ),
        signals=tuple(
            SignalRecord(name=name, mean=usual.mean, std=usual.std, learnt=name not in config.signals)
            for name, usual in calibration.signals.items()
        ),
        model=models.record("model", encoded, embedded.texts),
        text_model=models.record("text_model", encoded, embedded.texts),
        lexical=lexical,
        behaviour=None if learnt is None else learnt.record,
        reviews=None if reviewed is None else reviewed.record,
        default_weights=_default_weights(embedded, content, lexical is not None),
        part_weights=part_weights,
        strata=_strata_records(strata, factories),
        similarities=tuple(
            SimilarityRecord(part_kind=kind, block=block, mean=usual.mean, std=usual.std)
            for (kind, block), usual in calibration.similarities.items()
        ),
        operating_points=(),
        recall_target=config.recall_target,
        gates=(),
        versions=_versions(),
        files={},
    )
    if learnt is not None:
        write_population(Snapshot(manifest, directory), learnt.events, models.encoder, progress)
    points = tune(Snapshot(manifest, directory), partial(progress, "tune"), config.recall_target)
    draw_curve(points, config.recall_target, directory / CURVE_FILE)
    manifest = manifest.model_copy(update={"operating_points": tuple(points)})
    if lexical is not None:
        searcher = Searcher(Snapshot(manifest, directory), models.encoder, models.text_encoder)
        item_ids = [embedded.item_ids[place] for place in order]
        sure = learn_confidence(searcher, item_ids, [fields[place] for place in order])
        manifest = manifest.model_copy(update={"confidence": sure})
    gates = _gates(config, Snapshot(manifest, directory), parent, material)
    return manifest.model_copy(update={"gates": tuple(gates), "files": file_records(directory)})


def _fields(config: BuildConfig, embedded: EmbeddedRows) -> list[ItemFields]:
    reader = ItemFieldReader(config.text_template)
    return [
        reader.read(item_id, payload) for item_id, payload in zip(embedded.item_ids, embedded.payloads, strict=True)
    ]


def _default_weights(embedded: EmbeddedRows, content: tuple[str, ...], with_words: bool) -> dict[str, float]:
    """Return what blocks weigh in a request that names none; nothing said means that all weigh alike.

    Beside a shopper what was learnt from events weighs as much as all that items look like and say. Of other parts none
    speaks to it unasked, so that searches mean what they meant before anything was learnt.
    """
    told = weights_with_words(content) if with_words else {}
    if BEHAVIOUR not in embedded.blocks:
        return told
    told = told or dict.fromkeys(content, 1 / len(content))
    return told | {BEHAVIOUR: sum(told[block] for block in content)}


def _write_strata(
    config: BuildConfig,
    directory: Path,
    strata: list[StratumRows],
    embedded: EmbeddedRows,
    calibration: Calibration,
    progress: Progress,
) -> list[str]:
    """Write each stratum's index and return the factory strings that were used."""
    signals = [(values, calibration.signals[name]) for name, values in embedded.signals.items()]
    dims = {name: rows.shape[1] for name, rows in embedded.blocks.items()}
    factories = []
    for place, stratum in enumerate(strata):
        folder = directory / stratum.directory
        folder.mkdir(parents=True)
        layout = Layout(stratum.blocks, dims, tuple(embedded.signals))
        rows = stratum_rows(stratum, layout, embedded.blocks, signals)
        factory = config.index if place == 0 else AUTO
        factories.append(
            write_index(rows, folder, factory, config.device, partial(progress, f"index {stratum.directory}"))
        )
    return factories


def _strata_records(strata: list[StratumRows], factories: list[str]) -> tuple[StratumRecord, ...]:
    records = []
    start = 0
    for stratum, factory in zip(strata, factories, strict=True):
        count = len(stratum.places)
        records.append(
            StratumRecord(blocks=stratum.blocks, start=start, count=count, factory=factory, directory=stratum.directory)
        )
        start += count
    return tuple(records)


def _part_weights(
    directory: Path,
    material: SnapshotInputs,
    embedded: EmbeddedRows,
    fields: Sequence[ItemFields],
    calibration: Calibration,
    order: list[int],
    content: tuple[str, ...],
    lexical: LexicalRecord | None,
    progress: Progress,
) -> tuple[PartWeightRecord, ...]:
    """Return what blocks weigh for each kind of part; without a model there is nobody to ask."""
    models, probes = material.remembered, material.probes
    if not models.specs:
        return ()
    made = material.encoded - ({"text"} if models.text_encoder is not None else set())
    pool = ProbePool(
        embedded=embedded,
        fields=fields,
        calibration=calibration,
        lexical=None if lexical is None else LexicalIndex(directory / LEXICAL, len(order)),
        order=order,
        encoder=models.encoder,
        text_encoder=models.text_encoder,
        shared=tuple(block for block in content if block in made),
        content=content,
    )
    return learn(pool, probes.pictures, probes.texts, partial(progress, "weights"))


def _gates(
    config: BuildConfig, snapshot: Snapshot, parent: Snapshot | None, material: SnapshotInputs
) -> list[GateRecord]:
    models, probes = material.remembered, material.probes
    searcher = Searcher(snapshot, models.encoder, models.text_encoder)
    embedded = material.embedded
    return [
        *recall_gate(searcher, config.recall_target),
        self_retrieval_gate(searcher),
        *probe_gates(searcher, probes.gate_pictures, probes.gate_texts),
        reject_gate(len(embedded.rejects), embedded.lines_read, config.max_rejects),
        drift_gate(snapshot, parent, config.max_drift),
    ]


def _parent(store: Store) -> Snapshot | None:
    """Return the served snapshot; a damaged one is no parent, since a new build is the way out of the damage."""
    try:
        current = store.current()
        return None if current is None else open_snapshot(store, current)
    except CorruptSnapshot:
        return None


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
