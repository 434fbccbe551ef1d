"""An index in memory that grows: items changed since a snapshot, compared exactly until the next build indexes them.

A reader holds an index of the rows that existed when it was taken. New rows are appended behind those, so nothing is
copied except when the capacity is doubled.
"""

from functools import cache

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.indexes.index import OperatingPoint
from engine.indexes.row_filter import RowFilter
from engine.indexes.stored_rows import StoredRows, scan

_INITIAL_CAPACITY = 64


class GrowingIndex:
    """The first rows of a growing list; safe to share between threads."""

    strategy = "exact"

    def __init__(self, matrix: NDArray[np.float16]) -> None:
        """Search rows (n, d), which must not change."""
        self._rows = StoredRows(scan(matrix, _from_memory()[0].codes.owner), matrix)

    def __len__(self) -> int:
        return len(self._rows)

    def search(
        self, queries: NDArray[np.float32], k: int, point: OperatingPoint, rows: RowFilter | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k best rows for each query, best first, by comparing every row; short lines end in -inf, -1."""
        # OpenMP's thread count belongs to the calling thread, so it is set at the call.
        faiss.omp_set_num_threads(1)
        return self._rows.search(queries, k, rows)

    def products(self, vector: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the inner product of a vector (d,) with each of these rows, with every row if None."""
        return self._rows.products(vector, ids)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the stored rows (len(ids), d)."""
        return self._rows[ids]


class GrowingRows:
    """Rows (n, d) float16 that one writer appends to while any number of readers search an earlier state."""

    def __init__(self, width: int) -> None:
        self._buffer = np.empty((_INITIAL_CAPACITY, width), np.float16)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: NDArray[np.float16]) -> GrowingIndex:
        """Append rows (m, d) and return an index of all. Cost: O(m d) amortised."""
        count = self._count + len(rows)
        if count > len(self._buffer):
            larger = np.empty((max(count, 2 * len(self._buffer)), self._buffer.shape[1]), np.float16)
            larger[: self._count] = self._buffer[: self._count]
            self._buffer = larger
        self._buffer[self._count : count] = rows
        self._count = count
        return GrowingIndex(self._buffer[:count])


@cache
def _from_memory() -> tuple[faiss.Index, NDArray[np.uint8]]:
    """Return an index whose codes are a view, and its data: FAISS takes an owner only from another view.

    Both are kept, because an owner is an address in its index.
    """
    index = faiss.IndexScalarQuantizer(1, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    data = faiss.serialize_index(index)
    return faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(data), data.size)), data
