"""What `engine doctor` looks at, each thing as one sentence."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine import models
from engine.encoders.encoder import ModelSpec, open_encoder
from engine.errors import DiptychError
from engine.search.depth_planner import FILTERED, headroom
from engine.snapshot.manifest import Manifest
from engine.snapshot.snapshot import find_damage
from engine.snapshot.store import Store

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
        encoder = open_encoder(ModelSpec(models.DEFAULT))
    except DiptychError as error:
        return Finding(f"model {models.DEFAULT}", False, str(error))
    made_by = encoder.fingerprint
    return Finding(
        f"model {models.DEFAULT}", True, f"{made_by.architecture}, {made_by.dim} dimensions, {made_by.dtype}"
    )


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
    damage = find_damage(manifest, store.directory(name))
    if damage:
        return Finding(what, False, "; ".join(damage))
    found = f"{manifest.item_count} items in {name}, {len(store.names())} snapshots"
    return Finding(what, True, "; ".join([found, *exact_classes(manifest)]))


def exact_classes(manifest: Manifest) -> list[str]:
    """Return a sentence for each class of query that is answered exactly because no depth of the index reaches its
    target: none is wrong, but each such query compares every item."""
    sentences = []
    wanted = headroom(manifest.recall_target)
    points = [point for point in manifest.operating_points if point.query_class != FILTERED]
    for name in dict.fromkeys(point.query_class for point in points):
        depths = [point.recall for point in points if point.query_class == name and not point.point.exact]
        if depths and max(depths) < wanted:
            sentences.append(
                f"{name} queries are answered exactly: the deepest search of the index finds {max(depths):.3f} of the "
                f"best ten, and {wanted:.3f} is wanted"
            )
    return sentences
