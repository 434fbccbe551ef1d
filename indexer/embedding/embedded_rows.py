"""Embedded rows, the input of index building, stored compactly enough for a million items."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import JSON
from engine.encoders.embedding_pipeline import pool, to_stored
from indexer.catalog.product import BadCell, Reject

_CHUNK_ROWS = 8192


@dataclass(frozen=True, slots=True)
class EmbeddedRows:
    """n items in the catalogue's order; row i of everything belongs to item_ids[i].

    Attributes:
        blocks: (n, d_b) float16 unit rows by name, zero where an item has none; blocks that no item has are absent.
        present: (n,) by block, which items have it.
        signals: (n,) float32, NaN where missing.
        bad_cells: The values that were dropped from the items.
        lines_read: Number of catalogue rows, n + len(rejects).
        texts: (n) text of each item, "" if it has none.
    """

    item_ids: list[str]
    payloads: list[dict[str, JSON]]
    blocks: dict[str, NDArray[np.float16]]
    present: dict[str, NDArray[np.bool_]]
    signals: dict[str, NDArray[np.float32]]
    rejects: list[Reject]
    bad_cells: list[BadCell]
    lines_read: int
    texts: list[str]


class GrowingBlock:
    """The rows of one block, added in order; held as float16 chunks, so that growing copies nothing."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._full: dict[int, NDArray[np.float16]] = {}
        self._rows = np.zeros((_CHUNK_ROWS, dim), dtype=np.float32)
        self._chunk = 0

    def set_row(self, row: int, vectors: Sequence[NDArray[np.floating]]) -> None:
        """Set a row to the unit mean of (dim,) vectors of length 1, or to one vector of any length."""
        chunk, offset = divmod(row, _CHUNK_ROWS)
        if chunk != self._chunk:
            self._close_chunk()
            self._chunk = chunk
        self._rows[offset] = pool(vectors)

    def take(self, count: int) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        """Return (count, dim) unit rows and which of them were set, and release them."""
        self._close_chunk()
        rows = np.zeros((count, self.dim), dtype=np.float16)
        for chunk in sorted(self._full):
            start = chunk * _CHUNK_ROWS
            part = self._full.pop(chunk)
            rows[start : start + _CHUNK_ROWS] = part[: count - start]
        return rows, np.any(rows, axis=1)

    def _close_chunk(self) -> None:
        # A whole chunk is normalised at once: row by row takes ten times as long.
        self._full[self._chunk] = to_stored(self._rows)
        self._rows[:] = 0
