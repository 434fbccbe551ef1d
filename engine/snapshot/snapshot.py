"""A snapshot opened for reading: verified against its manifest, then served from mapped files."""

import hashlib
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from engine.columns import Columns
from engine.errors import CorruptSnapshot
from engine.indexes.index import Index, open_index
from engine.lexical.bm25 import LEXICAL, LexicalIndex
from engine.scoring.fusion import Matrix
from engine.scoring.row_layout import Layout
from engine.snapshot.item_table import ItemTable
from engine.snapshot.manifest import MANIFEST_FILE, FileRecord, Manifest
from engine.snapshot.review_table import ReviewTable
from engine.snapshot.store import Store


@dataclass(frozen=True, slots=True)
class Stratum:
    """Items that have the same blocks: rows start … start + len(index) of the snapshot."""

    blocks: tuple[str, ...]
    start: int
    index: Index
    layout: Layout
    count: int = field(init=False)
    """Number of rows."""

    def __post_init__(self) -> None:
        # Stored, because FAISS takes a microsecond to return it and every search reads it some twenty times.
        object.__setattr__(self, "count", len(self.index))


class Snapshot:
    """The items and strata of one build, immutable; thread-safe."""

    def __init__(self, manifest: Manifest, directory: Path, device: str = "cpu") -> None:
        self.manifest = manifest
        self.directory = directory
        self.device = device
        self.name = manifest.snapshot
        self.dims = manifest.dims
        self.signals = tuple(signal.name for signal in manifest.signals)
        self.calibration = manifest.calibration
        self.items = ItemTable(directory, manifest.item_count)
        self.columns = Columns(directory, manifest.item_count)
        self.lexical = None if manifest.lexical is None else LexicalIndex(directory / LEXICAL, manifest.item_count)
        reviews = manifest.reviews
        self.reviews = None if reviews is None else ReviewTable(directory, manifest.item_count, reviews.aspects)
        self.strata = tuple(
            Stratum(
                record.blocks,
                record.start,
                open_index(directory / record.directory, device),
                Layout(record.blocks, self.dims, self.signals),
            )
            for record in manifest.strata
        )
        for record, stratum in zip(manifest.strata, self.strata, strict=True):
            if stratum.count != record.count:
                raise CorruptSnapshot(
                    f"{directory / record.directory}: expected {record.count} rows, got {stratum.count}"
                )

    def __len__(self) -> int:
        return self.manifest.item_count

    def get_stratum(self, row: int) -> Stratum:
        """Return the stratum that holds a row."""
        for stratum in self.strata:
            if stratum.start <= row < stratum.start + stratum.count:
                return stratum
        raise IndexError(f"expected a row below {len(self)}, got {row}")

    def vectors(self, row: int) -> dict[str, Matrix]:
        """Return the unit vector of each block that the item has."""
        stratum = self.get_stratum(row)
        stored = stratum.index.rows(np.array([row - stratum.start]))[0].astype(np.float32)
        return {block: stored[span] for block, span in stratum.layout.spans.items()}


def open_snapshot(store: Store, name: str, device: str = "cpu") -> Snapshot:
    """Return the snapshot after comparing every byte with the manifest; reads all files once.

    Raises:
        SnapshotNotFound: There is no such snapshot.
        CorruptSnapshot: Names the damaged files.
    """
    manifest = store.manifest(name)
    damage = find_damage(manifest, store.directory(name))
    if damage:
        raise CorruptSnapshot("; ".join(damage))
    return Snapshot(manifest, store.directory(name), device)


def find_damage(manifest: Manifest, directory: Path) -> list[str]:
    """Return a message for each file that differs from the manifest or is not in it, empty if there is none."""
    named = {MANIFEST_FILE, *manifest.files}
    # os.walk skips a folder deleted meanwhile, whose files are then reported as missing below.
    found = {
        Path(folder, name).relative_to(directory).as_posix()
        for folder, _, names in os.walk(directory)
        for name in names
    }
    unexpected = [f"{directory / name}: expected no such file" for name in sorted(found - named) if name[0] != "."]
    with ThreadPoolExecutor(max_workers=4) as pool:
        results: Iterable[str | None] = pool.map(
            lambda entry: _damage(directory / entry[0], entry[1]), sorted(manifest.files.items())
        )
        return [sentence for sentence in results if sentence is not None] + unexpected


def _damage(path: Path, record: FileRecord) -> str | None:
    if not path.is_file():
        return f"{path}: expected {record.size_bytes} bytes, got no file"
    try:
        size = path.stat().st_size
        if size != record.size_bytes:
            return f"{path}: expected {record.size_bytes} bytes, got {size}"
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        return f"{path}: expected {record.size_bytes} bytes, got {error.strerror}"
    if digest != record.sha256:
        return f"{path}: expected sha256 {record.sha256}, got {digest}"
    return None
