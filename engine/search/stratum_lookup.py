"""Locates a row: which stratum of a view holds it."""

from collections.abc import Sequence

from engine.snapshot.snapshot import Stratum


def find_stratum(strata: Sequence[Stratum], row: int) -> int:
    """Return the index of the stratum that holds a row. Raises IndexError if none does."""
    for index, stratum in enumerate(strata):
        if stratum.start <= row < stratum.start + stratum.count:
            return index
    raise IndexError(f"expected a row of {len(strata)} strata, got {row}")
