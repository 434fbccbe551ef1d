"""The stored rows of one stratum: float16, mapped from disk and never read whole; the same file for every device."""

from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.errors import CorruptSnapshot
from engine.indexes.row_filter import RowFilter

# Testing a row's bit in a scan of all rows costs 2 ns a row; gathering a row costs 100 ns more than skipping it.
GATHERED_SHARE = 1 / 40

# Rows scored by one call: few, so that the heap stays small, but enough to outweigh the cost of the call.
_SCORED_ROWS = 1_024

ROWS_FILE = "rows.faiss"
INDEX_FILE = "index.faiss"


class StoredRows:
    """Rows to read and to compare exactly; safe to share between threads.

    Attributes:
        stored: The FAISS index that scans the (n, d) matrix, which must live as long as this does.
    """

    def __init__(self, stored: faiss.IndexScalarQuantizer, matrix: NDArray[np.float16]) -> None:
        self.stored = stored
        self._matrix = matrix

    def __len__(self) -> int:
        return int(self.stored.ntotal)

    @property
    def width(self) -> int:
        """Number of values in a row."""
        return int(self.stored.d)

    def __getitem__(self, ids: NDArray[np.int64] | slice) -> NDArray[np.float16]:
        """Return (len(ids), width) rows."""
        return self._matrix[ids]

    def search(
        self, queries: NDArray[np.float32], k: int, rows: RowFilter | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k best rows for each query, best first, by comparing every row; short lines end in -inf, -1."""
        if rows is None:
            scores, ids = self.stored.search(queries, k)
            return end_short_rows(scores, ids)
        if rows.count <= GATHERED_SHARE * len(self):
            return self._search_gathered(queries, k, rows.ids)
        selector = faiss.IDSelectorBitmap(rows.bits)
        scores, ids = self.stored.search(queries, k, params=faiss.SearchParameters(sel=selector))
        return end_short_rows(scores, ids)

    def products(self, vector: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the inner product of a vector with each of these rows, with every row if None."""
        count = len(self) if ids is None else len(ids)
        products = np.empty(count, np.float32)
        for start in range(0, count, _SCORED_ROWS):
            end = min(start + _SCORED_ROWS, count)
            rows = self._matrix[start:end] if ids is None else self._matrix[ids[start:end]]
            # A search for all of them: FAISS's range search, which does not sort, takes five times as long.
            scores, found = self._scan(rows).search(vector[None], end - start)
            products[start + found[0]] = scores[0]
        return products

    def _search_gathered(
        self, queries: NDArray[np.float32], k: int, ids: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if len(ids) == 0:
            return np.full((len(queries), k), -np.inf, np.float32), np.full((len(queries), k), -1)
        gathered = self._matrix[ids]
        scores, positions = self._scan(gathered).search(queries, k)
        found = np.where(positions < 0, -1, ids[positions])
        return end_short_rows(scores, found)

    def _scan(self, matrix: NDArray[np.float16]) -> faiss.IndexScalarQuantizer:
        return scan(matrix, self.stored.codes.owner)


class MappedRows(StoredRows):
    """The rows of `rows.faiss`."""

    def __init__(self, directory: Path) -> None:
        stored = read_faiss(directory / ROWS_FILE)
        codes = stored.codes
        matrix = faiss.rev_swig_ptr(codes.data(), codes.size()).view(np.float16).reshape(stored.ntotal, stored.d)
        super().__init__(stored, matrix)


def scan(matrix: NDArray[np.float16], owner: object) -> faiss.IndexScalarQuantizer:
    """Return a FAISS index that scans a matrix (n, d), which must outlive it; numpy's float16 is twenty times slower.

    Args:
        matrix: Float16 rows.
        owner: The owner of any vector of codes. FAISS demands one to keep the view alive, which numpy does here.
    """
    index = faiss.IndexScalarQuantizer(matrix.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    codes = matrix.view(np.uint8)
    index.is_trained = True
    index.ntotal = len(matrix)
    index.codes = faiss.MaybeOwnedVectorUInt8.create_view(faiss.swig_ptr(codes), codes.size, owner)
    return index


def end_short_rows(
    scores: NDArray[np.float32], ids: NDArray[np.int64]
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Return both with -inf where FAISS found no row, which it marks with the id -1 and a very low score."""
    if ids.size and ids[:, -1].min() < 0:
        scores[ids < 0] = -np.inf
    return scores, ids


def read_candidates(directory: Path, rows: MappedRows) -> faiss.Index | None:
    """Return the index that finds candidates, None if every row is compared.

    Raises CorruptSnapshot if its rows are not those of `rows`.
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
    """Return the index in a file, mapped where its type allows. Raises CorruptSnapshot if FAISS cannot read it."""
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise CorruptSnapshot(f"{path}: expected a FAISS index, got a file that FAISS cannot read") from error
