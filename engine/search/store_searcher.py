"""A searcher for one snapshot of a store, opened in this process.

It loads the snapshot's own models and applies no live changes, so measurements are repeatable.
"""

from pathlib import Path

from engine.search.model_loader import open_models
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store


def open_searcher(
    root: Path, snapshot: str | None = None, *, with_models: bool = True, device: str = "cpu"
) -> Searcher:
    """Return a searcher for the current snapshot, or for the named one.

    Args:
        root: Store folder.
        snapshot: Snapshot name; None opens the current snapshot.
        with_models: Whether to load the models that encode text and images.
        device: Device of the models.

    Raises:
        SnapshotNotFound: The snapshot does not exist, or none is published.
        CorruptSnapshot: A file differs from the manifest.
        ModelMismatch: A model differs from the one that the snapshot was built with.
    """
    store = Store(root)
    opened = open_snapshot(store, snapshot or store.require_current())
    return Searcher(opened, *(open_models(opened.manifest, device) if with_models else (None, None)))
