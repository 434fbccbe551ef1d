"""The items that are probably filed in the wrong category, the likeliest first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from engine.catalog.payload import from_bytes
from engine.errors import InvalidSetting
from engine.snapshot.snapshot import Snapshot
from indexer.misfiled.item_features import FiledItems, read
from indexer.misfiled.misfiled_probability import calibrate

CONFIDENCE = 0.5
"""From where on an item is reported: more likely misfiled than not."""


class Suspect(NamedTuple):
    """One item. confidence: how likely it is that it is misfiled, as estimated; too high in a very clean catalogue."""

    item_id: str
    title: str
    filed_under: str
    looks_like: str
    confidence: float


@dataclass(frozen=True, slots=True)
class MisfiledReport:
    """What was found in a snapshot: how many items were judged, how many not, and how many categories there are.

    accuracy: the share of the judged that look most like their own category to a classifier that did not see them.
    misfiled_share: how many of the judged are misfiled, as estimated; never less than calibration.LEAST_SHARE.
    """

    judged: int
    left_out: int
    categories: int
    accuracy: float
    misfiled_share: float
    suspects: tuple[Suspect, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "judged": self.judged,
            "left_out": self.left_out,
            "categories": self.categories,
            "accuracy": round(self.accuracy, 4),
            "misfiled_share": round(self.misfiled_share, 4),
            "suspects": [suspect._asdict() for suspect in self.suspects],
        }


def find(
    snapshot: Snapshot, field: str, progress: Callable[[str, int, int | None], None], confidence: float = CONFIDENCE
) -> MisfiledReport:
    """Return the items of a snapshot that `field` seems to file wrongly. Raises what `features.read` does."""
    if not 0 <= confidence <= 1:
        raise InvalidSetting(f"expected a confidence from 0 to 1, got {confidence}")
    filed = read(snapshot, field)
    found = calibrate(filed.blocks, filed.labels, len(filed.names), progress)
    flagged = np.flatnonzero(~found.evidence.agrees & (found.confidence >= confidence))
    suspects = [
        _suspect(snapshot, filed, index, int(found.evidence.best[index]), float(found.confidence[index]))
        for index in flagged.tolist()
    ]
    return MisfiledReport(
        judged=len(filed.rows),
        left_out=filed.left_out,
        categories=len(filed.names),
        accuracy=float(found.evidence.agrees.mean()),
        misfiled_share=found.share,
        suspects=tuple(sorted(suspects, key=lambda suspect: (-suspect.confidence, suspect.item_id))),
    )


def _suspect(snapshot: Snapshot, filed: FiledItems, index: int, best: int, confidence: float) -> Suspect:
    row = int(filed.rows[index])
    title = str(from_bytes(bytes(snapshot.items.payload(row))).get("title", ""))
    names = filed.names
    return Suspect(
        snapshot.items.item_id(row), title, names[int(filed.labels[index])], names[best], round(confidence, 4)
    )
