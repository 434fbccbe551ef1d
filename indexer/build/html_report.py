"""The report of a build as one HTML file: what was read, what was dropped, and whether the nearest items look right."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from engine.catalog.payload import from_bytes
from engine.durable import write_durably
from engine.pages.item_card import ItemCard, to_fields, to_title
from engine.pages.page import render
from engine.pages.thumbnail import to_data_uri, to_thumbnail
from engine.scoring.query import ItemPart, Query
from engine.search.searcher import Searcher
from engine.snapshot.manifest import Manifest
from engine.snapshot.snapshot import Snapshot
from engine.snapshot.store import REPORTS_DIRECTORY, Store
from indexer.build.report import notices
from indexer.build.snapshot_files import CURVE_FILE
from indexer.catalog.catalogue import Catalogue
from indexer.catalog.inspection import InspectedColumn, inspect_column
from indexer.catalog.product import Product
from indexer.embedding.image_loader import readable_images

RANDOM_ITEMS = 20
NEAREST = 5

Pictures = Callable[[frozenset[str]], Mapping[str, Image.Image]]
"""Returns the first picture of each of some items, where there is one."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """An item and those nearest to it."""

    item: ItemCard
    nearest: tuple[ItemCard, ...]


def render_report(
    searcher: Searcher,
    manifest: Manifest,
    columns: Sequence[InspectedColumn],
    pictures: Pictures,
    seed: int = 31,
) -> str:
    """Return the report of a snapshot whose gates were measured.

    Args:
        searcher: Opened on the snapshot.
        manifest: Its manifest, with the gates.
        columns: The columns of its catalogue.
        pictures: Returns pictures of items.
        seed: Seed of the sample.
    """
    snapshot = searcher.snapshot
    rows = np.random.default_rng(seed).permutation(len(snapshot))[: 2 * RANDOM_ITEMS].tolist()
    ids = [snapshot.items.item_id(row) for row in rows]
    nearest = {item_id: _nearest(searcher, item_id) for item_id in ids[:RANDOM_ITEMS]}
    scores = {(item_id, other): score for item_id, hits in nearest.items() for other, score in hits}
    shown = frozenset(ids).union(other for _, other in scores)
    cards = _cards(searcher, shown, pictures(shown))
    return render(
        "report.html",
        title=f"{manifest.catalogue.name}: {manifest.item_count:,} items",
        summary=_summary(manifest),
        notices=[*manifest.catalogue.notices, *notices(manifest)],
        neighbours=[
            Neighbours(cards[item_id], tuple(_scored(cards[other], score) for other, score in hits))
            for item_id, hits in nearest.items()
        ],
        sample=[cards[item_id] for item_id in ids[RANDOM_ITEMS:] or ids],
        columns=columns,
        reasons=[*manifest.catalogue.rejected, *manifest.catalogue.dropped],
        gates=manifest.gates,
        curve=_curve(snapshot.directory / CURVE_FILE),
    )


def _nearest(searcher: Searcher, item_id: str) -> list[tuple[str, float]]:
    """Return the ids and scores of the items nearest to one, best first, without itself."""
    hits = searcher.search(Query((ItemPart(item_id),), limit=NEAREST + 1)).hits
    return [(hit.item_id, hit.score) for hit in hits if hit.item_id != item_id][:NEAREST]


def _cards(searcher: Searcher, item_ids: Iterable[str], pictures: Mapping[str, Image.Image]) -> dict[str, ItemCard]:
    items = searcher.snapshot.items
    cards = {}
    for item_id in item_ids:
        payload: dict[str, Any] = from_bytes(items.payload(items.get_row(item_id)))
        picture = pictures.get(item_id)
        thumbnail = "" if picture is None else to_thumbnail(picture)
        cards[item_id] = ItemCard(item_id, to_title(item_id, payload), to_fields(payload), thumbnail)
    return cards


def _scored(card: ItemCard, score: float) -> ItemCard:
    return replace(card, score=f"{score:.2f}")


def _summary(manifest: Manifest) -> str:
    strata = ", ".join(f"{stratum.count:,} with {' and '.join(stratum.blocks)}" for stratum in manifest.strata)
    rejects = manifest.catalogue.rejects
    return f"Snapshot {manifest.snapshot}, built {manifest.create_time}: {strata}. {rejects:,} rows rejected."


def _curve(path: Path) -> str:
    return to_data_uri(path.read_bytes(), "image/png") if path.is_file() else ""


def report_path(root: Path, snapshot: str) -> Path:
    """Return where a store keeps the report of a snapshot."""
    return root / REPORTS_DIRECTORY / f"{snapshot}.html"


def write_report(store: Store, manifest: Manifest, catalogue: Catalogue) -> None:
    """Write the report of a finished snapshot into its store."""
    searcher = Searcher(Snapshot(manifest, store.directory(manifest.snapshot)), None)
    columns = [inspect_column(column) for column in catalogue.columns]
    page = render_report(searcher, manifest, columns, partial(find_pictures, catalogue))
    path = report_path(store.root, manifest.snapshot)
    path.parent.mkdir(exist_ok=True)
    write_durably(path, page.encode())


def find_pictures(catalogue: Catalogue, item_ids: frozenset[str]) -> dict[str, Image.Image]:
    """Return the first readable picture of each of some items; reads the catalogue until all items were seen."""
    pictures: dict[str, Image.Image] = {}
    missing = set(item_ids)
    for entry in catalogue.products():
        if not missing:
            break
        if isinstance(entry, Product) and entry.item_id in missing:
            missing.discard(entry.item_id)
            for picture in islice(readable_images(entry.images), 1):
                pictures[entry.item_id] = picture
    return pictures
