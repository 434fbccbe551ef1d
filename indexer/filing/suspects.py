"""The items that look like another category than the one they are filed under, the surest first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSetting
from engine.payload import from_bytes
from engine.snapshot import Snapshot
from indexer.filing.classifier import out_of_fold
from indexer.filing.features import Filed, read

SURE = 0.98
"""From where on an item is reported: of the category filed and the one it looks like, how likely the latter is."""


class Suspect(NamedTuple):
    """One item. confidence: p(looks like) / (p(looks like) + p(filed under)), from .5 to 1."""

    item_id: str
    title: str
    filed_under: str
    looks_like: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Filing:
    """What was found of a snapshot: how many items were judged, how many not, and how many categories there are.

    accuracy: the share of the judged whose category is found by a classifier that did not see them.
    """

    judged: int
    left_out: int
    categories: int
    accuracy: float
    suspects: tuple[Suspect, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "judged": self.judged,
            "left_out": self.left_out,
            "categories": self.categories,
            "accuracy": round(self.accuracy, 4),
            "suspects": [suspect._asdict() for suspect in self.suspects],
        }


def find(
    snapshot: Snapshot, field: str, progress: Callable[[str, int, int | None], None], sure: float = SURE
) -> Filing:
    """Return the items of a snapshot that `field` seems to file wrongly. Raises what `features.read` does."""
    if not 0.5 <= sure <= 1:
        raise InvalidSetting(f"expected a confidence from 0.5 to 1, got {sure}")
    filed = read(snapshot, field)
    probabilities = out_of_fold(filed.features, filed.labels, len(filed.names), progress)
    best, confidence = judge(probabilities, filed.labels)
    flagged = np.flatnonzero((best != filed.labels) & (confidence >= sure))
    suspects = [
        _suspect(snapshot, filed, place, int(best[place]), float(confidence[place])) for place in flagged.tolist()
    ]
    return Filing(
        judged=len(filed.rows),
        left_out=filed.left_out,
        categories=len(filed.names),
        accuracy=float((best == filed.labels).mean()),
        suspects=tuple(sorted(suspects, key=lambda one: (-one.confidence, one.item_id))),
    )


def judge(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return each item's likeliest category (n,), and how sure it is against the one filed (n,), .5 if the same."""
    places = np.arange(len(labels))
    best = probabilities.argmax(axis=1)
    likeliest, own = probabilities[places, best], probabilities[places, labels]
    return best, likeliest / (likeliest + own)


def _suspect(snapshot: Snapshot, filed: Filed, place: int, best: int, confidence: float) -> Suspect:
    row = int(filed.rows[place])
    title = str(from_bytes(bytes(snapshot.items.payload(row))).get("title", ""))
    names = filed.names
    return Suspect(
        snapshot.items.item_id(row), title, names[int(filed.labels[place])], names[best], round(confidence, 4)
    )
