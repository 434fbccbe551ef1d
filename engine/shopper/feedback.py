"""The feedback on an item, a brand or a category: whose reviews these are, what they say together, and a summary."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from engine.columns import facet_values, path_of
from engine.columns.column import NOTHING, Mask
from engine.errors import GroupNotFound, ItemNotFound
from engine.payload import from_bytes
from engine.shopper.digest import BLAMED, NOTHING_TOLD, PRAISED, Digest, digest
from engine.view import View
from engine.writing.grammar import listed

ITEM, BRAND, CATEGORY = "item_id", "brand", "category"
SIGNALS = ("review_quality", "review_count")
"""What a build lays beside an item that has reviews."""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the reviews of a subject say. kind: ITEM, BRAND or CATEGORY.   signals: of an item, by name."""

    kind: str
    name: str
    digest: Digest
    signals: Mapping[str, float]
    summary: str


def feedback_of(view: View, kind: str, name: str) -> Feedback:
    """Return the feedback on an item, a brand or a category.

    Raises ItemNotFound, GroupNotFound if no item that is alive has the brand or category.
    """
    if kind == ITEM:
        payload = from_bytes(view.payload(view.row_of(name)))
        signals = {one: float(payload[one]) for one in SIGNALS if isinstance(payload.get(one), int | float)}
        rows = _stored_rows(view, [name])
    else:
        signals = {}
        rows = _rows_of_group(view, kind, name)
    reviews = view.snapshot.reviews
    found = NOTHING_TOLD if reviews is None else digest(reviews, reviews.of(rows))
    return Feedback(kind, name, found, signals if found.review_count else {}, summary_of(found))


def summary_of(found: Digest) -> str:
    """Return a digest in a sentence or two, "" for one of no reviews."""
    if not found.review_count or found.sentiment is None:
        return ""
    counted = f"{found.review_count} review{'s' if found.review_count > 1 else ''}"
    stars = "" if found.mean_rating is None else f", {found.mean_rating:.1f} stars on average"
    praised = [one.name for one in found.aspects if one.positive_count >= 2 * max(1, one.negative_count)][:3]
    blamed = sorted(
        (one for one in found.aspects if one.negative_count >= max(2, one.positive_count)),
        key=lambda one: -one.negative_count,
    )[:3]
    parts = []
    if praised:
        parts.append(f"they praise {listed([_plain(name) for name in praised])}")
    if blamed:
        parts.append(f"they find fault with {listed([_plain(one.name) for one in blamed])}")
    opinion = (
        "mostly praise" if found.sentiment >= PRAISED else "mostly blame" if found.sentiment <= BLAMED else "mixed"
    )
    text = f"{counted}{stars}, {opinion}{': ' if parts else ''}{'; '.join(parts)}."
    told = []
    if found.changes:
        one = found.changes[0]
        since = datetime.fromtimestamp(one.since_s, UTC)
        what = f"praise of {_plain(one.aspect)}" if one.aspect else "praise"
        told.append(f"since {since:%B %Y} {what} went from {one.before:.0%} to {one.after:.0%}")
    if found.fixes:
        told.append(f"{_plain(found.fixes[0].aspect)} is what to put right first")
    sentence = "; ".join(told)
    return f"{text} {sentence[0].upper()}{sentence[1:]}." if told else text


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _rows_of_group(view: View, field: str, value: str) -> NDArray[np.int64]:
    """Return the snapshot's rows of the items that are alive and have the value now."""
    columns = view.snapshot.columns

    def stored() -> Mask:
        column = columns.column(path_of(field))
        code = column.code(value)
        return column.mask(np.array([[code, code + 1]]) if code else NOTHING)

    masks = view.column(("feedback", field, value), stored, lambda payload: value in facet_values(payload, field))
    rows: list[int] = []
    changed: list[str] = []
    for stratum, mask, alive in zip(view.strata, masks, view.everything.rows, strict=True):
        places = np.flatnonzero(mask if alive is None else mask & alive.mask) + stratum.start
        if stratum.start < len(view.snapshot):
            rows += places.tolist()
        else:
            changed += [view.item_id(row) for row in places.tolist()]
    if not rows and not changed:
        raise GroupNotFound(field, value)
    return np.concatenate((np.array(rows, np.int64), _stored_rows(view, changed)))


def _stored_rows(view: View, item_ids: list[str]) -> NDArray[np.int64]:
    """Return the rows that items have in the snapshot, which their reviews lie under; none for one that is new."""
    rows = []
    for item_id in item_ids:
        try:
            rows.append(view.snapshot.items.row_of(item_id))
        except ItemNotFound:
            continue
    return np.array(rows, np.int64)
