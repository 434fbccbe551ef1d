"""Items put in the order of their strata: those that have the same blocks stand together, as rows of one index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.scoring.fusion import Moments, standardise
from engine.scoring.row_layout import Layout


@dataclass(frozen=True, slots=True)
class StratumRows:
    """The items of one stratum: which blocks they have, and their places in the catalogue, in row order."""

    blocks: tuple[str, ...]
    places: NDArray[np.int64]

    @property
    def directory(self) -> str:
        """Where its files stand in a snapshot."""
        return "strata/" + "+".join(self.blocks)


def stratify(present: Mapping[str, NDArray[np.bool_]]) -> list[StratumRows]:
    """Return the strata, the one of the most items first; catalogue order within each.

    present: block → (n,) whether an item has it. Every item has at least one block.
    """
    names = list(present)
    pattern = np.zeros(len(next(iter(present.values()))), np.int64)
    for place, name in enumerate(names):
        pattern |= present[name].astype(np.int64) << place
    strata = []
    for code in np.unique(pattern).tolist():
        blocks = tuple(name for place, name in enumerate(names) if code >> place & 1)
        strata.append(StratumRows(blocks, np.flatnonzero(pattern == code)))
    return sorted(strata, key=lambda stratum: (-len(stratum.places), stratum.blocks))


def stratum_rows(
    stratum: StratumRows,
    layout: Layout,
    blocks: Mapping[str, NDArray[np.float16]],
    signals: Sequence[tuple[NDArray[np.float32], Moments]],
) -> NDArray[np.float16]:
    """Return the rows (len(places), layout.width) that the stratum's index holds."""
    places = stratum.places
    columns = [standardise(values[places], usual) for values, usual in signals]
    g = np.stack(columns, axis=1) if columns else np.zeros((len(places), 0), np.float32)
    return layout.to_rows([blocks[name][places] for name in layout.spans], g)
