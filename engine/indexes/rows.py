"""The stored rows of one stratum: float16, mapped from disk and never read whole, the same file on every device."""

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.errors import CorruptSnapshot

ROWS_FILE = "rows.faiss"
INDEX_FILE = "index.faiss"


class MappedRows:
    """The rows of `rows.faiss`, to look at and to compare exactly; any number of threads may."""

    def __init__(self, directory: Path) -> None:
        self.stored = read_faiss(directory / ROWS_FILE)
        codes = self.stored.codes
        self._matrix: NDArray[np.float16] = (
            faiss.rev_swig_ptr(codes.data(), codes.size()).view(np.float16).reshape(len(self), self.width)
        )

    def __len__(self) -> int:
        return int(self.stored.ntotal)

    @property
    def width(self) -> int:
        """The number of values in a row."""
        return int(self.stored.d)

    def __getitem__(self, ids: NDArray[np.int64] | slice) -> NDArray[np.float16]:
        """Return these rows, (len(ids), width)."""
        return self._matrix[ids]

    def search(self, queries: NDArray[np.float32], k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k best rows for each query, best first, every row compared; short rows end in -inf, -1."""
        scores, ids = self.stored.search(queries, k)
        return end_short_rows(scores, ids)


def end_short_rows(
    scores: NDArray[np.float32], ids: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return both with -inf where FAISS found no row; it says so with the id -1 and some very low score."""
    if ids.size and ids[:, -1].min() < 0:
        scores[ids < 0] = -np.inf
    return scores, ids


def read_candidates(directory: Path, rows: MappedRows) -> faiss.Index | None:
    """Return the index that finds candidates, None if every row is compared.

    Raises CorruptSnapshot if it is one of other rows.
    """
    path = directory / INDEX_FILE
    if not path.exists():
        return None
    candidates = read_faiss(path)
    if (candidates.ntotal, candidates.d) != (len(rows), rows.width):
        raise CorruptSnapshot(
            f"{path}: expected {len(rows)} rows of {rows.width} values, got {candidates.ntotal} of {candidates.d}"
        )
    return candidates


def read_faiss(path: Path) -> faiss.Index:
    """Return the index of a file, mapped where its type allows it. Raises CorruptSnapshot if FAISS cannot read it."""
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise CorruptSnapshot(f"{path}: expected a FAISS index, got a file that FAISS cannot read") from error
