"""What a classifier sees of each item: its vectors side by side, and which of them it has."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.columns import GroupKey
from engine.errors import InvalidSetting
from engine.fusion import Matrix
from engine.snapshot import Snapshot
from engine.view import View

FEWEST = 10
"""A category with fewer items cannot be learnt while parts of it are held out; its items are not judged."""


@dataclass(frozen=True, slots=True)
class Filed:
    """n items that have a category of at least FEWEST items, and some vector.

    rows: (n,) of the snapshot.   features: (n, d).   labels: (n,) places in `names`.   left_out: items without one.
    """

    rows: NDArray[np.int64]
    features: Matrix
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    left_out: int


def read(snapshot: Snapshot, field: str) -> Filed:
    """Return the items of a snapshot with what `field` of their payload says they are. Cost: all vectors in memory.

    Raises UnknownField if no payload has the field, InvalidSetting if fewer than two categories can be learnt.
    """
    snapshot.columns.check(field, "--field")
    codes = snapshot.columns.groups(field)
    blocks = View(snapshot).vectors_of(np.arange(len(snapshot), dtype=np.int64))
    present = np.column_stack([there for _, there in blocks.values()])
    usable = (codes >= 0) & present.any(axis=1)
    counts = np.bincount(codes[usable], minlength=snapshot.columns.group_count(field))
    kept = np.flatnonzero(counts >= FEWEST)
    if len(kept) < 2:
        raise InvalidSetting(f"expected at least 2 values of {field!r} with {FEWEST} items each, got {len(kept)}")
    chosen = np.flatnonzero(usable & np.isin(codes, kept))
    return Filed(
        rows=chosen,
        features=join({block: rows[chosen] for block, (rows, _) in blocks.items()}, present[chosen]),
        labels=np.searchsorted(kept, codes[chosen]),
        names=tuple(_name(snapshot.columns.group_key(field, code)) for code in kept.tolist()),
        left_out=len(snapshot) - len(chosen),
    )


def join(blocks: dict[str, Matrix], present: NDArray[np.bool_]) -> Matrix:
    """Return (n, sum d_b + b): the vectors side by side, zero where missing, and which are there if any is missing."""
    there = present[:, ~present.all(axis=0)].astype(np.float32)
    return np.hstack([*blocks.values(), there])


def _name(key: GroupKey) -> str:
    return ", ".join(str(value) for _, value in key)
