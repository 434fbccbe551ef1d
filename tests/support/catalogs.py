"""Catalogues to build from, and the indexer's command as a person meets it: what several tests begin with."""

import hashlib
import json
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from engine.encoders.encoder import Fingerprint, ModelSpec
from engine.scoring.vectors import to_unit
from engine.snapshot.manifest import GateRecord, Manifest
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import Draft, draft, file_records, seal
from indexer.progress import no_progress

DIM = 16


@dataclass(frozen=True, slots=True)
class Vectors:
    """The own vectors of n items, (n, DIM) float32 unit rows of each block."""

    image: NDArray[np.float32]
    text: NDArray[np.float32]


def clustered(count: int, seed: int = 0, clusters: int = 40, dim: int = DIM) -> Vectors:
    """Draw items in clusters, the text of each near its image."""
    rng = np.random.default_rng(seed)
    centres = to_unit(rng.standard_normal((clusters, dim)))
    image = to_unit(centres[rng.integers(clusters, size=count)] + 0.6 * to_unit(rng.standard_normal((count, dim))))
    return Vectors(image, to_unit(image + 0.6 * to_unit(rng.standard_normal((count, dim)))))


def write_parquet(path: Path, vectors: Vectors, **columns: Iterable[object]) -> Path:
    """Write a catalogue of items i0, i1 … with their vectors and whatever other columns."""
    count = len(vectors.image)
    table: dict[str, Any] = {
        "item_id": [f"i{number}" for number in range(count)],
        "price": np.random.default_rng(1).uniform(1, 100, count),
        "image_vector": list(vectors.image),
        "text_vector": list(vectors.text),
    }
    pq.write_table(pa.table(table | columns), path)
    return path


def write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    """Write a catalogue of JSON lines."""
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@dataclass(frozen=True, slots=True)
class Prepared:
    """The files of a whole snapshot, to make others of: publishing without building."""

    manifest: Manifest
    directory: Path

    @classmethod
    def build(cls, root: Path, vectors: Vectors) -> Self:
        """Build a snapshot of items i0, i1 … with these vectors."""
        manifest = build(BuildConfig(write_parquet(root / "catalogue.parquet", vectors), root / "store"), no_progress)
        return cls(manifest, root / "store" / "snapshots" / manifest.snapshot)

    def copy(self, written: Draft, passed: bool = True) -> Manifest:
        """Copy the files into a draft and return its manifest; its only gate passed or not."""
        shutil.copytree(self.directory, written.directory, dirs_exist_ok=True)
        gate = GateRecord(name="recall@10 agreeing", value=1.0 if passed else 0.5, limit=0.99, passed=passed)
        files = file_records(written.directory)
        return self.manifest.model_copy(update={"snapshot": written.name, "files": files, "gates": (gate,)})

    def add(self, store: Store, passed: bool = True) -> str:
        """Seal a copy in a store and return its name; it is not served."""
        with draft(store) as written:
            seal(store, written, self.copy(written, passed))
        return written.name


class Plain:
    """An encoder of no library: a text is its hash, a picture its mean colour; it writes down what it is given."""

    dim = 8

    def __init__(self, spec: ModelSpec, device: str, dtype: str) -> None:
        self._log = Path(spec.model)
        self.fingerprint = Fingerprint("plain", "w", "t", {"size": 1}, "p", self.dim, "float32")

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return the direction of each text's hash."""
        self._write("text", len(texts))
        return _unit([list(hashlib.sha256(text.encode()).digest()[: self.dim]) for text in texts])

    def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return the direction of each picture's colour."""
        self._write("image", len(images))
        time.sleep(0.05)
        return _unit([list(image.resize((1, 1)).tobytes()) + [1] * (self.dim - 3) for image in images])

    def _write(self, kind: str, count: int) -> None:
        with self._log.open("a") as log:
            log.write(json.dumps([kind, count]) + "\n")


def _unit(rows: list[list[int]]) -> NDArray[np.float32]:
    wide = np.array(rows, np.float32) - 127
    return wide / np.linalg.norm(wide, axis=1, keepdims=True)
