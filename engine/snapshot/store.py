"""A store's folders, and the file that names the served snapshot.

store/snapshots/<ulid>/     finished snapshots; a leading dot marks one being written
store/reports/<ulid>.html   reports of their builds
store/CURRENT               the name of the served one, replaced by rename
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.durable import write_durably
from engine.errors import CorruptSnapshot, SnapshotNotFound
from engine.snapshot.manifest import MANIFEST_FILE, Manifest, parse

CURRENT_FILE = "CURRENT"
SNAPSHOTS_DIRECTORY = "snapshots"
REPORTS_DIRECTORY = "reports"
LOCK_FILE = ".lock"


class Store:
    """The snapshots under one folder. Reading creates nothing and never waits; only `activate` writes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def snapshots(self) -> Path:
        """The folder of finished snapshots."""
        return self.root / SNAPSHOTS_DIRECTORY

    def names(self) -> list[str]:
        """Return the names of all finished snapshots, oldest first, without verifying them."""
        if not self.snapshots.is_dir():
            return []
        return sorted(
            entry.name for entry in self.snapshots.iterdir() if not entry.name.startswith(".") and entry.is_dir()
        )

    def current(self) -> str | None:
        """Return the name of the served snapshot, None if there is none. Raises CorruptSnapshot."""
        path = self.root / CURRENT_FILE
        try:
            line = path.read_bytes().decode("ascii", "replace")
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not path.is_symlink():
                return None
            raise CorruptSnapshot(f"{path}: expected the name of a snapshot, got {error.strerror}") from error
        names = self.names()
        if line.removesuffix("\n") not in names or not line.endswith("\n"):
            known = format_names(names)
            raise CorruptSnapshot(f"{path}: expected the name of a snapshot ({known}) and a newline, got {line!r}")
        return line.removesuffix("\n")

    def require_current(self) -> str:
        """Return the name of the served snapshot. Raises SnapshotNotFound if there is none yet, CorruptSnapshot."""
        name = self.current()
        if name is None:
            raise SnapshotNotFound(
                f"expected a published snapshot in {self.root}, got none; run `indexer build` to publish one"
            )
        return name

    def directory(self, name: str) -> Path:
        """Return the folder of a finished snapshot. Raises SnapshotNotFound."""
        names = self.names()
        if name not in names:
            raise SnapshotNotFound(f"expected one of {format_names(names)}, got {name!r}", name)
        return self.snapshots / name

    def manifest(self, name: str) -> Manifest:
        """Return a snapshot's manifest. Raises SnapshotNotFound, CorruptSnapshot."""
        path = self.directory(name) / MANIFEST_FILE
        try:
            data = path.read_bytes()
        except OSError as error:
            raise CorruptSnapshot(f"{path}: expected a manifest, got {error.strerror}") from error
        manifest = parse(data, path)
        if manifest.snapshot != name:
            raise CorruptSnapshot(f"{path}: expected the manifest of {name}, got that of {manifest.snapshot}")
        return manifest

    def activate(self, name: str, instead_of: str | None = None) -> bool:
        """Serve `name` from now on. Atomic and durable: after a crash CURRENT names the old or the new snapshot.

        Args:
            name: The snapshot to serve.
            instead_of: The snapshot that must be served until then; None for any.

        Returns:
            False, without a change, if another snapshot is served.
        """
        self.directory(name)
        with self.lock():
            self.directory(name)  # again, as it may have been pruned meanwhile
            if instead_of is not None and self.current() != instead_of:
                return False
            write_durably(self.root / CURRENT_FILE, (name + "\n").encode())
        return True

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the store exclusively among all processes and threads; the folder of snapshots must exist."""
        with (self.snapshots / LOCK_FILE).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def format_names(names: list[str]) -> str:
    """Return the newest names for a message."""
    return ", ".join(["…", *names[-5:]] if len(names) > 5 else names) or "none"
