"""The strata of a snapshot: items with the same blocks, stored as consecutive rows of one index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scoring.fusion import Moments, standardise
from engine.scoring.row_layout import Layout


@dataclass(frozen=True, slots=True)
class StratumRows:
    """The items of one stratum.

    Attributes:
        blocks: The blocks that all of them have.
        positions: Their positions in the catalogue, in row order.
    """

    blocks: tuple[str, ...]
    positions: NDArray[np.int64]

    @property
    def directory(self) -> str:
        """The folder of its files inside a snapshot."""
        return "strata/" + "+".join(self.blocks)


def stratify(present: Mapping[str, NDArray[np.bool_]]) -> list[StratumRows]:
    """Return the strata, the largest first, each in catalogue order.

    Args:
        present: Block to (n,) whether an item has it. Every item has at least one block.
    """
    names = list(present)
    pattern = np.zeros(len(next(iter(present.values()))), np.int64)
    for bit, name in enumerate(names):
        pattern |= present[name].astype(np.int64) << bit
    strata = []
    for code in np.unique(pattern).tolist():
        blocks = tuple(name for bit, name in enumerate(names) if code >> bit & 1)
        strata.append(StratumRows(blocks, np.flatnonzero(pattern == code)))
    return sorted(strata, key=lambda stratum: (-len(stratum.positions), stratum.blocks))


def stratum_rows(
    stratum: StratumRows,
    layout: Layout,
    blocks: Mapping[str, NDArray[np.float16]],
    signals: Sequence[tuple[NDArray[np.float32], Moments]],
) -> NDArray[np.float16]:
    """Return the rows that the stratum's index stores, (len(positions), layout.width)."""
    positions = stratum.positions
    columns = [standardise(values[positions], moments) for values, moments in signals]
    g = np.stack(columns, axis=1) if columns else np.zeros((len(positions), 0), np.float32)
    return layout.to_rows([blocks[name][positions] for name in layout.spans], g)
