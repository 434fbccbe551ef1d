"""What a catalogue teaches a writer: its words, how its titles are made, and what its pictures look like."""

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

# What is looked at of a large catalogue, drawn evenly. 10,000 payloads are read in half a second.
_MOST_ITEMS = 10_000
_LEARNT_ROLES = (TYPE, CATEGORY, COLOUR, ACCENT, PATTERN, MATERIAL, FOR)
# How sharply a picture's likeness to single items is read: what made the odds of 81 groceries true on photos of them.
_SHARPNESS = 4.0
# A discriminant that is hardly better than the commonest value says nothing.
_LEAST_LIFT = 0.1

_SCENE = re.compile(
    r"\b(photo\w*|picture\w*|shown|laid out|cut out|background|backdrop|image|shot|wallpaper|boards|planks|"
    r"click here|see (?:also|below|above)|copyright|sold separately|read about|price|stock|delivery|shipping|"
    r"more (?:product )?information|brochure|recommends?)\b",
    re.IGNORECASE,
)
# Fields that name a kind of thing by their own name; another one may name a department.
_KIND_FIELDS = frozenset(("product_type", "article_type", "item_type"))
_LEAST_CALLED_SO = 0.2

Blocks = Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Block → (n, d) unit vectors of n items, and (n) whether each has one."""


class AttributeLikelihood(NamedTuple):
    """What the catalogue says of an item, and how likely a picture shows it: 0 to 1."""

    payload: Mapping[str, Any]
    probability: float


class CatalogModel:
    """A catalogue as a writer knows it; it never changes, so any number of threads may read it.

    discriminants: role → what tells its values apart by a picture's vector, for the roles where that was seen to work.
    """

    def __init__(self, payloads: Sequence[Mapping[str, Any]], blocks: Blocks | None = None) -> None:
        """Learn from payloads and, if they are at hand, their vectors. Cost: a second for 10,000."""
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
        """Return what the items of a view teach, a sample of a large one. without: rows that teach nothing."""
        alive = np.concatenate(
            [
                stratum.start + (np.arange(stratum.count) if some is None else np.flatnonzero(some.mask))
                for stratum, some in zip(view.strata, view.everything.rows, strict=True)
            ]
        )
        alive = alive[~np.isin(alive, list(without))] if without else alive
        step = max(1, -(-len(alive) // _MOST_ITEMS))
        rows = np.sort(alive)[::step].astype(np.int64)
        payloads = [from_bytes(view.payload(row)) for row in rows.tolist()]
        vectors = view.vectors_of(rows)
        return cls(payloads, {block: vectors[block] for block in (IMAGE, TEXT) if block in vectors})

    def nearest(
        self, vector: NDArray[np.float32], calibration: Calibration, blocks: Sequence[str]
    ) -> AttributeLikelihood | None:
        """Return the item that a picture is most like by all of these blocks, and the probability that it shows it."""
        scores = np.zeros(len(self._payloads))
        counts = np.zeros(len(self._payloads))
        for block in blocks:
            rows, there = self._blocks.get(block, (None, None))
            if rows is not None and there is not None and rows.shape[1] == len(vector):
                usual = calibration.of(IMAGE, block)
                scores += there * (rows @ vector - usual.mean) / usual.std
                counts += there
        compared = np.flatnonzero(counts)
        if not len(compared):
            return None
        shares = log_softmax(_SHARPNESS * scores[compared] / counts[compared])
        best = int(shares.argmax())
        return AttributeLikelihood(self._payloads[int(compared[best])], float(np.exp(shares[best])))

    def kind_of(self, value: str, field: str, title: str) -> str:
        """Return what kind of thing a value of the type field names, "" if it names a shelf rather than a thing.

        A value is a kind where the field says so by its name, or where the items that have it are called so.
        """
        last = re.split(r"\s*(?:>|/|\|)\s*", value.strip())[-1]
        if field.rpartition(".")[2].lower() in _KIND_FIELDS and "&" not in last:
            return last
        if last.lower() in title.lower() or last in self._kinds:
            return last
        return ""

    def is_of_photo(self, sentence: str) -> bool:
        """Return whether a sentence tells of the photo, or of the shop, rather than of what is sold."""
        return _SCENE.search(sentence) is not None

    def _learn(
        self, payloads: Sequence[Mapping[str, Any]], vectors: NDArray[np.float32], there: NDArray[np.bool_]
    ) -> None:
        for role in _LEARNT_ROLES:
            name = self.fields.get(role)
            if name is None:
                continue
            texts = [texts_at(payload, name) for payload in payloads]
            rows = [row for row, found in enumerate(texts) if found and there[row]]
            told = [texts[row][0] for row in rows]
            found = fit(vectors[rows], told)
            if found is not None and found.accuracy > _LEAST_LIFT + max(map(told.count, found.values)) / len(told):
                self.discriminants[role] = found


def _kinds(payloads: Sequence[Mapping[str, Any]], field: str | None) -> frozenset[str]:
    """Return the last parts of a field's values that many of the items which have them are called by."""
    if field is None:
        return frozenset()
    counts: Counter[str] = Counter()
    called: Counter[str] = Counter()
    for payload in payloads:
        for value in texts_at(payload, field)[:1]:
            last = re.split(r"\s*(?:>|/|\|)\s*", value.strip())[-1]
            counts[last] += 1
            head = singular(head_of(last).split(" ")[-1].lower())
            said = f"{payload.get(TITLE, '')} {own_description(payload)}".lower()
            called[last] += bool(head) and re.search(rf"\b{re.escape(head)}", said) is not None
    return frozenset(value for value, count in counts.items() if called[value] >= _LEAST_CALLED_SO * count)
