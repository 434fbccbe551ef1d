"""The embedding stage of a build: catalogue rows with the live changes applied, encoded, and the rejects reported."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from engine.descriptions.writer import open_writer
from engine.durable import write_durably
from engine.encoders.embedding_cache import EmbeddingCache
from engine.errors import InvalidCatalogue
from engine.snapshot.store import Store
from indexer.build.build_config import BuildConfig
from indexer.build.snapshot_files import REJECTS_FILE
from indexer.catalog import to_lines
from indexer.catalog.catalogue import Catalogue
from indexer.catalog.live_catalog import LiveChanges
from indexer.catalog.product import BadCell, Product, Reject
from indexer.catalog.reject_summary import describe_reasons
from indexer.descriptions.catalog_descriptions import fill_missing
from indexer.embedding.embed import embed
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.embedding.models import BuildModels
from indexer.probing.probes import ProductReservoir
from indexer.progress import Progress

CACHE_DIRECTORY = "cache"
CACHE_FILE = "embeddings.sqlite"


def embed_catalogue(
    config: BuildConfig,
    catalogue: Catalogue,
    store: Store,
    models: BuildModels,
    changes: LiveChanges,
    progress: Progress,
) -> tuple[EmbeddedRows, list[Product]]:
    """Return the embedded items and a sample of the products that they were read from.

    Writes the rejected rows and the dropped cells into the store, each with the reason.

    Raises:
        InvalidCatalogue: No item is left, more than `config.max_rejects` of the rows are bad, or more than
            `config.max_bad_cells` of the values of a column.
    """
    reservoir = ProductReservoir()
    entries = reservoir.watch(_read_entries(config, catalogue, models, changes))

    def report(stage: str, done: int, total: int | None) -> None:
        progress(stage, done, max(catalogue.row_count, done))

    if not models.specs:
        embedded = embed(entries, None, None, report)
    else:
        path = cache_path(config)
        path.parent.mkdir(exist_ok=True)
        with EmbeddingCache(path) as cache:
            embedded = embed(entries, models.encoder, cache, report, text_encoder=models.text_encoder)
    _write_rejects(config, store, embedded)
    _check_rejects(config, catalogue, embedded)
    return embedded, reservoir.products


def cache_path(config: BuildConfig) -> Path:
    """Return where the store keeps the embedding cache."""
    return config.store / CACHE_DIRECTORY / CACHE_FILE


def _read_entries(
    config: BuildConfig, catalogue: Catalogue, models: BuildModels, changes: LiveChanges
) -> Iterator[Product | Reject]:
    """Return the rows of the catalogue with live changes, and generated descriptions where asked for."""
    encoded_blocks = _encoded_blocks(models) - catalogue.own_blocks
    entries = changes.overlay(catalogue.products(), config.spec, encoded_blocks)
    if config.describe_missing:
        writer = open_writer(config.writer)
        entries = fill_missing(entries, catalogue, writer, models.encoder, embedded="text" in encoded_blocks)
    return entries


def _encoded_blocks(models: BuildModels) -> frozenset[str]:
    """Return the blocks that the models can make."""
    if models.encoder is not None:
        return frozenset({"text", "image"})
    return frozenset({"text"} if models.text_encoder is not None else ())


def _write_rejects(config: BuildConfig, store: Store, embedded: EmbeddedRows) -> None:
    with store.lock():
        write_durably(config.store / REJECTS_FILE, to_lines([*embedded.rejects, *embedded.bad_cells]))


def _check_rejects(config: BuildConfig, catalogue: Catalogue, embedded: EmbeddedRows) -> None:
    """Raise InvalidCatalogue if too many rows or too many values of a column are bad."""
    path = config.store / REJECTS_FILE
    rejects, rows = len(embedded.rejects), embedded.lines_read
    if rows and rejects / rows > config.max_rejects:
        reasons = describe_reasons(embedded.rejects)
        raise InvalidCatalogue(
            f"{config.catalogue}: expected at most {config.max_rejects:.1%} bad rows, got {rejects} of {rows} "
            f"({rejects / rows:.1%}): {reasons}; {path} lists them, --max-rejects sets the limit"
        )
    if not embedded.item_ids:
        raise InvalidCatalogue(f"{config.catalogue}: expected at least one item, got none; {path} lists the reasons")
    _check_bad_cells(config, catalogue, embedded.bad_cells)


def _check_bad_cells(config: BuildConfig, catalogue: Catalogue, bad_cells: Sequence[BadCell]) -> None:
    """Raise InvalidCatalogue if too many values of a column are bad; of a cell of several images, one is enough."""
    cells_by_column: dict[str, dict[int, BadCell]] = {}
    for cell in bad_cells:
        cells_by_column.setdefault(cell.column, {})[cell.line] = cell
    present = {column.source: column.summary.present for column in catalogue.columns}
    for column, cells in cells_by_column.items():
        # Images that cannot be decoded are those of the item, whatever its columns.
        total = present.get(column, catalogue.row_count)
        if len(cells) > config.max_bad_cells * total:
            raise InvalidCatalogue(
                f"{config.catalogue}, column {column}: expected at most {config.max_bad_cells:.0%} bad values, got "
                f"{len(cells)} of {total}: {describe_reasons(cells.values())}; "
                f"{config.store / REJECTS_FILE} lists them, --max-bad-cells sets the limit"
            )
