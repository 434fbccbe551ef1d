"""Feedback on an item, a brand or a category: the digest of its reviews, and a summary as text."""

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
from engine.reviews.digest import EMPTY_DIGEST, Aspect, Digest, Fix, build_digest
from engine.reviews.praise_change import NEGATIVE_THRESHOLD, POSITIVE_THRESHOLD
from engine.search.read_view import ReadView

ITEM, BRAND, CATEGORY = "item_id", "brand", "category"
SIGNALS = ("review_quality", "review_count")
"""Signals that a build adds to items with reviews."""

# An aspect is praised or criticised from this share of the reviews that judge it; below, opinions are divided.
_CLEAR_MAJORITY = 2 / 3
_MAX_NAMED = 3
_POSITIVE_STARS, _NEGATIVE_STARS = 3.5, 2.5


@dataclass(frozen=True, slots=True)
class Feedback:
    """The feedback on one subject.

    Attributes:
        kind: ITEM, BRAND or CATEGORY.
        title: The title of an item, "" if it has none.
        signals: Review signals of an item, by name.
    """

    kind: str
    name: str
    title: str
    digest: Digest
    signals: Mapping[str, float]
    summary: str


def build_feedback(view: ReadView, kind: str, name: str) -> Feedback:
    """Return the feedback on an item, a brand or a category.

    Raises:
        ItemNotFound: The item does not exist.
        GroupNotFound: No live item has the brand or category.
    """
    title, signals = "", {}
    if kind == ITEM:
        payload = from_bytes(view.payload(view.get_row(name)))
        title = next((text for field in TITLES if isinstance(text := payload.get(field), str) and text), "")
        signals = {field: float(payload[field]) for field in SIGNALS if isinstance(payload.get(field), int | float)}
        rows = _stored_rows(view, [name])
    else:
        rows = _rows_of_group(view, kind, name)
    reviews = view.snapshot.reviews
    digest = EMPTY_DIGEST if reviews is None else build_digest(reviews, reviews.read(rows))
    return Feedback(kind, name, title, digest, signals if digest.review_count else {}, summarise_digest(digest))


def summarise_digest(digest: Digest) -> str:
    """Return a digest in a few sentences, "" for an empty one."""
    if not digest.review_count or digest.sentiment is None:
        return ""
    stars = "" if digest.mean_rating is None else f", {digest.mean_rating:.1f} stars on average"
    plural = "s" if digest.review_count > 1 else ""
    fix = digest.fixes[0] if digest.fixes else None
    sentences = [f"{digest.review_count} review{plural}{stars}, {_overall_opinion(digest)}"]
    sentences += _summarise_aspects(digest, fix)
    if digest.changes:
        change = digest.changes[0]
        what = f"praise for {_to_words(change.aspect)}" if change.aspect else "praise"
        since = datetime.fromtimestamp(change.since_s, UTC)
        sentences.append(f"Since {since:%B %Y}, {what} went from {change.before:.0%} to {change.after:.0%}")
    if fix is not None:
        sentences.append(_summarise_fix(digest, fix))
    return " ".join(f"{sentence}." for sentence in sentences)


def _summarise_aspects(digest: Digest, fix: Fix | None) -> list[str]:
    """Return which aspects are praised, criticised and divisive, a sentence each."""
    sides: dict[str, list[str]] = {"Praised": [], "Criticised": [], "Divided": []}
    for aspect in digest.aspects:
        total = aspect.positive_count + aspect.negative_count
        name = _to_words(aspect.name)
        if aspect.positive_count >= _CLEAR_MAJORITY * total:
            # The aspect to fix first gets a sentence of its own, with both counts.
            if fix is None or fix.aspect != aspect.name:
                sides["Praised"].append(f"{name} ({aspect.positive_count} of {total})")
        elif aspect.negative_count >= _CLEAR_MAJORITY * total:
            sides["Criticised"].append(f"{name} ({aspect.negative_count} of {total})")
        else:
            sides["Divided"].append(f"{name} ({aspect.positive_count} praise it, {aspect.negative_count} criticise it)")
    return [f"{side}: {', '.join(names[:_MAX_NAMED])}" for side, names in sides.items() if names]


def _summarise_fix(digest: Digest, fix: Fix) -> str:
    aspect: Aspect = next(aspect for aspect in digest.aspects if aspect.name == fix.aspect)
    praise = f", {aspect.positive_count} praise it" if aspect.positive_count else ""
    name = _to_words(fix.aspect)
    return f"Fix first: {name} ({fix.blamed_count} of {digest.review_count} reviews criticise it{praise})"


def _overall_opinion(digest: Digest) -> str:
    """Return the overall opinion: positive or negative only if stars and sentiment agree."""
    stars, sentiment = digest.mean_rating, digest.sentiment
    if sentiment is not None and sentiment >= POSITIVE_THRESHOLD and (stars is None or stars >= _POSITIVE_STARS):
        return "mostly positive"
    if sentiment is not None and sentiment <= NEGATIVE_THRESHOLD and (stars is None or stars <= _NEGATIVE_STARS):
        return "mostly negative"
    return "mixed"


def _to_words(name: str) -> str:
    return name.replace("_", " ")


def _rows_of_group(view: ReadView, field: str, value: str) -> NDArray[np.int64]:
    """Return the snapshot rows of the live items that have the value now."""
    columns = view.snapshot.columns

    def stored() -> Mask:
        column = columns.column(parse_path(field))
        code = column.code(value)
        return column.mask(np.array([[code, code + 1]]) if code else NOTHING)

    masks = view.columns.get(("feedback", field, value), stored, lambda payload: value in facet_values(payload, field))
    rows: list[int] = []
    changed: list[str] = []
    for stratum, mask, alive in zip(view.strata, masks, view.everything.rows, strict=True):
        matching = np.flatnonzero(mask if alive is None else mask & alive.mask) + stratum.start
        if stratum.start < len(view.snapshot):
            rows += matching.tolist()
        else:
            changed += [view.item_id(row) for row in matching.tolist()]
    if not rows and not changed:
        raise GroupNotFound(field, value)
    return np.concatenate((np.array(rows, np.int64), _stored_rows(view, changed)))


def _stored_rows(view: ReadView, item_ids: list[str]) -> NDArray[np.int64]:
    """Return the rows of items in the snapshot, where their reviews are stored; new items have none."""
    rows = []
    for item_id in item_ids:
        try:
            rows.append(view.snapshot.items.get_row(item_id))
        except ItemNotFound:
            continue
    return np.array(rows, np.int64)
