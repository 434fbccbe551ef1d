"""The whole way of a build: a catalogue in, a snapshot that passed its gates out, served if asked.

Nothing is published by halves: the snapshot is written under a hidden name, measured there through the engine's own
searcher, and renamed when its manifest is on disk.
"""

from engine.descriptions.writer import open_writer
from engine.durable import write_durably
from engine.encoders.embedding_cache import EmbeddingCache
from engine.errors import GateFailed, InvalidCatalogue
from engine.snapshot.manifest import Manifest
from engine.snapshot.store import Store
from indexer.behaviour.behaviour_block import learn_behaviour
from indexer.build import default_weights
from indexer.build.build_config import BuildConfig
from indexer.build.publish import draft, publish, seal
from indexer.build.snapshot_writer import REJECTS_FILE, SnapshotInputs, write_snapshot
from indexer.catalog import CatalogSpec, catalogue_hash, count_rows, own_blocks, read, to_lines
from indexer.catalog.live_catalog import LiveChanges, live_changes
from indexer.descriptions.catalog_descriptions import fill_missing
from indexer.embedding.embed import Progress, embed
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.embedding.models import BuildModels, remembering
from indexer.events.event_import import EventFile, load_events
from indexer.events.event_table import EventTable
from indexer.probing.probes import Probes, ProductReservoir
from indexer.reviews.snapshot_reviews import lay_reviews

CACHE_DIRECTORY = "cache"
CACHE_FILE = "embeddings.sqlite"


def build(config: BuildConfig, progress: Progress) -> Manifest:
    """Build a snapshot of the catalogue and return its manifest, served if `config.publish` and every gate passed.

    Raises InvalidCatalogue before anything is built if it cannot be read or too many rows are bad, GateFailed after
    the snapshot was written, which then stays unpublished.
    """
    config.check()
    store = Store(config.store)
    store.snapshots.mkdir(parents=True, exist_ok=True)
    own = own_blocks(config.catalogue)
    kept = default_weights.read(config.store)
    # Before the first row is read, so that a file changed meanwhile is not taken for what was built.
    digest = catalogue_hash(config.catalogue)
    models = BuildModels.open(config.model, config.text_model, own)
    events = _events(config, progress)
    since_s = 0.0 if config.exported_at is None else config.exported_at.timestamp()
    sample = ProductReservoir()
    with live_changes(config.store, since_s) as changes:
        embedded = _embedded(config, store, models, changes, own, sample, progress)
    reviewed = None if config.reviews is None else lay_reviews(config.reviews, embedded, config.store, progress)
    embedded = embedded if reviewed is None else reviewed.embedded
    with draft(store) as written, remembering(models, config.store / CACHE_DIRECTORY / CACHE_FILE) as remembered:
        encoded = frozenset(embedded.blocks) - own
        learnt = None if events is None else learn_behaviour(events, embedded, progress)
        kept_ids = frozenset(embedded.item_ids)
        probes = Probes.of([product for product in sample.products if models.specs and product.item_id in kept_ids])
        material = SnapshotInputs(digest, models, encoded, embedded, learnt, reviewed, probes, remembered)
        manifest = write_snapshot(config, store, written, material, progress)
        taken_over = default_weights.take_over(kept, manifest)
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
    events = load_events(file, config.store, config.events_url, progress)
    return events if config.behaviour else None


def _embedded(
    config: BuildConfig,
    store: Store,
    models: BuildModels,
    changes: LiveChanges,
    own: frozenset[str],
    sample: ProductReservoir,
    progress: Progress,
) -> EmbeddedRows:
    spec = CatalogSpec(config.catalogue, config.text_template, config.signals)
    texts = models.encoder is not None or models.text_encoder is not None
    embeddable = {"text": texts, "image": models.encoder is not None}
    made = frozenset(block for block in embeddable if embeddable[block]) - own
    entries = changes.lay_over(read(spec), spec, made)
    if config.describe_missing:
        entries = fill_missing(entries, spec, open_writer(config.writer), models.encoder, embedded="text" in made)
    entries = sample.watch(entries)
    expected = count_rows(config.catalogue)

    def counted(stage: str, done: int, total: int | None) -> None:
        progress(stage, done, max(expected, done))

    if not models.specs:
        embedded = embed(entries, None, None, counted)
    else:
        directory = config.store / CACHE_DIRECTORY
        directory.mkdir(exist_ok=True)
        with EmbeddingCache(directory / CACHE_FILE) as cache:
            embedded = embed(entries, models.encoder, cache, counted, text_encoder=models.text_encoder)
    rejects = len(embedded.rejects)
    path = config.store / REJECTS_FILE
    with store.changing():
        write_durably(path, to_lines(embedded.rejects))
    if embedded.lines_read and rejects / embedded.lines_read > config.max_rejects:
        raise InvalidCatalogue(
            f"{config.catalogue}: expected at most {config.max_rejects:.1%} bad rows, got {rejects} of "
            f"{embedded.lines_read} ({rejects / embedded.lines_read:.1%}); {path} says why"
        )
    if not embedded.item_ids:
        raise InvalidCatalogue(f"{config.catalogue}: expected at least one item, got none")
    return embedded
