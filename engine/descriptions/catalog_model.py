"""A model of a catalogue: its vocabulary, the structure of its titles, and classifiers of its pictures."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from engine.catalog.payload import from_bytes
from engine.columns import field_names
from engine.descriptions.claim_vocabulary import ClaimVocabulary
from engine.descriptions.discriminant import Discriminant, fit, log_softmax
from engine.descriptions.facts import (
    ACCENT,
    CATEGORY,
    COLOUR,
    FOR,
    MATERIAL,
    PATTERN,
    TITLE,
    TYPE,
    find_fields,
    own_description,
    texts_at,
)
from engine.descriptions.grammar import head_of, singular
from engine.descriptions.title_reader import TitleReader
from engine.scoring.fusion import Calibration
from engine.search.read_view import ReadView

IMAGE, TEXT = "image", "text"

# Sample size for large catalogues, evenly spaced. Reading 10,000 payloads takes half a second.
_MAX_ITEMS = 10_000
_LEARNT_ROLES = (TYPE, CATEGORY, COLOUR, ACCENT, PATTERN, MATERIAL, FOR)
# Scale of the similarities before the softmax, calibrated on photos of 81 groceries.
_SHARPNESS = 4.0
# Minimum gain in accuracy over always predicting the most common value.
_MIN_LIFT = 0.1

_OFF_TOPIC = re.compile(
    r"\b(photo\w*|picture\w*|shown|laid out|cut out|background|backdrop|image|shot|wallpaper|boards|planks|"
    r"click here|see (?:also|below|above)|copyright|sold separately|read about|price|stock|delivery|shipping|"
    r"more (?:product )?information|brochure|recommends?)\b",
    re.IGNORECASE,
)
# Fields that always contain product types; any other field may contain departments.
_KIND_FIELDS = frozenset(("product_type", "article_type", "item_type"))
_MIN_MENTION_SHARE = 0.2

Blocks = Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Block → (n, d) unit vectors, and (n) whether each item has one."""


class AttributeLikelihood(NamedTuple):
    """The payload of an item, and the probability that a picture shows it, 0 to 1."""

    payload: Mapping[str, Any]
    probability: float


class CatalogModel:
    """A catalogue as learnt from its items; immutable and thread-safe.

    Attributes:
        discriminants: Role → classifier of its values by picture vector, for roles where it is accurate enough.
    """

    def __init__(self, payloads: Sequence[Mapping[str, Any]], blocks: Blocks | None = None) -> None:
        """Learn from payloads and, if available, their vectors. Cost: about a second for 10,000."""
        names = {name: None for payload in payloads for name in field_names(payload)}
        self.fields = find_fields(names)
        self.vocabulary = ClaimVocabulary(payloads, self.fields)
        self.discriminants: dict[str, Discriminant] = {}
        self.titles = TitleReader(payloads, self.vocabulary)
        self._kinds = _kinds(payloads, self.fields.get(TYPE))
        self._payloads = payloads
        self._blocks: Blocks = blocks or {}
        if IMAGE in self._blocks:
            self._learn(payloads, *self._blocks[IMAGE])

    @classmethod
    def of(cls, view: ReadView, without: frozenset[int] = frozenset()) -> Self:
        """Learn from the items of a view, or a sample of a large one. without: Rows to exclude."""
        alive = np.concatenate(
            [
                stratum.start + (np.arange(stratum.count) if row_filter is None else np.flatnonzero(row_filter.mask))
                for stratum, row_filter in zip(view.strata, view.everything.rows, strict=True)
            ]
        )
        alive = alive[~np.isin(alive, list(without))] if without else alive
        step = max(1, -(-len(alive) // _MAX_ITEMS))
        rows = np.sort(alive)[::step].astype(np.int64)
        payloads = [from_bytes(view.payload(row)) for row in rows.tolist()]
        vectors = view.vectors_of(rows)
        return cls(payloads, {block: vectors[block] for block in (IMAGE, TEXT) if block in vectors})

    def nearest(
        self, vector: NDArray[np.float32], calibration: Calibration, blocks: Sequence[str]
    ) -> AttributeLikelihood | None:
        """Return the item most similar to a picture in these blocks, and the probability that the picture shows it."""
        scores = np.zeros(len(self._payloads))
        counts = np.zeros(len(self._payloads))
        for block in blocks:
            rows, has_vector = self._blocks.get(block, (None, None))
            if rows is not None and has_vector is not None and rows.shape[1] == len(vector):
                baseline = calibration.of(IMAGE, block)
                scores += has_vector * (rows @ vector - baseline.mean) / baseline.std
                counts += has_vector
        compared = np.flatnonzero(counts)
        if not len(compared):
            return None
        shares = log_softmax(_SHARPNESS * scores[compared] / counts[compared])
        best = int(shares.argmax())
        return AttributeLikelihood(self._payloads[int(compared[best])], float(np.exp(shares[best])))

    def kind_of(self, value: str, field: str, title: str) -> str:
        """Return the product type in a value of the type field, "" if the value is a department.

        A value is a type if the field name implies it, or if the items with this value mention it.
        """
        last = _last_part(value)
        if field.rpartition(".")[2].lower() in _KIND_FIELDS and "&" not in last:
            return last
        if last.lower() in title.lower() or last in self._kinds:
            return last
        return ""

    def is_off_topic(self, sentence: str) -> bool:
        """Return whether a sentence is about the photo or the shop instead of the product."""
        return _OFF_TOPIC.search(sentence) is not None

    def _learn(
        self, payloads: Sequence[Mapping[str, Any]], vectors: NDArray[np.float32], has_vector: NDArray[np.bool_]
    ) -> None:
        for role in _LEARNT_ROLES:
            name = self.fields.get(role)
            if name is None:
                continue
            texts = [texts_at(payload, name) for payload in payloads]
            rows = [row for row, found in enumerate(texts) if found and has_vector[row]]
            labels = [texts[row][0] for row in rows]
            found = fit(vectors[rows], labels)
            if found is not None and found.accuracy > _MIN_LIFT + max(map(labels.count, found.values)) / len(labels):
                self.discriminants[role] = found


def _last_part(value: str) -> str:
    """Return the last part of a category path such as "Home > Kitchen > Mugs"."""
    return re.split(r"\s*(?:>|/|\|)\s*", value.strip())[-1]


def _kinds(payloads: Sequence[Mapping[str, Any]], field: str | None) -> frozenset[str]:
    """Return the last parts of a field's values that many of their items mention."""
    if field is None:
        return frozenset()
    counts: Counter[str] = Counter()
    mentions: Counter[str] = Counter()
    for payload in payloads:
        for value in texts_at(payload, field)[:1]:
            last = _last_part(value)
            counts[last] += 1
            head = singular(head_of(last).split(" ")[-1].lower())
            text = f"{payload.get(TITLE, '')} {own_description(payload)}".lower()
            mentions[last] += bool(head) and re.search(rf"\b{re.escape(head)}", text) is not None
    return frozenset(value for value, count in counts.items() if mentions[value] >= _MIN_MENTION_SHARE * count)
