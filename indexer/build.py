"""The whole way of a build: a catalogue in, a snapshot that passed its gates out, served if asked.

Nothing is published by halves: the snapshot is written under a hidden name, measured there through the engine's own
searcher, and renamed when its manifest is on disk.
"""

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from engine.cache import EmbeddingCache
from engine.columns import write_columns
from engine.encoder import ModelSpec
from engine.errors import CorruptSnapshot, GateFailed, InvalidCatalogue, InvalidSetting
from engine.folder import write_durably
from engine.fusion import BEHAVIOUR, Calibration
from engine.indexes.training import AUTO, check, write_index
from engine.items import write_items
from engine.layout import Layout
from engine.lexical import LEXICAL
from engine.manifest import (
    SCHEMA,
    BlockRecord,
    CatalogueRecord,
    GateRecord,
    Manifest,
    SignalRecord,
    SimilarityRecord,
    StratumRecord,
)
from engine.payload import to_bytes
from engine.searcher import Searcher
from engine.snapshot import Snapshot, open_snapshot
from engine.store import Store
from engine.words import has_words
from engine.writing.writer import WriterOptions, open_writer
from indexer import defaults
from indexer.behaviour.learning import Learnt, learn_behaviour
from indexer.catalog import CatalogSpec, Reject, catalogue_hash, count_rows, own_blocks, read
from indexer.describing import fill_missing
from indexer.embed import Embedded, Progress, embed
from indexer.events.importing import EventFile, recorded
from indexer.events.table import EventTable
from indexer.feedback.building import Reviewed, ReviewFile, lay_reviews
from indexer.gates import drift_gate, recall_gate, reject_gate, self_retrieval_gate
from indexer.lexical import build_lexical, weights_with_words
from indexer.live import LiveChanges, live_changes
from indexer.models import Models
from indexer.publish import Draft, draft, file_records, publish, seal
from indexer.shoppers.learning import learn_shoppers
from indexer.strata import StratumRows, stratify, stratum_rows
from indexer.tune import draw_curve, tune

REJECTS_FILE = "rejects.jsonl"
CURVE_FILE = "curve.png"
CACHE_DIRECTORY = "cache"
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
class BuildConfig:
    """What to build and how. `index`: "auto" or a FAISS factory string, used for the largest stratum.

    model: None for a catalogue that brings all its vectors. text_model: makes the text block in place of `model`.
    lexical: whether the words of the items' texts are indexed too; None: if a model embeds these texts.
    max_rejects, max_drift: shares of rows, of items.
    exported_at: when the catalogue was exported; live changes made before are in it already and not laid over it.
    forget_changes: forget all live changes made before the build began, once the snapshot is served.
    describe_missing: have `writer` describe the items that lack a description.
    events: a file of what shoppers did, recorded before anything is built; events_map: field → column of another name;
    events_url: the database that keeps events, empty: a file of the store.   behaviour: whether anything is learnt of
    the events that the store has.   reviews: what shoppers wrote of the items.
    """

    catalogue: Path
    store: Path
    model: ModelSpec | None = None
    text_model: ModelSpec | None = None
    lexical: bool | None = None
    text_template: str = "{title}. {description}"
    signals: tuple[str, ...] = ()
    index: str = AUTO
    device: str = "cpu"
    recall_target: float = 0.99
    max_rejects: float = 0.05
    max_drift: float = 0.5
    publish: bool = True
    exported_at: datetime | None = None
    forget_changes: bool = False
    describe_missing: bool = False
    writer: WriterOptions = field(default_factory=WriterOptions)
    events: Path | None = None
    events_map: Mapping[str, str] = field(default_factory=dict)
    events_url: str = ""
    behaviour: bool = True
    reviews: ReviewFile | None = None


def build(config: BuildConfig, progress: Progress) -> Manifest:
    """Build a snapshot of the catalogue and return its manifest, served if `config.publish` and every gate passed.

    Raises InvalidCatalogue before anything is built if it cannot be read or too many rows are bad, GateFailed after
    the snapshot was written, which then stays unpublished.
    """
    if not 0 < config.recall_target < 1:
        raise InvalidSetting(f"expected a recall target between 0 and 1, got {config.recall_target}")
    if not 0 <= config.max_rejects <= 1:
        raise InvalidSetting(f"expected a share of rejects between 0 and 1, got {config.max_rejects}")
    if not 0 <= config.max_drift <= 1:
        raise InvalidSetting(f"expected a share of drift between 0 and 1, got {config.max_drift}")
    check(config.index, config.device)
    store = Store(config.store)
    if config.store.exists() and not config.store.is_dir():
        raise InvalidSetting(f"expected a folder for the store, got the file {config.store}")
    store.snapshots.mkdir(parents=True, exist_ok=True)
    own = own_blocks(config.catalogue)
    kept = defaults.read(config.store)
    # Before the first row is read, so that a file changed meanwhile is not taken for what was built.
    digest = catalogue_hash(config.catalogue)
    models = Models.open(config.model, config.text_model, own)
    events = _events(config, progress)
    since_s = 0.0 if config.exported_at is None else config.exported_at.timestamp()
    with live_changes(config.store, since_s) as changes:
        embedded = _embedded(config, store, models, changes, own, progress)
    reviewed = None if config.reviews is None else lay_reviews(config.reviews, embedded, config.store, progress)
    embedded = embedded if reviewed is None else reviewed.embedded
    with draft(store) as written:
        encoded = frozenset(embedded.blocks) - own
        learnt = None if events is None else learn_behaviour(events, embedded, progress)
        manifest = _write(config, store, written, embedded, learnt, reviewed, digest, encoded, models, progress)
        taken_over = defaults.take_over(kept, manifest)
        manifest = manifest.model_copy(update={"live_seq": changes.last, **taken_over.update})
        seal(store, written, manifest)
    if config.publish:
        try:
            publish(store, manifest.snapshot)
        except GateFailed as error:
            raise GateFailed(f"{error}; the snapshot was kept in {config.store}, unpublished") from error
        if config.forget_changes:
            changes.forget(config.store)
    return manifest


