"""Which fields of a catalogue say what an item is, how much each of them counts, and how a picture shows their values.

Nothing is known of a catalogue's fields beforehand: those with few and short values are looked at, and a field counts
by what the items' own vectors know of it. So the kind of thing counts most, whatever the field is called, and what
neither picture nor text shows, such as the season, counts little.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from engine.catalog.payload import from_bytes
from engine.columns.field_roles import choose_fields, get_texts
from engine.composition.title_phrases import TitlePhrases
from engine.descriptions.discriminant import Discriminant, fit
from engine.search.read_view import ReadView

IMAGE, TEXT = "image", "text"

# What is looked at of a large catalogue, drawn evenly.
_MOST_ITEMS = 6_000
_MOST_COMPARED = 1_000
_NEIGHBOURS = 5
_LIKE = 15
_LEAST_ITEMS = 20
# Values that a picture shows with a smaller probability are left out, and all but so many.
_LEAST_SHARE, _MOST_SHARES = 0.03, 12
# A discriminant that is hardly better than the commonest value says nothing.
_LEAST_LIFT = 0.1

Vectors = NDArray[np.float32]
Shares = Mapping[str, float]
"""Value → how likely it is, at most 1 each."""


@dataclass(frozen=True, slots=True)
class AttributeField:
    """A field that says what an item is.

    counts: value → how many of the items looked at have it.   weight: what it tells, in nats: its entropy times the
    root of how far items of like vectors agree on it beyond chance.   is_kind: whether it says what an item is.
    """

    name: str
    counts: Mapping[str, int]
    weight: float
    is_kind: bool


class CatalogAttributes:
    """The fields of one catalogue; never changes, so any number of threads may read it."""

    def __init__(
        self,
        fields: Sequence[AttributeField],
        values: Mapping[str, Sequence[str]],
        pictures: Vectors | None,
        words: TitlePhrases,
        title: str,
    ) -> None:
        """values: field → the first value of each item, "" for none.   pictures: (n, d), zero where there is none.

        title: the field of titles, "" if there is none.
        """
        self.fields = tuple(fields)
        self.words = words
        self.title = title
        self._values = values
        self._pictures = pictures

    @classmethod
    def learn(cls, view: ReadView) -> Self:
        """Return what the items of a view teach. Cost: a second for 6,000 items, and no more for others."""
        rows = _drawn(view)
        chosen = choose_fields(view.snapshot.columns)
        payloads = [from_bytes(view.payload(row)) for row in rows.tolist()]
        vectors = view.vectors_of(rows)
        alike = [vectors[block] for block in (IMAGE, TEXT) if block in vectors]
        neighbours = _neighbours(alike) if alike and len(rows) >= _LEAST_ITEMS else None
        fields, values = [], {}
        for name in chosen.all_fields:
            firsts = [next(iter(get_texts(payload, name)), "") for payload in payloads]
            counts = {
                str(value): int(count) for value, count in zip(*np.unique(firsts, return_counts=True), strict=True)
            }
            counts.pop("", None)
            if len(counts) > 1:
                values[name] = firsts
                fields.append(AttributeField(name, counts, _weight(firsts, neighbours), name in chosen.kinds))
        titles = [next(iter(get_texts(payload, chosen.title)), "") if chosen.title else "" for payload in payloads]
        look = [vectors[IMAGE]] if IMAGE in vectors else alike
        looked = _neighbours(look) if look and len(rows) >= _LEAST_ITEMS else None
        pictures = vectors[IMAGE][0] if IMAGE in vectors else None
        return cls(fields, values, pictures, TitlePhrases(titles, looked), chosen.title)

    def like(self, picture: Vectors) -> list[int]:
        """Return which of the items looked at have the pictures most like this one. picture: (d,) a unit vector."""
        if self._pictures is None:
            return []
        likeness = self._pictures @ picture
        k = min(_LIKE, len(likeness))
        return [int(row) for row in np.argpartition(-likeness, k - 1)[:k] if likeness[row]]

    def shown_by(self, picture: Vectors) -> dict[str, dict[str, float]]:
        """Return field → value → probability, of the fields that pictures tell. picture: (d,) a unit vector."""
        return {
            name: _likeliest(reader.values, np.exp(reader.read(picture[None])[0]))
            for name, reader in self._readers.items()
        }

    @cached_property
    def _readers(self) -> dict[str, Discriminant]:
        """What reads a field from a picture's vector, for the fields where that was seen to work."""
        readers: dict[str, Discriminant] = {}
        if self._pictures is None:
            return readers
        there = np.asarray(self._pictures.any(axis=1))
        for field in self.fields:
            firsts = self._values[field.name]
            rows = [row for row, value in enumerate(firsts) if value and there[row]]
            told = [firsts[row] for row in rows]
            reader = fit(self._pictures[rows], told)
            if reader is not None and reader.accuracy > _LEAST_LIFT + max(map(told.count, reader.values)) / len(told):
                readers[field.name] = reader
        return readers


def _drawn(view: ReadView) -> NDArray[np.int64]:
    """Return some rows that are alive, drawn evenly."""
    alive = np.concatenate(
        [
            stratum.start + (np.arange(stratum.count) if some is None else np.flatnonzero(some.mask))
            for stratum, some in zip(view.strata, view.everything.rows, strict=True)
        ]
    ).astype(np.int64)
    return np.sort(alive)[:: max(1, -(-len(alive) // _MOST_ITEMS))]


def _neighbours(blocks: Sequence[tuple[Vectors, NDArray[np.bool_]]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return some items, (m,), and the items most like each of them, (m, k), by all blocks together."""
    count = len(blocks[0][0])
    compared = np.arange(0, count, max(1, -(-count // _MOST_COMPARED)))
    scores = np.zeros((len(compared), count), np.float32)
    for vectors, _ in blocks:
        likeness = vectors[compared] @ vectors.T
        scores += (likeness - likeness.mean()) / max(float(likeness.std()), 1e-6)
    scores[np.arange(len(compared)), compared] = -np.inf
    k = min(_NEIGHBOURS, count - 1)
    return compared, np.argpartition(-scores, k - 1, axis=1)[:, :k]


def _weight(firsts: Sequence[str], neighbours: tuple[NDArray[np.int64], NDArray[np.int64]] | None) -> float:
    _, codes = np.unique(firsts, return_inverse=True)
    shares = np.bincount(codes) / len(codes)
    entropy = float(-(shares * np.log(shares)).sum())
    if neighbours is None:
        return entropy
    compared, near = neighbours
    agreement = float((codes[near] == codes[compared][:, None]).mean())
    chance = float((shares**2).sum())
    # A root: who refers to an item knows of its pattern too, though vectors hardly do.
    return entropy * float(np.sqrt(max(0.0, (agreement - chance) / (1 - chance))))


def _likeliest(values: Sequence[str], shares: NDArray[np.float64]) -> dict[str, float]:
    best = np.argsort(-shares)[:_MOST_SHARES]
    return {values[place]: float(shares[place]) for place in best.tolist() if shares[place] >= _LEAST_SHARE}
