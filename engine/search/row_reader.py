"""Reads stored rows of a view: unit vectors by block, and standardised signals."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.indexes.row_filter import Mask
from engine.scoring.fusion import Matrix
from engine.search.stratum_lookup import find_stratum
from engine.snapshot.snapshot import Stratum


class RowReader:
    """The stored rows of one view; safe to share between threads."""

    def __init__(self, strata: Sequence[Stratum], dims: Mapping[str, int]) -> None:
        self._strata = strata
        self._dims = dims

    def vectors(self, row: int) -> dict[str, Matrix]:
        """Return the unit vector of each block that the item has."""
        stratum = self._strata[find_stratum(self._strata, row)]
        stored = stratum.index.rows(np.array([row - stratum.start]))[0].astype(np.float32)
        return {block: stored[span] for block, span in stratum.layout.spans.items()}

    def vectors_of(self, rows: NDArray[np.int64]) -> dict[str, tuple[Matrix, Mask]]:
        """Return block → (n, d_b) unit vectors of rows, zero where missing, and (n,) whether the row has the block."""
        vectors = {block: np.zeros((len(rows), dim), np.float32) for block, dim in self._dims.items()}
        present = {block: np.zeros(len(rows), np.bool_) for block in self._dims}
        for stratum, positions, stored in self._by_stratum(rows):
            for block, span in stratum.layout.spans.items():
                vectors[block][positions] = stored[:, span]
                present[block][positions] = True
        return {block: (vectors[block], present[block]) for block in self._dims}

    def signals(self, rows: NDArray[np.int64], name: str) -> NDArray[np.float32]:
        """Return (n,) the standardised signal of rows, 0 where an item has none."""
        values = np.zeros(len(rows), np.float32)
        for stratum, positions, stored in self._by_stratum(rows):
            values[positions] = stratum.layout.signals_of(stored, name)
        return values

    def _by_stratum(self, rows: NDArray[np.int64]) -> Iterator[tuple[Stratum, NDArray[np.int64], NDArray[np.float16]]]:
        """Yield each stratum with the positions of its rows in `rows`, and those rows as stored."""
        strata = np.array([find_stratum(self._strata, row) for row in rows.tolist()])
        for index in np.unique(strata).tolist():
            stratum = self._strata[index]
            positions = np.flatnonzero(strata == index)
            yield stratum, positions, stratum.index.rows(rows[positions] - stratum.start)
