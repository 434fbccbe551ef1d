"""Features of each item for category classification: its vectors and the words of its text."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.catalog.payload import from_bytes
from engine.catalog.text_template import Template
from engine.columns import GroupKey, parse_path
from engine.errors import InvalidSetting
from engine.scoring.fusion import Matrix
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import Snapshot
from indexer.misfiled.text_features import to_vectors

MIN_ITEMS = 10
"""Categories with fewer items cannot be learnt; their items are skipped."""

TEXT, WORDS = "text", "words"
TEXTS = (TEXT, WORDS)


@dataclass(frozen=True, slots=True)
class FiledItems:
    """The n items that have a vector and a category of at least MIN_ITEMS items.

    Attributes:
        rows: (n,) row numbers in the snapshot.
        blocks: Block name → (n, d_b), centred, mean length 1, zero where missing.
        labels: (n,) indices into `names`.
        names: Names of the categories.
        left_out: Number of items that are skipped.
    """

    rows: NDArray[np.int64]
    blocks: dict[str, Matrix]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    left_out: int


def read(snapshot: Snapshot, field: str) -> FiledItems:
    """Return the items of a snapshot, labelled by `field` of their payloads. Cost: all vectors in memory.

    If the indexed text contains the field itself, only pictures are used: such a text would confirm any error.

    Raises:
        UnknownField: No payload has the field.
        InvalidSetting: Fewer than two categories can be learnt, or there is nothing to learn them from.
    """
    snapshot.columns.check(field, "--field")
    template = Template(snapshot.manifest.catalogue.text_template)
    codes = snapshot.columns.groups(field)
    blocks = ReadView(snapshot).vectors_of(np.arange(len(snapshot), dtype=np.int64))
    text_has_field = parse_path(field)[0] in template.fields
    if text_has_field:
        blocks = {name: block for name, block in blocks.items() if name != TEXT}
    if not blocks:
        raise InvalidSetting(f"expected pictures, or a text template without the column {field!r}, got neither")
    usable = (codes >= 0) & np.any([present for _, present in blocks.values()], axis=0)
    counts = np.bincount(codes[usable], minlength=snapshot.columns.group_count(field))
    learnable = np.flatnonzero(counts >= MIN_ITEMS)
    if len(learnable) < 2:
        raise InvalidSetting(
            f"expected at least 2 values of {field!r} with {MIN_ITEMS} items each, got {len(learnable)}"
        )
    chosen = np.flatnonzero(usable & np.isin(codes, learnable))
    centred = {name: centre(rows[chosen], present[chosen]) for name, (rows, present) in blocks.items()}
    if not text_has_field:
        words = to_vectors([_text(snapshot, template, row) for row in chosen.tolist()])
        if words.any():
            centred[WORDS] = centre(words, np.asarray(words.any(axis=1)))
    return FiledItems(
        rows=chosen,
        blocks=centred,
        labels=np.searchsorted(learnable, codes[chosen]),
        names=tuple(_name(snapshot.columns.group_key(field, code)) for code in learnable.tolist()),
        left_out=len(snapshot) - len(chosen),
    )


def centre(rows: Matrix, present: NDArray[np.bool_]) -> Matrix:
    """Return the rows minus their mean, scaled to mean length 1; zero where missing.

    The shape is (n, d), or (n, d + 1) if only part of the rows is present: the last column then marks those.
    """
    if not present.any():
        return rows[:, :0]
    centred = np.where(present[:, None], rows - rows[present].mean(axis=0), 0).astype(np.float32)
    length = float(np.linalg.norm(centred[present], axis=1).mean())
    if length > 0:
        centred /= length
    return centred if present.all() else np.hstack([centred, present[:, None].astype(np.float32)])


def _text(snapshot: Snapshot, template: Template, row: int) -> str:
    payload = from_bytes(bytes(snapshot.items.payload(row)))
    item_id = snapshot.items.item_id(row)
    return template.render_item(item_id, payload)


def _name(key: GroupKey) -> str:
    return ", ".join(str(value) for _, value in key)
