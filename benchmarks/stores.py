"""The snapshot to measure: built by the indexer from a catalogue, or an existing one."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.datasets import SIGNALS
from engine.encoders.encoder import ModelSpec, open_encoder
from engine.errors import InvalidSetting
from engine.search.searcher import Searcher
from engine.snapshot.manifest import Manifest
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.catalog import catalogue_hash
from indexer.progress import Reporter


@dataclass(frozen=True, slots=True)
class Built:
    """A store whose published snapshot is measured; `build_s` is None if it existed."""

    store: Path
    manifest: Manifest
    build_s: float | None

    def searcher(self) -> Searcher:
        """Return a searcher for the published snapshot in this process, with its encoder if it has one."""
        model = self.manifest.model
        encoder = None if model is None else open_encoder(ModelSpec(model.model, model.pretrained))
        return Searcher(open_snapshot(Store(self.store), self.manifest.snapshot), encoder)

    def describe(self) -> dict[str, Any]:
        """Return the description of the snapshot in a result file."""
        return {
            "build_s": None if self.build_s is None else round(self.build_s, 2),
            "items": self.manifest.item_count,
            "size_bytes": self.manifest.size_bytes,
            "recall_target": self.manifest.recall_target,
            "strata": [
                {"blocks": list(stratum.blocks), "count": stratum.count, "factory": stratum.factory}
                for stratum in self.manifest.strata
            ],
            "gates": [gate.model_dump() for gate in self.manifest.gates],
            "similarities": [entry.model_dump() for entry in self.manifest.similarities],
        }


def prepare(
    catalogue: Path, store: Path | None, folder: Path, index: str = "auto", model: ModelSpec | None = None
) -> Built:
    """Return the published snapshot of `store`, or if None one built in `folder`, replacing any other there.

    A snapshot whose gates fail is measured too; its manifest says which failed.
    Raises InvalidSetting if the store was built from another catalogue.
    """
    if store is not None:
        return _existing(catalogue, Store(store))
    root = folder / "store"
    if root.exists():
        shutil.rmtree(root)
    signals = SIGNALS if model is None else ()
    config = BuildConfig(catalogue, root, model=model, signals=signals, index=index, publish=False)
    with Reporter() as progress:
        started = time.perf_counter()
        manifest = build(config, progress)
        build_s = time.perf_counter() - started
    Store(root).activate(manifest.snapshot)
    return Built(root, manifest, build_s)


def _existing(catalogue: Path, store: Store) -> Built:
    name = store.current()
    if name is None:
        raise InvalidSetting(f"expected a published snapshot in {store.root}, got none")
    manifest = store.manifest(name)
    if manifest.catalogue.sha256 != catalogue_hash(catalogue):
        raise InvalidSetting(f"expected a store built from {catalogue}, got one built from {manifest.catalogue.name}")
    return Built(store.root, manifest, None)
