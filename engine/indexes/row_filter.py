"""The rows of one index that may be returned, in the forms that searches need: a mask, ids, a bitmap."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


class RowFilter:
    """A subset of the rows of one index; reused by many searches, so each form is computed at its first use.

    Attributes:
        mask: (n,) which rows are in it.
        count: Number of rows in it.
        native: The form of the index itself, stored here by the index; a filter belongs to one index.
    """

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self.count = int(np.count_nonzero(mask))
        self.native: object = None

    def __len__(self) -> int:
        return len(self.mask)

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """(count,) the rows, ascending."""
        return np.flatnonzero(self.mask)

    @cached_property
    def bits(self) -> NDArray[np.uint8]:
        """One bit a row, the lowest bit of a byte first."""
        return np.packbits(self.mask, bitorder="little")
