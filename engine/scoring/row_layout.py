"""The layout of a stored row: the vectors of a stratum's blocks, then its signals in two coordinates each.

    [ x_b for its blocks | zeros to a multiple of PIECE | SIGNAL_SCALE * (coarse, 0, fine, 0) for each signal ]

4-bit codes keep 16 values of a coordinate. For a whole signal that is a resolution of a quarter of a standard
deviation, and a boosted ranking of candidates then misses half of the best rows. The coarse coordinate takes only 16
values and the fine one holds the small rest, so together they keep a signal to a hundredth.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

# Small, so that signals do not influence an index's cells: at .25 an unboosted search lost 1 % of recall at any depth,
# at .1 nothing. A power of two, so that the coarse coordinate is exact in float16.
SIGNAL_SCALE = 0.125

# Product quantisers split a row into pieces of two or four coordinates.
PIECE = 4

_COARSE_STEP = 0.5
_COARSE_RANGE = (-3.5, 4.0)


@dataclass(frozen=True)
class Layout:
    """The positions of the blocks and signals of one stratum in its rows.

    A block without a dimension, such as the lexical block, takes no coordinates.

    Attributes:
        blocks: The blocks of the stratum's items.
        dims: Block → dimension, of all blocks of vectors.
        signals: All signals.
        spans: Block → its coordinates.
        starts: Signal → its first coordinate; its second is two further.
        width: Length of a row.
    """

    blocks: tuple[str, ...]
    dims: Mapping[str, int]
    signals: tuple[str, ...] = ()
    spans: Mapping[str, slice] = field(init=False)
    starts: Mapping[str, int] = field(init=False)
    width: int = field(init=False)

    def __post_init__(self) -> None:
        spans = {}
        offset = 0
        for block in (block for block in self.blocks if block in self.dims):
            spans[block] = slice(offset, offset + self.dims[block])
            offset += self.dims[block]
        offset += -offset % PIECE
        object.__setattr__(self, "spans", spans)
        object.__setattr__(self, "starts", {name: offset + PIECE * number for number, name in enumerate(self.signals)})
        object.__setattr__(self, "width", offset + PIECE * len(self.signals))

    def to_rows(self, blocks: Sequence[NDArray[np.floating]], signals: NDArray[np.float32]) -> NDArray[np.float16]:
        """Return the stored rows (n, width) of unit block vectors, (n, d_b) each, and standardised signals (n, s)."""
        rows = np.zeros((len(signals), self.width), np.float16)
        for name, vectors in zip(self.spans, blocks, strict=True):
            rows[:, self.spans[name]] = vectors
        for name, z in zip(self.signals, signals.T, strict=True):
            coarse = np.clip(np.round(z / _COARSE_STEP) * _COARSE_STEP, *_COARSE_RANGE)
            rows[:, self.starts[name]] = SIGNAL_SCALE * coarse
            rows[:, self.starts[name] + 2] = SIGNAL_SCALE * (z - coarse)
        return rows

    def to_query(
        self, vectors: Mapping[str, NDArray[np.float32]], scale: float, boosts: Mapping[str, float]
    ) -> NDArray[np.float32]:
        """Return (width,) coefficients whose inner product with a row is scale * sum <vector, x> + sum boost * z."""
        query = np.zeros(self.width, np.float32)
        for name, span in self.spans.items():
            if name in vectors:
                np.multiply(vectors[name], scale, out=query[span], dtype=np.float32)
        for name, boost in boosts.items():
            start = self.starts[name]
            query[start] = query[start + 2] = boost / SIGNAL_SCALE
        return query

    def signal(self, row: NDArray[np.floating], name: str) -> float:
        """Return the standardised signal in a row."""
        return float(self.signals_of(row[None], name)[0])

    def signals_of(self, rows: NDArray[np.floating], name: str) -> NDArray[np.float32]:
        """Return (n,) the standardised signal in each of n rows."""
        start = self.starts[name]
        stored: NDArray[np.float32] = rows[:, start].astype(np.float32) + rows[:, start + 2].astype(np.float32)
        return stored / np.float32(SIGNAL_SCALE)
