"""Which rows have the same value of a field: what a list of hits is collapsed by."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.search.row_selection import RowSelection
from engine.snapshot.snapshot import Stratum


class RowGroups:
    """Which rows of a view have the same value of one field."""

    def __init__(self, strata: Sequence[Stratum], codes: Sequence[NDArray[np.int32]]) -> None:
        """Take the rows of a view. codes: what `View.group_codes` gives, an array for each stratum."""
        self._strata = strata
        self._codes = codes
        self._sizes: dict[int, int] | None = None

    def of(self, row: int) -> int | None:
        """Return a number that rows of the same value share, None if the row has no value."""
        for stratum, codes in zip(self._strata, self._codes, strict=True):
            if stratum.start <= row < stratum.start + stratum.count:
                code = int(codes[row - stratum.start])
                return None if code < 0 else code
        raise IndexError(f"expected a row of {len(self._strata)} strata, got {row}")

    def size(self, group: int, selection: RowSelection) -> int:
        """Return how many rows of a selection, always the same one, are in a group."""
        return self._counted(selection).get(group, 0)

    def count(self, selection: RowSelection) -> int:
        """Return how many groups the rows of a selection are in, each row without a value a group of its own."""
        sizes = self._counted(selection)
        alone = sizes.get(-1, 0)
        return len(sizes) - (alone > 0) + alone

    def _counted(self, selection: RowSelection) -> dict[int, int]:
        if self._sizes is None:
            selected = [
                codes if some is None else codes[some.mask]
                for codes, some in zip(self._codes, selection.rows, strict=True)
            ]
            codes, counts = np.unique(np.concatenate(selected), return_counts=True)
            self._sizes = dict(zip(codes.tolist(), counts.tolist(), strict=True))
        return self._sizes
