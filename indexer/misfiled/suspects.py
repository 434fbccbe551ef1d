"""Report of the items that are probably filed in the wrong category, most probable first."""

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
"""Default reporting threshold: more likely misfiled than not."""


class Suspect(NamedTuple):
    """An item that is probably misfiled.

    Attributes:
        confidence: Estimated probability that the item is misfiled; overestimated in a very clean catalogue.
    """

    item_id: str
    title: str
    filed_under: str
    looks_like: str
    confidence: float


@dataclass(frozen=True, slots=True)
class MisfiledReport:
    """Misfiled items of a snapshot.

    Attributes:
        judged: Number of items that were classified.
        left_out: Number of items that were skipped.
        categories: Number of categories.
        accuracy: Share of the judged items whose own category scores highest, leave-one-out.
        misfiled_share: Estimated share of misfiled items among the judged; at least `misfiled_probability.MIN_SHARE`.
        suspects: Items at or above the confidence threshold, most probable first.
    """

    judged: int
    left_out: int
    categories: int
    accuracy: float
    misfiled_share: float
    suspects: tuple[Suspect, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the report as JSON values."""
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
    """Return the items of a snapshot that `field` probably files wrongly.

    Raises:
        UnknownField: No payload has the field.
        InvalidSetting: The confidence is not in 0..1, or fewer than two categories can be learnt.
    """
    if not 0 <= confidence <= 1:
        raise InvalidSetting(f"expected a confidence from 0 to 1, got {confidence}")
    filed = read(snapshot, field)
    result = calibrate(filed.blocks, filed.labels, len(filed.names), progress)
    flagged = np.flatnonzero(~result.evidence.agrees & (result.confidence >= confidence))
    suspects = [
        _suspect(snapshot, filed, index, int(result.evidence.best[index]), float(result.confidence[index]))
        for index in flagged.tolist()
    ]
    return MisfiledReport(
        judged=len(filed.rows),
        left_out=filed.left_out,
        categories=len(filed.names),
        accuracy=float(result.evidence.agrees.mean()),
        misfiled_share=result.share,
        suspects=tuple(sorted(suspects, key=lambda suspect: (-suspect.confidence, suspect.item_id))),
    )


def _suspect(snapshot: Snapshot, filed: FiledItems, index: int, best: int, confidence: float) -> Suspect:
    row = int(filed.rows[index])
    title = str(from_bytes(bytes(snapshot.items.payload(row))).get("title", ""))
    names = filed.names
    return Suspect(
        snapshot.items.item_id(row), title, names[int(filed.labels[index])], names[best], round(confidence, 4)
    )
