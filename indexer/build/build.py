"""The stages of a build, from a catalogue to a snapshot that passed its gates and is served if asked for.

Publication is atomic: the snapshot is written into a hidden folder, measured there through the engine's own searcher,
and renamed once its manifest is on disk.
"""

from dataclasses import replace

from engine.errors import GateFailed
from engine.snapshot.manifest import Manifest
from engine.snapshot.store import Store
from indexer.behaviour.behaviour_block import learn_behaviour
from indexer.build import default_weights
from indexer.build.build_config import BuildConfig
from indexer.build.catalogue_embedding import cache_path, embed_catalogue
from indexer.build.html_report import write_report
from indexer.build.publish import draft, publish, seal
from indexer.build.snapshot_content import SnapshotInputs
from indexer.build.snapshot_writer import write_snapshot
from indexer.build.store_folder import no_empty_store
from indexer.catalog import catalogue_hash
from indexer.catalog.catalogue import open_catalogue
from indexer.catalog.live_catalog import live_changes
from indexer.embedding.models import BuildModels, with_cache
from indexer.events.event_import import EventFile, load_events
from indexer.events.event_table import EventTable
from indexer.probing.probes import Probes
from indexer.progress import Progress
from indexer.reviews.snapshot_reviews import attach_reviews


def build(config: BuildConfig, progress: Progress) -> Manifest:
    """Build a snapshot of the catalogue and return its manifest, served if `config.publish` and every gate passed.

    Raises:
        InvalidCatalogue: The catalogue cannot be read or too many of its rows are bad; no snapshot is written.
        GateFailed: The snapshot is complete but stays unpublished.
    """
    config.check()
    store = Store(config.store)
    with no_empty_store(config.store):
        return _build(config, store, progress)


def _build(config: BuildConfig, store: Store, progress: Progress) -> Manifest:
    # Hashed before the first row is read, so that a file changed meanwhile is not taken for the one that was built.
    sha256 = catalogue_hash(config.catalogue)
    catalogue = open_catalogue(config.spec, progress)
    config = replace(config, text_template=catalogue.text_template, signals=catalogue.signals)
    own = catalogue.own_blocks
    store.snapshots.mkdir(parents=True, exist_ok=True)
    stored_weights = default_weights.load(config.store)
    progress("load models", 0, None)
    models = BuildModels.open(config.model, config.text_model, own)
    events = _record_events(config, progress)
    with live_changes(config.store, config.exported_at_s) as changes:
        embedded, products = embed_catalogue(config, catalogue, store, models, changes, progress)
    reviews = None
    if config.reviews is not None:
        reviews = attach_reviews(config.reviews, embedded, config.store, progress)
        embedded = reviews.embedded
    with draft(store) as written, with_cache(models, cache_path(config)) as cached_models:
        item_ids = frozenset(embedded.item_ids)
        inputs = SnapshotInputs(
            catalogue_sha256=sha256,
            catalogue=catalogue,
            models=models,
            cached_models=cached_models,
            encoded_blocks=frozenset(embedded.blocks) - own,
            embedded=embedded,
            behaviour=None if events is None else learn_behaviour(events, embedded, progress),
            reviews=reviews,
            probes=Probes.of([product for product in products if models.specs and product.item_id in item_ids]),
        )
        manifest = write_snapshot(config, store, written, inputs, progress)
        weights = default_weights.apply_stored(stored_weights, manifest)
        manifest = manifest.model_copy(update={"live_seq": changes.last, **weights.update})
        seal(store, written, manifest)
    write_report(store, manifest, catalogue)
    if config.publish:
        _publish(store, manifest)
        if config.forget_changes:
            changes.forget(config.store)
    return manifest


def _record_events(config: BuildConfig, progress: Progress) -> EventTable | None:
    """Record the events of the file, if there is one, and return all events to learn from; None for none."""
    file = None
    if config.events is not None:
        file = EventFile(config.events, config.events_map, max_rejects=config.max_rejects)
    events = load_events(file, config.store, config.events_url, progress)
    return events if config.behaviour else None


def _publish(store: Store, manifest: Manifest) -> None:
    try:
        publish(store, manifest.snapshot)
    except GateFailed as error:
        raise GateFailed(f"{error}; the snapshot stays in {store.root}, unpublished") from error
