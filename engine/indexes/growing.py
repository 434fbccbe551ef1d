"""Rows in memory that grow, compared exactly: what changed since a snapshot, until the next build puts it into cells.

Readers hold an index of the rows there were when they took it. Further rows are written behind those, so nothing is
copied for them but when the room is doubled.
"""

from functools import cache

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.indexes.index import OperatingPoint
from engine.indexes.row_filter import RowFilter
from engine.indexes.stored_rows import StoredRows, scan

_FIRST_ROOM = 64


class GrowingIndex:
    """The first rows of a growing list; any number of threads may search it."""

    strategy = "exact"

    def __init__(self, matrix: NDArray[np.float16]) -> None:
        """Search the rows (n, d), which never change."""
        self._rows = StoredRows(scan(matrix, _from_memory()[0].codes.owner), matrix)

    def __len__(self) -> int:
        return len(self._rows)

    def search(
        self, queries: NDArray[np.float32], k: int, point: OperatingPoint, rows: RowFilter | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k best rows for each query, best first, every row compared; short rows end in -inf, -1."""
        # OpenMP's thread count belongs to the calling thread, so it is set where the call is made.
        faiss.omp_set_num_threads(1)
        return self._rows.search(queries, k, rows)

    def products(self, vector: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the inner product of a vector (d,) with each of these rows, with every row if None."""
        return self._rows.products(vector, ids)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the stored rows (len(ids), d)."""
        return self._rows[ids]


class GrowingRows:
    """Rows (n, d) float16 to which one writer adds, and any number of readers hold as many as there were."""

    def __init__(self, width: int) -> None:
        self._room = np.empty((_FIRST_ROOM, width), np.float16)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, rows: NDArray[np.float16]) -> GrowingIndex:
        """Add rows (m, d) and return the index of all. Cost: O(m d), the doubling of the room shared out."""
        count = self._count + len(rows)
        if count > len(self._room):
            larger = np.empty((max(count, 2 * len(self._room)), self._room.shape[1]), np.float16)
            larger[: self._count] = self._room[: self._count]
            self._room = larger
        self._room[self._count : count] = rows
        self._count = count
        return GrowingIndex(self._room[:count])


@cache
def _from_memory() -> tuple[faiss.Index, NDArray[np.uint8]]:
    """Return an index whose codes are a view, and what it was read from: FAISS takes owners only from another view.

    Both are kept, for an owner is a place in its index.
    """
    index = faiss.IndexScalarQuantizer(1, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
    data = faiss.serialize_index(index)
    return faiss.read_index(faiss.ZeroCopyIOReader(faiss.swig_ptr(data), data.size)), data
