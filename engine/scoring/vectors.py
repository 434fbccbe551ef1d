"""Scales vectors to unit length and validates them, so that every inner product is a cosine."""

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidQuery

Matrix = NDArray[np.float32]

# Between these lengths float32 is exact enough.
_MIN_LENGTH, _MAX_LENGTH = 1e-15, 1e15


def to_unit(rows: NDArray[np.floating]) -> Matrix:
    """Return float32 rows scaled to length 1; zero rows stay zero. rows: (n, d) or (d,) of any float type."""
    wide = np.asarray(rows, dtype=np.float32)
    lengths = np.linalg.norm(wide, axis=-1, keepdims=True)
    return np.divide(wide, np.where(lengths == 0, 1, lengths), dtype=np.float32)


def to_query(values: NDArray[np.float32], field: str = "") -> Matrix:
    """Return a caller's vector (d,) scaled to length 1. Raises InvalidQuery if it is not finite or is zero."""
    with np.errstate(over="ignore"):
        length = float(np.sqrt(values @ values))
    if not _MIN_LENGTH < length < _MAX_LENGTH:
        # The values may be finite although their squares overflow float32.
        largest = float(np.abs(values).max(initial=0.0))
        if not np.isfinite(largest):
            raise InvalidQuery("expected finite values in the vector, got NaN or infinity", field)
        if largest == 0.0:
            raise InvalidQuery("expected a vector with a direction, got all zeros", field)
        return to_unit(np.asarray(values, np.float64) / largest)
    unit: Matrix = values * np.float32(1.0 / length)
    return unit
