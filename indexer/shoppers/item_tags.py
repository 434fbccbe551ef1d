"""Tags of items for attributes without a field in the catalogue: colour, pattern, material, from titles and pictures.

A title that names exactly one colour is trusted. A picture is compared with prompts for each value by an encoder that
was never trained on this catalogue; its accuracy is measured on the items whose titles name a value, and pictures are
trusted only down to the margin where they agree nine times in ten. A wrong tag is worse than none.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from engine.columns.field_path import parse_path
from engine.encoders.encoder import Encoder
from engine.lexical.tokenizer import to_words
from engine.scoring.vectors import Matrix, to_unit
from engine.search.read_view import ReadView

IMAGE = "image"

LOOKS = ("colour", "pattern")
"""The kinds of tags that describe how an item looks rather than what it is."""

MIN_AGREEMENT = 0.9
"""How often a picture has to agree with titles to be trusted."""

# On fewer items, an agreement of nine in ten may be chance.
_MIN_EVIDENCE = 50
_MIN_TAGGED_SHARE = 0.05
_CHUNK = 8192

Codes = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class TagKind:
    """One kind of tag.

    Attributes:
        fields: Words in the names of fields that hold the same information.
        prompts: Templates that the encoder reads with each value.
        values: value → words for it.
    """

    name: str
    fields: frozenset[str]
    prompts: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class ItemTags:
    """Tags of n items.

    Attributes:
        codes: (n,) indices into the kind's values, -1 for none.
        said: Share of items tagged by their titles.
        seen: Share of items tagged by their pictures.
        agreement: How often the trusted pictures agree with titles, 0 if none is trusted.
    """

    kind: TagKind
    codes: Codes
    said: float
    seen: float
    agreement: float


def tag_kinds() -> list[TagKind]:
    """Return all kinds of tags."""
    text = files("indexer.shoppers").joinpath("vocabulary.toml").read_text(encoding="utf-8")
    return [
        TagKind(
            name,
            frozenset(entry["fields"]),
            tuple(entry["prompts"]),
            {value: tuple(words) for value, words in entry["values"].items()},
        )
        for name, entry in tomllib.loads(text).items()
    ]


def missing_tag_kinds(names: Sequence[str]) -> list[TagKind]:
    """Return the kinds that no field of a catalogue covers. names: the names of its fields."""
    image_scores = {word for name in names for word in parse_path(name)[-1].lower().replace("-", "_").split("_")}
    return [kind for kind in tag_kinds() if not kind.fields & image_scores]


def tag_items(
    view: ReadView, titles: Sequence[str], kinds: Sequence[TagKind], encoder: Encoder | None
) -> list[ItemTags]:
    """Return the tags of a snapshot's items, of each kind that applies to one item in twenty.

    Cost: encoding the prompts, and one scan of all rows.

    Args:
        titles: (n,) in row order.
        encoder: The encoder of the image block, None if there is none.
    """
    scores = _scores(view, kinds, encoder) if kinds and encoder is not None else None
    tags = [tag_kind(kind, titles, None if scores is None else scores[kind.name]) for kind in kinds]
    return [tags for tags in tags if tags.said + tags.seen >= _MIN_TAGGED_SHARE]


def tag_kind(kind: TagKind, titles: Sequence[str], scores: Matrix | None) -> ItemTags:
    """Return the tags of one kind. scores: (n, values) of the pictures, NaN for an item without one."""
    said = values_in_titles(kind, titles)
    codes = said.copy()
    agreement = 0.0
    if scores is not None:
        seen, margins = values_in_images(scores)
        min_margin, agreement = find_margin(seen, margins, said)
        codes = np.where((codes < 0) & (margins >= min_margin), seen, codes).astype(np.int8)
    count = max(1, len(titles))
    return ItemTags(
        kind, codes, float((said >= 0).sum()) / count, float(((said < 0) & (codes >= 0)).sum()) / count, agreement
    )


def values_in_titles(kind: TagKind, titles: Sequence[str]) -> Codes:
    """Return the value that each title names, -1 if it names none or several."""
    value_codes = {word: index for index, words in enumerate(kind.values.values()) for word in words}
    codes = np.full(len(titles), -1, np.int8)
    for row, title in enumerate(titles):
        codes_in_title = {value_codes[word] for word in to_words(title) if word in value_codes}
        if len(codes_in_title) == 1:
            codes[row] = codes_in_title.pop()
    return codes


def values_in_images(scores: Matrix) -> tuple[Codes, NDArray[np.float64]]:
    """Return the most similar value of each picture, and its margin over the next, in standard deviations of its score.

    A value whose prompts are close to all pictures would win everywhere, so scores are standardised per value. An item
    without a picture has a margin of minus infinity.
    """
    has_image = np.isfinite(scores).all(axis=1)
    image_scores = scores[has_image].astype(np.float64)
    codes = np.full(len(scores), -1, np.int8)
    margins = np.full(len(scores), -np.inf)
    if len(image_scores) > 1:
        standardised = (image_scores - image_scores.mean(axis=0)) / np.maximum(image_scores.std(axis=0), 1e-9)
        best = np.sort(standardised, axis=1)
        codes[has_image] = standardised.argmax(axis=1)
        margins[has_image] = best[:, -1] - best[:, -2]
    return codes, margins


def find_margin(seen: Codes, margins: NDArray[np.float64], said: Codes) -> tuple[float, float]:
    """Return the smallest margin from which pictures agree with titles MIN_AGREEMENT of the time, and that agreement.

    Infinity and 0 if there is none, or too few titles name a value to tell.
    """
    comparable = (said >= 0) & np.isfinite(margins)
    order = np.argsort(-margins[comparable], kind="stable")
    agreements = np.cumsum((seen == said)[comparable][order]) / np.arange(1, len(order) + 1)
    reliable = np.flatnonzero(agreements[_MIN_EVIDENCE - 1 :] >= MIN_AGREEMENT)
    if not len(reliable):
        return float("inf"), 0.0
    last = int(reliable[-1]) + _MIN_EVIDENCE - 1
    return float(margins[comparable][order][last]), float(agreements[last])


def _scores(view: ReadView, kinds: Sequence[TagKind], encoder: Encoder) -> dict[str, Matrix]:
    """Return the cosines of every picture with the prompts of each value: kind → (n, values), NaN without a picture."""
    anchors = [
        to_unit(encoder.encode_texts([prompt.format(value) for prompt in kind.prompts]).mean(axis=0))
        for kind in kinds
        for value in kind.values
    ]
    count = len(view.snapshot)
    scores = np.full((count, len(anchors)), np.nan, np.float32)
    for start in range(0, count, _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, count))
        vectors, has_image = view.vectors_of(rows)[IMAGE]
        scores[rows[has_image]] = vectors[has_image] @ np.array(anchors, np.float32).T
    ends = np.cumsum([len(kind.values) for kind in kinds])[:-1]
    return dict(zip([kind.name for kind in kinds], np.split(scores, ends, axis=1), strict=True))
