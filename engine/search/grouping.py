"""Which rows share a value of a field: the groups that a list of hits is collapsed by."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.search.row_selection import RowSelection
from engine.search.stratum_lookup import find_stratum
from engine.snapshot.snapshot import Stratum


class RowGroups:
    """The rows of a view grouped by the value of one field."""

    def __init__(self, strata: Sequence[Stratum], codes: Sequence[NDArray[np.int32]]) -> None:
        """Group rows by code. codes: an array for each stratum, -1 for a row without a value."""
        self._strata = strata
        self._codes = codes
        self._sizes: dict[int, int] | None = None

    def get(self, row: int) -> int | None:
        """Return the group of a row, None if the row has no value."""
        index = find_stratum(self._strata, row)
        code = int(self._codes[index][row - self._strata[index].start])
        return None if code < 0 else code

    def size(self, group: int, selection: RowSelection) -> int:
        """Return how many rows of a selection are in a group; every call must pass the same selection."""
        return self._count_by_group(selection).get(group, 0)

    def count(self, selection: RowSelection) -> int:
        """Return the number of groups in a selection, where each row without a value is a group of its own."""
        sizes = self._count_by_group(selection)
        ungrouped = sizes.get(-1, 0)
        return len(sizes) - (ungrouped > 0) + ungrouped

    def _count_by_group(self, selection: RowSelection) -> dict[int, int]:
        if self._sizes is None:
            selected = [
                codes if row_filter is None else codes[row_filter.mask]
                for codes, row_filter in zip(self._codes, selection.rows, strict=True)
            ]
            codes, counts = np.unique(np.concatenate(selected), return_counts=True)
            self._sizes = dict(zip(codes.tolist(), counts.tolist(), strict=True))
        return self._sizes
