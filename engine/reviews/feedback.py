"""The feedback on an item, a brand or a category: whose reviews these are, what they say together, and a summary."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from engine.catalog.payload import from_bytes
from engine.columns import facet_values, parse_path
from engine.columns.column import NOTHING, Mask
from engine.columns.field_roles import TITLES
from engine.errors import GroupNotFound, ItemNotFound
from engine.reviews.digest import BLAMED, NOTHING_TOLD, PRAISED, Digest, digest
from engine.search.read_view import ReadView

ITEM, BRAND, CATEGORY = "item_id", "brand", "category"
SIGNALS = ("review_quality", "review_count")
"""What a build lays beside an item that has reviews."""

# From which share of those that judge it an aspect is praised or criticised and not divided.
_CLEARLY = 2 / 3
_MOST_NAMED = 3
_GOOD_STARS, _BAD_STARS = 3.5, 2.5


@dataclass(frozen=True, slots=True)
class Feedback:
    """What the reviews of a subject say.

    kind: ITEM, BRAND or CATEGORY.   title: of an item, "" if it has none.   signals: of an item, by name.
    """

    kind: str
    name: str
    title: str
    digest: Digest
    signals: Mapping[str, float]
    summary: str


def feedback_of(view: ReadView, kind: str, name: str) -> Feedback:
    """Return the feedback on an item, a brand or a category.

    Raises ItemNotFound, GroupNotFound if no item that is alive has the brand or category.
    """
    if kind == ITEM:
        payload = from_bytes(view.payload(view.row_of(name)))
        title = next((text for one in TITLES if isinstance(text := payload.get(one), str) and text), "")
        signals = {one: float(payload[one]) for one in SIGNALS if isinstance(payload.get(one), int | float)}
        rows = _stored_rows(view, [name])
    else:
        title, signals = "", {}
        rows = _rows_of_group(view, kind, name)
    reviews = view.snapshot.reviews
    found = NOTHING_TOLD if reviews is None else digest(reviews, reviews.of(rows))
    return Feedback(kind, name, title, found, signals if found.review_count else {}, summary_of(found))


def summary_of(found: Digest) -> str:
    """Return a digest in a few sentences that say what its table of aspects says, "" for one of no reviews."""
    if not found.review_count or found.sentiment is None:
        return ""
    stars = "" if found.mean_rating is None else f", {found.mean_rating:.1f} stars on average"
    sentences = [f"{found.review_count} review{'s' if found.review_count > 1 else ''}{stars}, {_opinion(found)}"]
    fix = found.fixes[0] if found.fixes else None
    sides: dict[str, list[str]] = {"Praised": [], "Criticised": [], "Divided": []}
    for aspect in found.aspects:
        total = aspect.positive_count + aspect.negative_count
        name = _plain(aspect.name)
        if aspect.positive_count >= _CLEARLY * total:
            # What has to be fixed first is told once, with both counts.
            if fix is None or fix.aspect != aspect.name:
                sides["Praised"].append(f"{name} ({aspect.positive_count} of {total})")
        elif aspect.negative_count >= _CLEARLY * total:
            sides["Criticised"].append(f"{name} ({aspect.negative_count} of {total})")
        else:
            sides["Divided"].append(f"{name} ({aspect.positive_count} praise it, {aspect.negative_count} criticise it)")
    sentences += [f"{side}: {', '.join(names[:_MOST_NAMED])}" for side, names in sides.items() if names]
    if found.changes:
        change = found.changes[0]
        what = f"praise of {_plain(change.aspect)}" if change.aspect else "praise"
        since = datetime.fromtimestamp(change.since_s, UTC)
        sentences.append(f"Since {since:%B %Y} {what} went from {change.before:.0%} to {change.after:.0%}")
    if fix is not None:
        (aspect,) = (one for one in found.aspects if one.name == fix.aspect)
        praise = f", {aspect.positive_count} praise it" if aspect.positive_count else ""
        sentences.append(
            f"Fix first: {_plain(fix.aspect)} ({fix.blamed_count} of {found.review_count} reviews criticise it{praise})"
        )
    return " ".join(f"{sentence}." for sentence in sentences)


def _opinion(found: Digest) -> str:
    """Return what the reviews are on the whole: stars and words both have to say so."""
    stars = found.mean_rating
    if found.sentiment is not None and found.sentiment >= PRAISED and (stars is None or stars >= _GOOD_STARS):
        return "mostly positive"
    if found.sentiment is not None and found.sentiment <= BLAMED and (stars is None or stars <= _BAD_STARS):
        return "mostly negative"
    return "mixed"


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _rows_of_group(view: ReadView, field: str, value: str) -> NDArray[np.int64]:
    """Return the snapshot's rows of the items that are alive and have the value now."""
    columns = view.snapshot.columns

    def stored() -> Mask:
        column = columns.column(parse_path(field))
        code = column.code(value)
        return column.mask(np.array([[code, code + 1]]) if code else NOTHING)

    masks = view.columns.get(("feedback", field, value), stored, lambda payload: value in facet_values(payload, field))
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


def _stored_rows(view: ReadView, item_ids: list[str]) -> NDArray[np.int64]:
    """Return the rows that items have in the snapshot, which their reviews lie under; none for one that is new."""
    rows = []
    for item_id in item_ids:
        try:
            rows.append(view.snapshot.items.row_of(item_id))
        except ItemNotFound:
            continue
    return np.array(rows, np.int64)
