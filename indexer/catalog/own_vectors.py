"""Vectors that come with a catalogue: all of one dimension, finite and nonzero."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import BadRow, InvalidValue, format_value

Matrix = NDArray[np.float32]


class OwnVectors:
    """Validates the vectors of one column; the first valid one sets the dimension."""

    __slots__ = ("column", "dim")

    def __init__(self, column: str) -> None:
        self.column = column
        self.dim: int | None = None

    def check(self, values: object) -> Matrix:
        """Return one row's vector, (d,) float32. Raises BadRow with the reason."""
        if not isinstance(values, (list, tuple)):
            raise BadRow(f"{self.column}: expected a list of numbers, got {type(values).__name__}")
        try:
            wide = np.array(values)
        except ValueError:
            wide = np.empty((0, 0))
        if wide.ndim != 1 or wide.dtype.kind not in "fiu":
            raise BadRow(f"{self.column}: expected a list of numbers, got {format_value(values)}")
        self._check_length(len(wide))
        with np.errstate(over="ignore"):
            vector = wide.astype(np.float32)
        reason = self._find_fault(_square(vector))
        if reason:
            raise BadRow(reason)
        self.dim = len(vector)
        return vector

    def check_batch(self, lengths: NDArray[np.int64], flat: Matrix) -> Sequence[Matrix | InvalidValue | None]:
        """Return, for each row of a batch, a (d,) view of `flat`, or why it is invalid, or None if there is no vector.

        Args:
            lengths: (n,) dimension of each vector, -1 for none.
            flat: The concatenated vectors.
        """
        starts = np.concatenate(([0], np.cumsum(np.maximum(lengths, 0))))
        if self.dim is None:
            self._find_dim(lengths, starts, flat)
        dim = self.dim or 0
        fits = lengths == self.dim if self.dim else np.zeros(len(lengths), dtype=np.bool_)
        # Reshaping the whole batch avoids Python per value: 20 times faster than row by row.
        kept = flat if fits.all() else flat[np.repeat(fits, np.maximum(lengths, 0))]
        rows = kept.reshape(-1, dim) if fits.any() else np.empty((0, 1), dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            squares = np.einsum("ij,ij->i", rows, rows)
        valid = np.isfinite(squares) & (squares > 0)
        if fits.all() and valid.all():
            return list(rows)
        results: list[Matrix | InvalidValue | None] = [None] * len(lengths)
        position = 0
        for row, length in enumerate(lengths.tolist()):
            if length == dim:
                results[row] = (
                    rows[position] if valid[position] else InvalidValue(self._find_fault(float(squares[position])))
                )
                position += 1
            elif length >= 0:
                start = starts[row]
                results[row] = InvalidValue(self._explain(flat[start : start + length]))
        return results

    def _find_dim(self, lengths: NDArray[np.int64], starts: NDArray[np.int64], flat: Matrix) -> None:
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=False):
            if length > 0 and not self._find_fault(_square(flat[start : start + length])):
                self.dim = length
                return

    def _explain(self, vector: Matrix) -> str:
        try:
            self._check_length(len(vector))
        except BadRow as bad:
            return str(bad)
        return self._find_fault(_square(vector))

    def _check_length(self, length: int) -> None:
        if length == 0:
            raise BadRow(f"{self.column}: expected numbers, got an empty list")
        if self.dim is not None and length != self.dim:
            raise BadRow(f"{self.column}: expected {self.dim} dimensions, got {length}")

    def _find_fault(self, square: float) -> str:
        if not np.isfinite(square):
            return f"{self.column}: expected finite values, got NaN, infinity or an overflow"
        return "" if square > 0 else f"{self.column}: expected a vector with a direction, got all zeros"


def _square(vector: Matrix) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        return float(vector @ vector)
