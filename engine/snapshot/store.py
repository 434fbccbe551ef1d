"""A store's folders, and the one line that says which snapshot is served.

store/snapshots/<ulid>/     finished snapshots; a name that begins with a dot is one being written
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
LOCK_FILE = ".lock"


class Store:
    """The snapshots under one folder. Reading creates nothing and waits for nobody; only `activate` writes."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @property
    def snapshots(self) -> Path:
        """The folder of whole snapshots."""
        return self.root / SNAPSHOTS_DIRECTORY

    def names(self) -> list[str]:
        """Return the names of all finished snapshots, oldest first; it is not asked whether they are whole still."""
        if not self.snapshots.is_dir():
            return []
        return sorted(
            entry.name for entry in self.snapshots.iterdir() if not entry.name.startswith(".") and entry.is_dir()
        )

    def current(self) -> str | None:
        """Return the name of the served snapshot, None if there is none yet. Raises CorruptSnapshot."""
        path = self.root / CURRENT_FILE
        try:
            line = path.read_bytes().decode("ascii", "replace")
        except OSError as error:
            if isinstance(error, FileNotFoundError) and not path.is_symlink():
                return None
            raise CorruptSnapshot(f"{path}: expected the name of a snapshot, got {error.strerror}") from error
        names = self.names()
        if line.removesuffix("\n") not in names or not line.endswith("\n"):
            known = shown(names)
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
            raise SnapshotNotFound(f"expected one of {shown(names)}, got {name!r}", name)
        return self.snapshots / name

    def manifest(self, name: str) -> Manifest:
        """Return what a snapshot says of itself. Raises SnapshotNotFound, CorruptSnapshot."""
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
        """Serve `name` from now on. Atomic and durable: after a crash CURRENT names the old or the new one.

        instead_of: the one that has to be served until then. Returns False, and changes nothing, if another is.
        """
        self.directory(name)
        with self.changing():
            self.directory(name)  # again, since it may have been pruned meanwhile
            if instead_of is not None and self.current() != instead_of:
                return False
            write_durably(self.root / CURRENT_FILE, (name + "\n").encode())
        return True

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Be the only one of all processes who changes the store; the folder of snapshots must be there."""
        with (self.snapshots / LOCK_FILE).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def shown(names: list[str]) -> str:
    """Return the newest few names as a message tells them."""
    return ", ".join(["…", *names[-5:]] if len(names) > 5 else names) or "none"
