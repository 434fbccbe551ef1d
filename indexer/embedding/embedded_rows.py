"""Embedded rows: what the index is built from, kept as small as a million items need."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import JSON
from engine.encoders.embedding_pipeline import pool, to_stored
from indexer.catalog.product import Reject

_CHUNK_ROWS = 8192


@dataclass(frozen=True, slots=True)
class EmbeddedRows:
    """n items, row i of everything belonging to item_ids[i], in the catalogue's order.

    blocks: (n, d_b) float16 unit rows by name, zero where an item has none; a block that no item has is not there.
    present: (n,) which items have it.   signals: (n,) float32, NaN where missing.
    lines_read: rows of the catalogue, so n + len(rejects).   texts: (n) what each item says, "" for nothing.
    """

    item_ids: list[str]
    payloads: list[dict[str, JSON]]
    blocks: dict[str, NDArray[np.float16]]
    present: dict[str, NDArray[np.bool_]]
    signals: dict[str, NDArray[np.float32]]
    rejects: list[Reject]
    lines_read: int
    texts: list[str]


class GrowingBlock:
    """The rows of one block, given in rising order; held as float16 in chunks, so that growing copies nothing."""

    def __init__(self, dim: int) -> None:
        self.dim = dim
        self._full: dict[int, NDArray[np.float16]] = {}
        self._rows = np.zeros((_CHUNK_ROWS, dim), dtype=np.float32)
        self._chunk = 0

    def put(self, row: int, vectors: Sequence[NDArray[np.floating]]) -> None:
        """Give a row the unit mean of (dim,) vectors that are of length 1, or one vector of any length."""
        chunk, place = divmod(row, _CHUNK_ROWS)
        if chunk != self._chunk:
            self._close_chunk()
            self._chunk = chunk
        self._rows[place] = pool(vectors)

    def take(self, count: int) -> tuple[NDArray[np.float16], NDArray[np.bool_]]:
        """Return (count, dim) unit rows and which of them were given, and let go of them."""
        self._close_chunk()
        rows = np.zeros((count, self.dim), dtype=np.float16)
        for chunk in sorted(self._full):
            start = chunk * _CHUNK_ROWS
            part = self._full.pop(chunk)
            rows[start : start + _CHUNK_ROWS] = part[: count - start]
        return rows, np.any(rows, axis=1)

    def _close_chunk(self) -> None:
        # A whole chunk is scaled at once: row by row costs ten times as much.
        self._full[self._chunk] = to_stored(self._rows)
        self._rows[:] = 0