def _events(config: BuildConfig, progress: Progress) -> EventTable | None:
    """Record the events of the file, if there is one, and return all that is to be learnt from; None for nothing."""
    file = None
    if config.events is not None:
        file = EventFile(config.events, config.events_map, max_rejects=config.max_rejects)
    events = recorded(file, config.store, config.events_url, progress)
    return events if config.behaviour else None


def _embedded(
    config: BuildConfig, store: Store, models: Models, changes: LiveChanges, own: frozenset[str], progress: Progress
) -> Embedded:
    spec = CatalogSpec(config.catalogue, config.text_template, config.signals)
    texts = models.encoder is not None or models.text_encoder is not None
    embeddable = {"text": texts, "image": models.encoder is not None}
    made = frozenset(block for block in embeddable if embeddable[block]) - own
    entries = changes.lay_over(read(spec), spec, made)
    if config.describe_missing:
        entries = fill_missing(entries, spec, open_writer(config.writer), models.encoder, embedded="text" in made)
    expected = count_rows(config.catalogue)

    def counted(stage: str, done: int, total: int | None) -> None:
        progress(stage, done, max(expected, done))

    if not models.specs:
        embedded = embed(entries, None, None, counted)
    else:
        directory = config.store / CACHE_DIRECTORY
        directory.mkdir(exist_ok=True)
        with EmbeddingCache(directory / "embeddings.sqlite") as cache:
            embedded = embed(entries, models.encoder, cache, counted, text_encoder=models.text_encoder)
    rejects = len(embedded.rejects)
    path = config.store / REJECTS_FILE
    with store.changing():
        write_durably(path, _rejects_text(embedded.rejects))
    if embedded.lines_read and rejects / embedded.lines_read > config.max_rejects:
        raise InvalidCatalogue(
            f"{config.catalogue}: expected at most {config.max_rejects:.1%} bad rows, got {rejects} of "
            f"{embedded.lines_read} ({rejects / embedded.lines_read:.1%}); {path} says why"
        )
    if not embedded.item_ids:
        raise InvalidCatalogue(f"{config.catalogue}: expected at least one item, got none")
    return embedded


def _write(
    config: BuildConfig,
    store: Store,
    written: Draft,
    embedded: Embedded,
    learnt: Learnt | None,
    reviewed: Reviewed | None,
    digest: str,
    encoded: frozenset[str],
    models: Models,
    progress: Progress,
) -> Manifest:
    directory = written.directory
    parent = _parent(store)
    content = tuple(embedded.blocks)
    embedded = embedded if learnt is None else learnt.embedded
    calibration = models.calibrate(embedded, encoded)
    calibration = calibration if learnt is None else learnt.calibrated(calibration)
    lexical_asked = "text" in encoded if config.lexical is None else config.lexical
    worded = np.array([lexical_asked and has_words(text) for text in embedded.texts])
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
        lexical, usual = build_lexical(directory, [embedded.texts[place] for place in order])
        calibration = Calibration({**calibration.similarities, ("text", LEXICAL): usual}, calibration.signals)
    (directory / REJECTS_FILE).write_bytes(_rejects_text(embedded.rejects))
    manifest = Manifest(
        schema_version=SCHEMA,
        snapshot=written.name,
        parent=None if parent is None else parent.name,
        create_time=datetime.now(UTC).isoformat(timespec="seconds"),
        catalogue=CatalogueRecord(
            name=config.catalogue.name,
            sha256=digest,
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
        model=models.record("model", encoded),
        text_model=models.record("text_model", encoded),
        lexical=lexical,
        behaviour=None if learnt is None else learnt.record,
        reviews=None if reviewed is None else reviewed.record,
        default_weights=_default_weights(embedded, content, lexical is not None),
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
        learn_shoppers(Snapshot(manifest, directory), learnt.events, models.encoder, progress)
    points = tune(Snapshot(manifest, directory), partial(progress, "tune"), config.recall_target)
    draw_curve(points, config.recall_target, directory / CURVE_FILE)
    manifest = manifest.model_copy(update={"operating_points": tuple(points)})
    gates = _gates(config, Snapshot(manifest, directory), parent, len(embedded.rejects), embedded.lines_read)
    return manifest.model_copy(update={"gates": tuple(gates), "files": file_records(directory)})


def _default_weights(embedded: Embedded, content: tuple[str, ...], with_words: bool) -> dict[str, float]:
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
    embedded: Embedded,
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


def _gates(
    config: BuildConfig, snapshot: Snapshot, parent: Snapshot | None, rejects: int, lines: int
) -> list[GateRecord]:
    searcher = Searcher(snapshot, None)
    return [
        *recall_gate(searcher, config.recall_target),
        self_retrieval_gate(searcher),
        reject_gate(rejects, lines, config.max_rejects),
        drift_gate(snapshot, parent, config.max_drift),
    ]


def _parent(store: Store) -> Snapshot | None:
    """Return the served snapshot; a damaged one is no parent, since a new build is the way out of the damage."""
    try:
        current = store.current()
        return None if current is None else open_snapshot(store, current)
    except CorruptSnapshot:
        return None


def _rejects_text(rejects: list[Reject]) -> bytes:
    lines = [
        json.dumps({"line": reject.line, "item_id": reject.item_id, "reason": reject.reason}, ensure_ascii=False) + "\n"
        for reject in rejects
    ]
    return "".join(lines).encode()


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
