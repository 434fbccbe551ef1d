"""A store's snapshot opened to be asked as a server would: its own models, checked, and its own searcher.

Live changes are not laid over it: what was measured can then be measured again.
"""

from pathlib import Path

from engine.errors import SnapshotNotFound
from engine.search.model_loader import open_models
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store


def open_searcher(root: Path, snapshot: str | None = None) -> Searcher:
    """Return a searcher of the served snapshot, or of the one named.

    Raises SnapshotNotFound, CorruptSnapshot, ModelMismatch.
    """
    store = Store(root)
    name = snapshot or store.current()
    if name is None:
        raise SnapshotNotFound(f"expected a published snapshot in {root}, got none")
    opened = open_snapshot(store, name)
    return Searcher(opened, *open_models(opened.manifest))
