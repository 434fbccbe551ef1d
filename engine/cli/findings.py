"""What `engine doctor` looks at, each thing as one sentence."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine.encoder import ModelSpec, open_encoder
from engine.errors import DiptychError
from engine.snapshot import damages
from engine.store import Store

LIBRARIES = {
    "torch": ("torch",),
    "open_clip": ("open-clip-torch",),
    "faiss": ("faiss-gpu", "faiss-cpu"),
    "grpc": ("grpcio",),
    "pyarrow": ("pyarrow",),
    "PIL": ("pillow",),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, and whether it is as it should be."""

    what: str
    fine: bool
    found: str


def examine(store: Path | None) -> Iterator[Finding]:
    """Give what is found of Python, the libraries, the model, the GPU and, if one is named, a store."""
    yield Finding("python", True, platform.python_version())
    for module, packages in LIBRARIES.items():
        yield _library(module, packages)
    yield _model()
    yield _gpu()
    if store is not None:
        yield _store(Store(store))


def _library(module: str, packages: tuple[str, ...]) -> Finding:
    try:
        import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        return Finding(module, False, f"expected it to be installed, got {error}")
    for package in packages:
        try:
            return Finding(module, True, version(package))
        except PackageNotFoundError:
            continue
    return Finding(module, True, "of unknown version")


def _model() -> Finding:
    try:
        encoder = open_encoder(ModelSpec("mini"))
    except DiptychError as error:
        return Finding("model mini", False, str(error))
    made_by = encoder.fingerprint
    return Finding("model mini", True, f"{made_by.architecture}, {made_by.dim} dimensions, {made_by.dtype}")


def _gpu() -> Finding:
    nodes = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    return Finding("gpu", True, ", ".join(nodes) if nodes else "none; the CPU serves")


def _store(store: Store) -> Finding:
    what = f"store {store.root}"
    try:
        name = store.current()
        if name is None:
            return Finding(what, False, "expected a published snapshot, got none; `indexer build` makes one")
        manifest = store.manifest(name)
    except DiptychError as error:
        return Finding(what, False, str(error))
    damage = damages(manifest, store.directory(name))
    if damage:
        return Finding(what, False, "; ".join(damage))
    return Finding(what, True, f"{manifest.item_count} items in {name}, {len(store.names())} snapshots")
