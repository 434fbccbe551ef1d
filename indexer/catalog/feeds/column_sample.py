"""The first rows of a file, to choose between columns by their values."""

import re
from collections.abc import Mapping, Sequence

from indexer.catalog.feeds.cell_text import is_blank, to_key

Rows = Sequence[Mapping[str, object]]

_PLATFORM_TYPE = re.compile(
    "simple|configurable|bundle|grouped|virtual|downloadable|variable|variation|external|physical|digital|p|d"
)
_MIN_DISTINCT_SHARE = 0.95


class ColumnSample:
    """Answers questions about the values of a column; without rows every column is as good as any other."""

    def __init__(self, rows: Rows = ()) -> None:
        self._rows = rows

    def count(self, column: str) -> int:
        """Return the number of values."""
        return len(self._values(column))

    def is_unique(self, column: str) -> bool:
        """Return whether every row has a value, and but for a few each another one."""
        values = set(map(str, self._values(column)))
        return self.is_complete(column) and len(values) >= _MIN_DISTINCT_SHARE * len(self._rows)

    def is_continued(self, column: str, title: str) -> bool:
        """Return whether values are repeated, only the first time with a title: further rows of the same product."""
        titled: dict[str, bool] = {}
        repeated = False
        for row in self._rows:
            key, has_title = to_key(row.get(column)), not is_blank(row.get(title))
            if key in titled:
                repeated = True
                if has_title or not titled[key]:
                    return False
            elif key:
                titled[key] = has_title
        return repeated

    def is_complete(self, column: str) -> bool:
        """Return whether every row has a value."""
        return self.count(column) == len(self._rows)

    def is_address(self, column: str) -> bool:
        """Return whether all values are addresses such as https://shop.example/1.jpg."""
        values = self._values(column)
        return bool(values) and all(_has_address(value) for value in values)

    def is_text(self, column: str) -> bool:
        """Return whether most values are words: neither numbers nor addresses."""
        values = self._values(column)
        words = sum(any(map(str.isalpha, str(value))) and not _has_address(value) for value in values)
        return not values or 2 * words > len(values)

    def is_platform_type(self, column: str) -> bool:
        """Return whether the values are a shop system's kinds of products, such as simple and configurable."""
        values = self._values(column)
        return bool(values) and all(_PLATFORM_TYPE.fullmatch(str(value).strip().casefold()) for value in values)

    def _values(self, column: str) -> list[object]:
        return [value for row in self._rows if not is_blank(value := row.get(column))]


def _has_address(value: object) -> bool:
    if isinstance(value, (list, tuple)):
        return any(map(_has_address, value))
    return isinstance(value, str) and ("://" in value or value.startswith("//"))
