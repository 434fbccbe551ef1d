"""Which rows of one index may answer, in the forms that searches need it: a mask, a list, a bitmap."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class RowFilter:
    """Some rows of one index; made once and used by many searches, so each form is made when first asked for."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self.count = int(np.count_nonzero(mask))
        self.kept: object = None
        """What an index made of it for its own searches; a RowSet belongs to one index."""

    def __len__(self) -> int:
        return len(self.mask)

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """The rows, ascending: (count,)."""
        return np.flatnonzero(self.mask)

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """One bit a row, the lowest bit of a byte first."""
        return np.packbits(self.mask, bitorder="little")
