"""Group codes: equal for rows with the same value or the same list of values.

A list is encoded as a path in a trie: each pair of (code so far, next value) that occurs has a code of its own. So the
codes result from sorting pairs of integers, whatever the values are.
"""

import numpy as np
from numpy.typing import NDArray

from engine.columns.column import Column
from engine.columns.field_values import GroupKey, value_key


class GroupCodes:
    """Codes from 0 for the groups of one column; some codes below `count` may belong to no row."""

    def __init__(self, column: Column) -> None:
        self._column = column
        self._branches: list[tuple[int, NDArray[np.int64]]] = []
        """For each list index after the first: its lowest code, and its pairs in ascending order."""
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
        """Return the code of a group, -1 if it has no row."""
        group = self._column.code(key[0][1]) - 1
        for index, (_, value) in enumerate(key[1:]):
            code = self._column.code(value)
            if group < 0 or code == 0 or index == len(self._branches):
                return -1
            first, pairs = self._branches[index]
            wanted = group * self._column.end + code
            found = int(np.searchsorted(pairs, wanted))
            group = first + found if found < len(pairs) and pairs[found] == wanted else -1
        return group

    def key(self, code: int) -> GroupKey:
        """Return the key of a group."""
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
        for index in range(1, int(lengths.max(initial=0))):
            longer = np.flatnonzero(lengths > index)
            pairs, numbers = np.unique(
                groups[longer] * self._column.end + codes[starts[longer] + index], return_inverse=True
            )
            groups[longer] = self.count + numbers
            self._branches.append((self.count, pairs))
            self.count += len(pairs)
        self.codes[owners] = groups
