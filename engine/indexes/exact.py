"""A brute-force index in numpy: the oracle that every other index is compared with."""

import numpy as np
from numpy.typing import NDArray

from engine.indexes.index import EXACT, OperatingPoint
from engine.indexes.row_filter import RowFilter


class ExactIndex:
    """Rows in memory or mapped; results are exact by construction. Cost: O(nq * n * d)."""

    strategy = "exact"

    def __init__(self, rows: NDArray[np.floating], block_rows: int = 16_384) -> None:
        self._rows = rows
        self._block_rows = block_rows

    def __len__(self) -> int:
        return len(self._rows)

    def search(
        self, queries: NDArray[np.float32], k: int, point: OperatingPoint = EXACT, rows: RowFilter | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k best rows for each query, best first; of equal scores the lower row comes first."""
        nq = len(queries)
        scores = np.full((nq, k), -np.inf, np.float32)
        ids = np.full((nq, k), -1, np.int64)
        for start in range(0, len(self._rows), self._block_rows):
            block = np.asarray(self._rows[start : start + self._block_rows], dtype=np.float32)
            products = queries @ block.T
            if rows is not None:
                products[:, ~rows.mask[start : start + self._block_rows]] = -np.inf
            keep = min(k, products.shape[1])
            best = np.argpartition(-products, keep - 1, axis=1)[:, :keep]
            all_scores = np.concatenate([scores, np.take_along_axis(products, best, axis=1)], axis=1)
            all_ids = np.concatenate([ids, best + start], axis=1)
            order = np.lexsort((all_ids, -all_scores), axis=1)[:, :k]
            scores = np.take_along_axis(all_scores, order, axis=1)
            ids = np.take_along_axis(all_ids, order, axis=1)
        ids[np.isneginf(scores)] = -1
        return scores, ids

    def products(self, vector: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the inner product of a vector (d,) with each of these rows, with every row if None."""
        rows = self._rows if ids is None else self._rows[ids]
        return np.asarray(rows, np.float32) @ vector

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the stored rows (len(ids), d)."""
        return np.asarray(self._rows[ids], dtype=np.float16)
