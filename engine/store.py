"""A store's folders, and the one line that says which snapshot is served.

    store/snapshots/<ulid>/     whole snapshots; a name that begins with a dot is one being written
    store/CURRENT               the name of the served one, replaced by rename
"""

import os
from pathlib import Path

from engine.errors import CorruptSnapshot, SnapshotNotFound
from engine.manifest import MANIFEST_FILE, Manifest, parse

CURRENT_FILE = "CURRENT"
SNAPSHOTS_DIRECTORY = "snapshots"


class Store:
    """The snapshots under one folder. Reading creates nothing; `activate` is the only write here."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def snapshots(self) -> Path:
        """The folder of whole snapshots."""
        return self.root / SNAPSHOTS_DIRECTORY

    def names(self) -> list[str]:
        """Return the names of all whole snapshots, oldest first."""
        if not self.snapshots.is_dir():
            return []
        return sorted(
            entry.name
            for entry in self.snapshots.iterdir()
            if not entry.name.startswith(".") and (entry / MANIFEST_FILE).is_file()
        )

    def current(self) -> str | None:
        """Return the name of the served snapshot, None if there is none yet. Raises CorruptSnapshot."""
        path = self.root / CURRENT_FILE
        try:
            name = path.read_bytes()
        except FileNotFoundError:
            return None
        text = name.decode("ascii", "replace").strip()
        if text not in self.names():
            known = ", ".join(self.names()) or "none"
            raise CorruptSnapshot(f"{path}: expected the name of a snapshot ({known}), got {text!r}")
        return text

    def directory(self, name: str) -> Path:
        """Return the folder of a whole snapshot. Raises SnapshotNotFound."""
        if name not in self.names():
            raise SnapshotNotFound(f"expected one of {', '.join(self.names()) or 'no snapshots'}, got {name!r}")
        return self.snapshots / name

    def manifest(self, name: str) -> Manifest:
        """Return what a snapshot says of itself. Raises SnapshotNotFound, CorruptSnapshot."""
        path = self.directory(name) / MANIFEST_FILE
        manifest = parse(path.read_bytes(), path)
        if manifest.snapshot != name:
            raise CorruptSnapshot(f"{path}: expected the manifest of {name}, got that of {manifest.snapshot}")
        return manifest

    def activate(self, name: str) -> None:
        """Serve `name` from now on. Atomic and durable: after a crash CURRENT names the old or the new one."""
        self.directory(name)
        write_durably(self.root / CURRENT_FILE, (name + "\n").encode())


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file in one step, on disk when this returns."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Wait until the names in a folder are on disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
