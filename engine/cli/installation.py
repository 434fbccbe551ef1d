"""Checks of the installation that `engine doctor` reports: libraries, model, GPU and a store."""

import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine import models
from engine.encoders.encoder import ModelSpec, open_encoder
from engine.errors import DiptychError
from engine.search.exact_query_classes import describe_exact_classes
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
"""Packages that may provide a module."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        subject: What was checked.
        passed: Whether it is as expected.
        message: What was found.
    """

    subject: str
    passed: bool
    message: str


def check_installation(store: Path | None) -> Iterator[Check]:
    """Check Python, the libraries, the default model, the GPU and, if given, a store."""
    yield Check("python", True, platform.python_version())
    for module, packages in LIBRARIES.items():
        yield _check_library(module, packages)
    yield _check_model()
    yield _check_gpu()
    if store is not None:
        yield _check_store(Store(store))


def _check_library(module: str, packages: tuple[str, ...]) -> Check:
    try:
        import_module(module)
    except (ImportError, OSError, RuntimeError) as error:
        return Check(module, False, f"expected it to be installed, got {error}")
    for package in packages:
        try:
            return Check(module, True, version(package))
        except PackageNotFoundError:
            continue
    return Check(module, True, "unknown version")


def _check_model() -> Check:
    subject = f"model {models.DEFAULT}"
    try:
        encoder = open_encoder(ModelSpec(models.DEFAULT))
    except DiptychError as error:
        return Check(subject, False, str(error))
    model = encoder.fingerprint
    return Check(subject, True, f"{model.architecture}, {model.dim} dimensions, {model.dtype}")


def _check_gpu() -> Check:
    nodes = sorted(path.name for path in Path("/dev").glob("nvidia[0-9]*"))
    return Check("gpu", True, ", ".join(nodes) if nodes else "none; the CPU is used")


def _check_store(store: Store) -> Check:
    subject = f"store {store.root}"
    try:
        name = store.require_current()
        manifest = store.manifest(name)
    except DiptychError as error:
        return Check(subject, False, str(error))
    damage = find_damage(manifest, store.directory(name))
    if damage:
        return Check(subject, False, "; ".join(damage))
    counts = f"{manifest.item_count} items in {name}, {len(store.names())} snapshots"
    return Check(subject, True, "; ".join([counts, *describe_exact_classes(manifest)]))
