"""Which rows have the same value, or the same list of values: a number for each value, and for each list one more.

A list's number is that of a branch: its values are followed one by one, and each pair of (number so far, next value)
that occurs has a number of its own. So numbers are found by sorting pairs of integers, whatever the values are.
"""

import numpy as np
from numpy.typing import NDArray

from engine.columns.column import Column
from engine.columns.field_values import GroupKey, value_key


class GroupCodes:
    """The groups of one column, counted from 0; not every number below `count` need be the group of a row."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._branches: list[tuple[int, NDArray[np.int64]]] = []
        """For each place in a list but the first: the first number it gives, and the pairs, ascending."""
        self.count = column.end - 1
        if column.rows is None:
            self.codes = column.codes.astype(np.int32)
            self.codes -= 1
        else:
            self.codes = np.full(column.count, -1, np.int32)
            if column.several:
                self._branch()
            else:
                self.codes[column.rows] = column.codes.astype(np.int32) - 1
        self.codes.flags.writeable = False

    def code(self, key: GroupKey) -> int:
        """Return the number of a group, -1 if no row is in it."""
        group = self._column.code(key[0][1]) - 1
        for place, (_, value) in enumerate(key[1:]):
            code = self._column.code(value)
            if group < 0 or code == 0 or place == len(self._branches):
                return -1
            first, pairs = self._branches[place]
            wanted = group * self._column.end + code
            found = int(np.searchsorted(pairs, wanted))
            group = first + found if found < len(pairs) and pairs[found] == wanted else -1
        return group

    def key(self, code: int) -> GroupKey:
        """Return what tells a group from all others."""
        reversed_key = []
        for first, pairs in reversed(self._branches):
            if code >= first:
                code, value = divmod(int(pairs[code - first]), self._column.end)
                reversed_key.append(value_key(self._column.value(value)))
        reversed_key.append(value_key(self._column.value(code + 1)))
        return tuple(reversed(reversed_key))

    def _branch(self) -> None:
        rows, codes = self._column.pairs()
        starts = np.flatnonzero(np.diff(rows, prepend=np.array([-1], np.int64)))
        lengths = np.diff(starts, append=len(rows))
        owners = rows[starts]
        groups = codes[starts].astype(np.int64) - 1
        for place in range(1, int(lengths.max(initial=0))):
            longer = np.flatnonzero(lengths > place)
            pairs, numbers = np.unique(
                groups[longer] * self._column.end + codes[starts[longer] + place], return_inverse=True
            )
            groups[longer] = self.count + numbers
            self._branches.append((self.count, pairs))
            self.count += len(pairs)
        self.codes[owners] = groups
