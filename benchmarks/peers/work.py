"""The data that peers are compared on: rows, queries and exact answers, as files that any process can read.

A fused score is one inner product, so a peer with one inner-product index gets our fusion for free: the row of an item
is its concatenated blocks, zeros for a missing one, and the query vector contains the weights and the calibration. The
policy for missing blocks is NEUTRAL, the only one that a single index can follow: a missing block counts as an average
one. The average is not 0, so a row ends with a bit for each block that it has.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import BLOCKS, Wide, chunks, column, draw
from benchmarks.ground_truth import TIE
from benchmarks.peers.worker import Float, write_queries
from engine.scoring.query import VectorPart
from engine.snapshot.manifest import Manifest

# Value of a presence bit; small beside the blocks, so that it affects neither cells nor codes.
_BIT = 0.25

# Libraries compute 16 values at once, and some are slower for a remainder.
_PIECE = 16


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a catalogue as files, and the columns of each block."""

    rows: Path
    numbers: Path
    spans: Mapping[str, slice]
    width: int


@dataclass(frozen=True, slots=True)
class Questions:
    """Queries of one kind as a file, and their exact answers.

    vectors: (nq, d).   cutoff: (nq,) the k-th best exact score of each.   matches: how many rows may match.
    """

    kind: str
    path: Path
    vectors: Wide
    cutoff: Wide
    k: int

    def __len__(self) -> int:
        return len(self.vectors)

    def recall(self, rows: Float, query_indices: Sequence[int], found: NDArray[np.int64]) -> float:
        """Return the mean recall. found: (len(query_indices), k), -1 for no row."""
        shares = []
        for index, ids in zip(query_indices, found, strict=True):
            named = np.unique(ids[ids >= 0])
            worth = rows[named].astype(np.float64) @ self.vectors[index]
            shares.append(np.count_nonzero(worth >= self.cutoff[index] - TIE) / self.k)
        return float(np.mean(shares))


def write_rows(catalogue: Path, folder: Path, number: str = "shuffle") -> Rows:
    """Write the rows of a catalogue and the filter column, unless they exist."""
    folder.mkdir(parents=True, exist_ok=True)
    path, numbers = folder / "rows.npy", folder / "numbers.npy"
    spans, width = _layout(catalogue)
    if not numbers.exists():
        count = sum(len(chunk.item_ids) for chunk in chunks(catalogue, ()))
        rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(count, width))
        for chunk in chunks(catalogue, ()):
            here = slice(chunk.start, chunk.start + len(chunk.item_ids))
            for index, (name, span) in enumerate(spans.items()):
                rows[here, span] = chunk.blocks[name]
                rows[here, _bits(spans) + index] = _BIT * chunk.present[name]
        rows.flush()
        np.save(numbers, column(catalogue, number))
    return Rows(path, numbers, spans, width)


def write_questions(
    catalogue: Path, manifest: Manifest, rows: Rows, kind: str, weights: Sequence[float], count: int, seed: int, k: int
) -> Questions:
    """Write `count` queries of a kind, with the image weights in turn, and find their exact answers."""
    usual = {entry.block: entry for entry in manifest.similarities if entry.part_kind == "vector"}
    drawn = draw(catalogue, kind, count, seed)
    units = {name: np.zeros((count, span.stop - span.start), np.float32) for name, span in rows.spans.items()}
    shares = np.zeros((count, len(rows.spans)))
    vectors = np.zeros((count, rows.width))
    names = list(rows.spans)
    for index, parts in enumerate(drawn):
        image = weights[index % len(weights)]
        wished = {"image": image, "text": 1.0 - image} if len(parts) > 1 else {parts[0].block: 1.0}
        for part in parts:
            if not isinstance(part, VectorPart):
                raise TypeError(f"expected vectors, got {type(part).__name__}")
            at = names.index(part.block)
            weight = wished[part.block]
            moments = usual[part.block]
            units[part.block][index] = part.values
            shares[index, at] = weight
            vectors[index, rows.spans[part.block]] = weight / moments.std * part.values.astype(np.float64)
            vectors[index, _bits(rows.spans) + at] = -weight * moments.mean / moments.std / _BIT
    path = rows.rows.with_name(f"queries-{kind}-{count}-{seed}.npz")
    write_queries(path, vectors.astype(np.float32), units, shares)
    return Questions(kind, path, vectors, cutoffs(np.load(rows.rows, mmap_mode="r"), vectors, k), k)


def mixed(kind: str, of: Sequence[Questions]) -> Questions:
    """Return queries of several kinds in turn, as many as one kind has."""
    count = len(of[0])
    turns = [(of[index % len(of)], index // len(of)) for index in range(count)]
    path = of[0].path.with_name(of[0].path.name.replace(of[0].kind, kind))
    files = {questions.kind: dict(np.load(questions.path)) for questions in of}
    arrays: dict[str, Any] = {
        name: np.stack([files[questions.kind][name][index] for questions, index in turns])
        for name in files[of[0].kind]
        if name != "blocks"
    }
    np.savez(path, blocks=files[of[0].kind]["blocks"], **arrays)
    vectors = np.stack([questions.vectors[index] for questions, index in turns])
    return Questions(kind, path, vectors, np.array([questions.cutoff[index] for questions, index in turns]), of[0].k)


def cutoffs(rows: Float, vectors: Wide, k: int, allowed: NDArray[np.bool_] | None = None) -> Wide:
    """Return the k-th best exact score of each query, -inf if fewer than `k` rows are allowed."""
    best = np.full((len(vectors), k), -np.inf)
    step = 8_192
    for start in range(0, len(rows), step):
        scores = vectors @ rows[start : start + step].astype(np.float64).T
        if allowed is not None:
            scores[:, ~allowed[start : start + step]] = -np.inf
        both = np.concatenate([best, scores], axis=1)
        best = -np.partition(-both, k - 1, axis=1)[:, :k]
    least: Wide = best.min(axis=1)
    return least


def describe(rows: Rows) -> dict[str, Any]:
    """Return what a build order needs to know."""
    return {
        "rows": str(rows.rows),
        "numbers": str(rows.numbers),
        "spans": {name: [span.start, span.stop] for name, span in rows.spans.items()},
    }


def _layout(catalogue: Path) -> tuple[dict[str, slice], int]:
    first = next(chunks(catalogue, ()))
    spans, start = {}, 0
    for name in BLOCKS:
        width = first.blocks[name].shape[1]
        spans[name] = slice(start, start + width)
        start += width
    start += len(spans)
    return spans, start + -start % _PIECE


def _bits(spans: Mapping[str, slice]) -> int:
    return max(int(span.stop) for span in spans.values())
