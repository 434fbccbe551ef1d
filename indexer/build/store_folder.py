"""The folder of a store that a build creates: a build that fails leaves none behind, unless something is kept in it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.snapshot.store import LOCK_FILE


@contextmanager
def no_empty_store(root: Path) -> Iterator[None]:
    """Delete a store that did not exist before if the block fails and leaves nothing but empty folders in it."""
    existed = root.exists()
    try:
        yield
    except BaseException:
        if not existed and root.is_dir():
            _delete_if_empty(root)
        raise


def _delete_if_empty(root: Path) -> None:
    paths = sorted(root.rglob("*"), reverse=True)
    if any(path.is_file() and path.name != LOCK_FILE for path in paths):
        return
    for path in paths:
        path.unlink() if path.is_file() else path.rmdir()
    root.rmdir()
