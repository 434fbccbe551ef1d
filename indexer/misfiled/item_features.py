"""What is known of each item where its category is judged: its vectors, the words of its text, and which it has."""

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
"""A category with fewer items cannot be learnt from the others of them; its items are not judged."""

TEXT, WORDS = "text", "words"
TEXTS = (TEXT, WORDS)


@dataclass(frozen=True, slots=True)
class FiledItems:
    """n items that have a category of at least MIN_ITEMS items, and some vector.

    rows: (n,) of the snapshot.   blocks: name → (n, d_b), centred, of a mean length of 1, zero where missing.
    labels: (n,) positions in `names`.   left_out: items that are not judged.
    """

    rows: NDArray[np.int64]
    blocks: dict[str, Matrix]
    labels: NDArray[np.int64]
    names: tuple[str, ...]
    left_out: int


def read(snapshot: Snapshot, field: str) -> FiledItems:
    """Return the items of a snapshot with what `field` of their payload says they are. Cost: all vectors in memory.

    Where the text that was indexed holds the field itself, pictures alone are taken: such a text vouches for any error.
    Raises UnknownField if no payload has the field, InvalidSetting if fewer than two categories can be learnt.
    """
    snapshot.columns.check(field, "--field")
    template = Template(snapshot.manifest.catalogue.text_template)
    codes = snapshot.columns.groups(field)
    blocks = ReadView(snapshot).vectors_of(np.arange(len(snapshot), dtype=np.int64))
    told = parse_path(field)[0] in template.fields
    if told:
        blocks = {name: block for name, block in blocks.items() if name != TEXT}
    if not blocks:
        raise InvalidSetting(f"expected pictures, or a text template without the column {field!r}, got neither")
    usable = (codes >= 0) & np.any([present for _, present in blocks.values()], axis=0)
    counts = np.bincount(codes[usable], minlength=snapshot.columns.group_count(field))
    kept = np.flatnonzero(counts >= MIN_ITEMS)
    if len(kept) < 2:
        raise InvalidSetting(f"expected at least 2 values of {field!r} with {MIN_ITEMS} items each, got {len(kept)}")
    chosen = np.flatnonzero(usable & np.isin(codes, kept))
    centred = {name: centre(rows[chosen], present[chosen]) for name, (rows, present) in blocks.items()}
    if not told:
        words = to_vectors([_text(snapshot, template, row) for row in chosen.tolist()])
        if words.any():
            centred[WORDS] = centre(words, np.asarray(words.any(axis=1)))
    return FiledItems(
        rows=chosen,
        blocks=centred,
        labels=np.searchsorted(kept, codes[chosen]),
        names=tuple(_name(snapshot.columns.group_key(field, code)) for code in kept.tolist()),
        left_out=len(snapshot) - len(chosen),
    )


def centre(rows: Matrix, present: NDArray[np.bool_]) -> Matrix:
    """Return (n, d): rows less their mean, scaled to a mean length of 1; zero where missing.

    Where some are missing and some are not, (n, d + 1): the last column says which are there.
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
