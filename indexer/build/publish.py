"""The life cycle of a snapshot: drafted under a hidden name, renamed when complete, published through CURRENT, pruned.

A build killed at any moment leaves a complete snapshot or nothing that a reader would open. The next writer deletes the
folders of writers that no longer run.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ulid import ULID

from engine.durable import sync_directory, write_durably
from engine.errors import CorruptSnapshot, GateFailed, InvalidSetting, SnapshotNotFound
from engine.snapshot.manifest import MANIFEST_FILE, FileRecord, Manifest, render
from engine.snapshot.snapshot import find_damage
from engine.snapshot.store import LOCK_FILE, REPORTS_DIRECTORY, Store


@dataclass(frozen=True, slots=True)
class Draft:
    """A snapshot being written.

    Attributes:
        name: Its future name.
        directory: The folder for its files.
    """

    name: str
    directory: Path


@contextmanager
def draft(store: Store) -> Iterator[Draft]:
    """Open a folder to write a snapshot into; it is deleted on exit unless `seal` renamed it."""
    store.snapshots.mkdir(parents=True, exist_ok=True)
    with store.lock():
        _sweep(store)
        name = str(ULID())
        directory = store.snapshots / f".{name}.draft"
        directory.mkdir()
        lock = (directory / LOCK_FILE).open("w")
        fcntl.flock(lock, fcntl.LOCK_EX)
    with lock:
        try:
            yield Draft(name, directory)
        finally:
            with store.lock():
                if directory.exists():
                    shutil.rmtree(directory)


def file_records(directory: Path) -> dict[str, FileRecord]:
    """Return size and checksum of every file of a draft, each flushed to disk."""
    records = {}
    for path in sorted(directory.rglob("*")):
        if path.is_dir() or path.name in (LOCK_FILE, MANIFEST_FILE):
            continue
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
        records[path.relative_to(directory).as_posix()] = FileRecord(size_bytes=path.stat().st_size, sha256=digest)
    return records


def seal(store: Store, written: Draft, manifest: Manifest) -> Path:
    """Write the manifest, rename the draft to its final folder, and return that folder. It is not served yet."""
    write_durably(written.directory / MANIFEST_FILE, render(manifest))
    for path in written.directory.rglob("*"):
        if path.is_dir():
            sync_directory(path)
    final = store.snapshots / written.name
    with store.lock():  # without its lock file, a draft looks abandoned
        (written.directory / LOCK_FILE).unlink()
        written.directory.rename(final)
        sync_directory(store.snapshots)
    return final


def publish(store: Store, name: str, instead_of: str | None = None) -> bool:
    """Serve a snapshot after comparing every byte of it with its manifest.

    Args:
        instead_of: The snapshot that must be served now; if another one is, nothing changes and the result is False.

    Raises:
        SnapshotNotFound: The store has no snapshot of that name.
        GateFailed: A gate of the snapshot failed.
        CorruptSnapshot: Files are damaged; the message names them.
    """
    manifest = store.manifest(name)
    failed = [gate for gate in manifest.gates if not gate.passed]
    if failed:
        reasons = "; ".join(f"{gate.name}: expected {gate.limit:g}, got {gate.value:g}" for gate in failed)
        raise GateFailed(f"{name} may not be published: {reasons}")
    if damage := find_damage(manifest, store.directory(name)):
        raise CorruptSnapshot("; ".join(damage))
    return store.activate(name, instead_of)


def rollback(store: Store) -> str:
    """Serve the newest publishable snapshot that is older than the served one, and return its name.

    Snapshots with a failed gate or damaged files are skipped.

    Raises:
        SnapshotNotFound: Nothing is served, or no older snapshot can be.
    """
    current = store.current()
    if current is None:
        raise SnapshotNotFound("expected a published snapshot to roll back from, got none")
    for name in reversed([name for name in store.names() if name < current]):
        try:
            publish(store, name)
        except (CorruptSnapshot, GateFailed):
            continue
        return name
    raise SnapshotNotFound(f"expected a snapshot older than {current} to roll back to, got none")


def prune(store: Store, keep: int) -> list[str]:
    """Delete all but the newest `keep` snapshots and return the names of those deleted; the served one always stays."""
    if keep < 1:
        raise InvalidSetting(f"expected to keep at least 1 snapshot, got {keep}")
    if not store.snapshots.is_dir():
        return []
    with store.lock():
        _sweep(store)
        current = store.current()
        expired = [name for name in store.names()[:-keep] if name != current]
        for name in expired:
            # Hidden first: a half-deleted folder must not look complete. Readers that have mapped its files keep them.
            hidden = store.snapshots / f".{name}.pruned"
            (store.snapshots / name).rename(hidden)
            shutil.rmtree(hidden)
            (store.root / REPORTS_DIRECTORY / f"{name}.html").unlink(missing_ok=True)
    return expired


def verify(store: Store, name: str) -> list[str]:
    """Return a message for each file that differs from the manifest. Raises CorruptSnapshot for a damaged manifest."""
    return find_damage(store.manifest(name), store.directory(name))


def _sweep(store: Store) -> None:
    """Delete the folders of killed writers; running ones lock theirs. The caller holds the store's lock."""
    for directory in store.snapshots.glob(".*"):
        if not directory.is_dir():
            continue
        try:
            with (directory / LOCK_FILE).open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory)
        except BlockingIOError:
            continue
