"""Durable files: atomic replacement, synced directories, and directory locks between processes.

flock instead of the filelock package: filelock cannot lock a directory, would leave a lock file in it, and polls (92 µs
uncontended and 20 ms to hand over, against 4 µs and 0.1 ms). A flock ends with its process, and excludes threads too.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def write_durably(path: Path, data: bytes) -> None:
    """Replace a file atomically; it is on disk on return. One writer at a time.

    The temporary file always has the same name, so the next writer overwrites what a killed one left.
    """
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    sync_directory(path.parent)


@contextmanager
def lock_directory(directory: Path) -> Iterator[None]:
    """Hold a directory exclusively among all processes and threads, for creating files that others might open."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def sync_directory(directory: Path) -> None:
    """Wait until the directory's entries are on disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
