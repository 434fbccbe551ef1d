"""The attributes of a catalogue: which fields describe an item, their weights, and what a picture reveals of them.

No field names are assumed: fields with few and short values are candidates, and a field's weight is what the items'
vectors reveal of it. So the kind of thing counts most, whatever the field is called, and what neither picture nor text
shows, such as the season, counts little.
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

# Size of the evenly spaced sample of a large catalogue.
_MAX_ITEMS = 6_000
_MAX_COMPARED = 1_000
_NEIGHBOURS = 5
_SIMILAR_ITEMS = 15
_MIN_ITEMS = 20
# Less likely values of a picture are dropped, and so are all but the likeliest few.
_MIN_PROBABILITY, _MAX_VALUES = 0.03, 12
# A classifier that is hardly more accurate than the most frequent value is dropped.
_MIN_LIFT = 0.1

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AttributeField:
    """A field that describes items.

    Attributes:
        name: Path of the field.
        counts: Value → number of sampled items with it.
        weight: Information in nats: its entropy times the square root of how far items of similar vectors agree on it
            beyond chance.
        is_kind: Whether it says what kind of thing an item is.
    """

    name: str
    counts: Mapping[str, int]
    weight: float
    is_kind: bool


class CatalogAttributes:
    """The attributes of one catalogue; immutable, so safe to share between threads.

    Attributes:
        fields: The fields that describe items.
        words: The words of titles that say what kind of thing an item is.
        title: Field of titles, "" if there is none.
    """

    def __init__(
        self,
        fields: Sequence[AttributeField],
        values: Mapping[str, Sequence[str]],
        pictures: Vectors | None,
        words: TitlePhrases,
        title: str,
    ) -> None:
        """Keep what was learned from a sample of items.

        Args:
            fields: The fields that describe items.
            values: Field → the first value of each sampled item, "" for none.
            pictures: (n, d) image vectors of the sampled items, zero for none; None without an image block.
            words: The words of their titles.
            title: Field of titles, "" if there is none.
        """
        self.fields = tuple(fields)
        self.words = words
        self.title = title
        self._values = values
        self._pictures = pictures

    @classmethod
    def learn(cls, view: ReadView) -> Self:
        """Learn the attributes from the items of a view. Cost: one second from 6,000 items on."""
        rows = _sample(view)
        chosen = choose_fields(view.snapshot.columns)
        payloads = [from_bytes(view.payload(row)) for row in rows.tolist()]
        vectors = view.vectors_of(rows)
        similar = [vectors[block] for block in (IMAGE, TEXT) if block in vectors]
        neighbours = _neighbours(similar) if similar and len(rows) >= _MIN_ITEMS else None
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
        look = [vectors[IMAGE]] if IMAGE in vectors else similar
        by_look = _neighbours(look) if look and len(rows) >= _MIN_ITEMS else None
        pictures = vectors[IMAGE][0] if IMAGE in vectors else None
        return cls(fields, values, pictures, TitlePhrases(titles, by_look), chosen.title)

    def find_similar(self, picture: Vectors) -> list[int]:
        """Return which of the sampled items have the most similar pictures. picture: (d,) a unit vector."""
        if self._pictures is None:
            return []
        similarity = self._pictures @ picture
        k = min(_SIMILAR_ITEMS, len(similarity))
        return [int(row) for row in np.argpartition(-similarity, k - 1)[:k] if similarity[row]]

    def read_picture(self, picture: Vectors) -> dict[str, dict[str, float]]:
        """Return field → value → probability for the fields that pictures reveal. picture: (d,) a unit vector."""
        return {
            name: _most_likely(reader.values, np.exp(reader.read(picture[None])[0]))
            for name, reader in self._readers.items()
        }

    @cached_property
    def _readers(self) -> dict[str, Discriminant]:
        """A classifier of image vectors for each field, for the fields where it is accurate enough."""
        readers: dict[str, Discriminant] = {}
        if self._pictures is None:
            return readers
        present = np.asarray(self._pictures.any(axis=1))
        for field in self.fields:
            firsts = self._values[field.name]
            rows = [row for row, value in enumerate(firsts) if value and present[row]]
            labels = [firsts[row] for row in rows]
            reader = fit(self._pictures[rows], labels)
            if reader is not None and reader.accuracy > _MIN_LIFT + max(map(labels.count, reader.values)) / len(labels):
                readers[field.name] = reader
        return readers


def _sample(view: ReadView) -> NDArray[np.int64]:
    """Return an evenly spaced sample of the live rows."""
    alive = np.concatenate(
        [
            stratum.start + (np.arange(stratum.count) if row_filter is None else np.flatnonzero(row_filter.mask))
            for stratum, row_filter in zip(view.strata, view.everything.rows, strict=True)
        ]
    ).astype(np.int64)
    return np.sort(alive)[:: max(1, -(-len(alive) // _MAX_ITEMS))]


def _neighbours(blocks: Sequence[tuple[Vectors, NDArray[np.bool_]]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return (m,) some items, and (m, k) the items most similar to each of them over all blocks."""
    count = len(blocks[0][0])
    compared = np.arange(0, count, max(1, -(-count // _MAX_COMPARED)))
    scores = np.zeros((len(compared), count), np.float32)
    for vectors, _ in blocks:
        similarity = vectors[compared] @ vectors.T
        scores += (similarity - similarity.mean()) / max(float(similarity.std()), 1e-6)
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
    # The square root, because a field such as the pattern matters more than vectors reveal of it.
    return entropy * float(np.sqrt(max(0.0, (agreement - chance) / (1 - chance))))


def _most_likely(values: Sequence[str], shares: NDArray[np.float64]) -> dict[str, float]:
    best = np.argsort(-shares)[:_MAX_VALUES]
    return {values[index]: float(shares[index]) for index in best.tolist() if shares[index] >= _MIN_PROBABILITY}
