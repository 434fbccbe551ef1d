"""The embedding stage of a build: catalogue rows with the live changes applied, encoded, and the rejects reported."""

from collections.abc import Iterator
from pathlib import Path

from engine.descriptions.writer import open_writer
from engine.durable import write_durably
from engine.encoders.embedding_cache import EmbeddingCache
from engine.errors import InvalidCatalogue
from engine.snapshot.store import Store
from indexer.build.build_config import BuildConfig
from indexer.build.snapshot_files import REJECTS_FILE
from indexer.catalog import CatalogSpec, count_rows, read, to_lines
from indexer.catalog.live_catalog import LiveChanges
from indexer.catalog.product import Product, Reject
from indexer.descriptions.catalog_descriptions import fill_missing
from indexer.embedding.embed import Progress, embed
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.embedding.models import BuildModels
from indexer.probing.probes import ProductReservoir

CACHE_DIRECTORY = "cache"
CACHE_FILE = "embeddings.sqlite"


def embed_catalogue(
    config: BuildConfig,
    store: Store,
    models: BuildModels,
    changes: LiveChanges,
    own_blocks: frozenset[str],
    progress: Progress,
) -> tuple[EmbeddedRows, list[Product]]:
    """Return the embedded items and a sample of the products that they were read from.

    Writes the rejected rows into the store, each with the reason.

    Args:
        own_blocks: The blocks that the catalogue brings vectors for.

    Raises:
        InvalidCatalogue: No item is left, or more than `config.max_rejects` of the rows are bad.
    """
    reservoir = ProductReservoir()
    entries = reservoir.watch(_read_entries(config, models, changes, own_blocks))
    expected = count_rows(config.catalogue)

    def report(stage: str, done: int, total: int | None) -> None:
        progress(stage, done, max(expected, done))

    if not models.specs:
        embedded = embed(entries, None, None, report)
    else:
        path = cache_path(config)
        path.parent.mkdir(exist_ok=True)
        with EmbeddingCache(path) as cache:
            embedded = embed(entries, models.encoder, cache, report, text_encoder=models.text_encoder)
    _report_rejects(config, store, embedded)
    if not embedded.item_ids:
        raise InvalidCatalogue(f"{config.catalogue}: expected at least one item, got none")
    return embedded, reservoir.products


def cache_path(config: BuildConfig) -> Path:
    """Return where the store keeps the embedding cache."""
    return config.store / CACHE_DIRECTORY / CACHE_FILE


def _read_entries(
    config: BuildConfig, models: BuildModels, changes: LiveChanges, own_blocks: frozenset[str]
) -> Iterator[Product | Reject]:
    """Return the rows of the catalogue with live changes, and generated descriptions where asked for."""
    spec = CatalogSpec(config.catalogue, config.text_template, config.signals)
    encoded_blocks = _encoded_blocks(models) - own_blocks
    entries = changes.overlay(read(spec), spec, encoded_blocks)
    if config.describe_missing:
        writer = open_writer(config.writer)
        entries = fill_missing(entries, spec, writer, models.encoder, embedded="text" in encoded_blocks)
    return entries


def _encoded_blocks(models: BuildModels) -> frozenset[str]:
    """Return the blocks that the models can make."""
    if models.encoder is not None:
        return frozenset({"text", "image"})
    return frozenset({"text"} if models.text_encoder is not None else ())


def _report_rejects(config: BuildConfig, store: Store, embedded: EmbeddedRows) -> None:
    rejects = len(embedded.rejects)
    path = config.store / REJECTS_FILE
    with store.lock():
        write_durably(path, to_lines(embedded.rejects))
    if embedded.lines_read and rejects / embedded.lines_read > config.max_rejects:
        raise InvalidCatalogue(
            f"{config.catalogue}: expected at most {config.max_rejects:.1%} bad rows, got {rejects} of "
            f"{embedded.lines_read} ({rejects / embedded.lines_read:.1%}); {path} lists the reasons"
        )
