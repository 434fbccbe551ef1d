"""Catalogues to build from, and the indexer's command as a person meets it: what several tests begin with."""

import io
import json
import sys
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from engine.vectors import to_unit
from indexer.cli import main

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
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


def indexer(*arguments: object) -> Ran:
    """Run the `indexer` command in this process, from its arguments to its exit code."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["indexer", *map(str, arguments)]
    code: object = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = before
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())
