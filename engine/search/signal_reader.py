"""Reads a signal of every row of a stratum in chunks, because whole rows are many times as large."""

import numpy as np
from numpy.typing import NDArray

from engine.snapshot.snapshot import Stratum

_CHUNK_ROWS = 65_536


def read_signal(stratum: Stratum, name: str) -> NDArray[np.float32]:
    """Return (count,) the standardised signal of a stratum's rows, 0 where an item has none."""
    parts = [np.empty(0, np.float32)]
    for start in range(0, stratum.count, _CHUNK_ROWS):
        rows = stratum.index.rows(np.arange(start, min(start + _CHUNK_ROWS, stratum.count)))
        parts.append(stratum.layout.signals_of(rows, name))
    return np.concatenate(parts)
