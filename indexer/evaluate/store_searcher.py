"""Opens a store's snapshot with its own models and searcher, as a server would.

Live updates are not applied, so that measurements can be repeated.
"""

from pathlib import Path

from engine.errors import SnapshotNotFound
from engine.search.model_loader import open_models
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store


def open_searcher(root: Path, snapshot: str | None = None) -> Searcher:
    """Return a searcher of the published snapshot, or of the one named.

    Raises SnapshotNotFound, CorruptSnapshot, ModelMismatch.
    """
    store = Store(root)
    name = snapshot or store.current()
    if name is None:
        raise SnapshotNotFound(f"expected a published snapshot in {root}, got none")
    opened = open_snapshot(store, name)
    return Searcher(opened, *open_models(opened.manifest))
