"""Unit vectors: how they are made and checked, so that an inner product is a cosine everywhere."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidQuery

Matrix = NDArray[np.float32]

# Between these a length is exact enough in float32.
_SHORT, _LONG = 1e-15, 1e15


def to_unit(rows: NDArray[np.floating]) -> Matrix:
    """Return the rows scaled to length 1, zero rows left as they are.

    rows: (n, d) or (d,) of any float type.   Returns float32 of the same shape.
    """
    wide = np.asarray(rows, dtype=np.float32)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.divide(wide, np.where(lengths == 0, 1, lengths), dtype=np.float32)


def to_query(values: NDArray[np.float32], field: str = "") -> Matrix:
    """Return one caller's vector (d,) at length 1. Raises InvalidQuery if it is not finite or has no direction."""
    with np.errstate(over="ignore"):
        length = float(np.sqrt(values @ values))
    if not _SHORT < length < _LONG:
        # The squares of float32 end at 1e38, the values may go further.
        largest = float(np.abs(values).max(initial=0.0))
        if not np.isfinite(largest):
            raise InvalidQuery("expected finite values in the vector, got NaN or infinity", field)
        if largest == 0.0:
            raise InvalidQuery("expected a vector with a direction, got all zeros", field)
        return to_unit(np.asarray(values, np.float64) / largest)
    unit: Matrix = values * np.float32(1.0 / length)
    return unit
