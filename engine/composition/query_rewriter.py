"""Rewrites composed queries as ordinary ones: a changed reference becomes field matches, texts and similarity.

The fields of the catalogue ask for the kind of the reference and for everything that the change does not contradict:
the fields of an item, or those that a picture reveals. What no field says is left to texts and to the similarity to the
reference, which have small weights. The reference itself is excluded from the results.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from engine.catalog.payload import from_bytes
from engine.columns.field_roles import get_texts
from engine.composition.catalog_attributes import IMAGE, CatalogAttributes, Vectors
from engine.composition.composition_weights import CompositionWeights
from engine.composition.text_change import TextChange, TextChanges, best_of, words_for
from engine.composition.title_phrases import phrases_in
from engine.errors import DiptychError, InvalidQuery, ItemNotFound, NoEncoder
from engine.scoring.query import ImagePart, ItemPart, Match, Part, Query, TextPart, VectorPart
from engine.search.read_view import ReadView
from engine.search.searcher import Searcher

# Pictures with this cosine are the same: vectors are stored in half precision, and a photo may have been re-encoded.
_SAME_PICTURE = 0.998
_MAX_SAME = 100


class Reference(NamedTuple):
    """The image or item that a change refers to.

    Attributes:
        shares: Field → value → probability.
        title: "" if it has none.
        similar: Which of the items that the attributes were learned from look like it.
        item_ids: The items that are the reference itself.
    """

    shares: Mapping[str, Mapping[str, float]]
    title: str
    similar: tuple[int, ...]
    item_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class _CatalogState:
    """What is learned from a searcher's catalogue."""

    searcher: Searcher
    attributes: CatalogAttributes
    changes: TextChanges


class QueryRewriter:
    """Rewrites the changed parts of queries for one searcher at a time; safe to share between threads.

    Attributes:
        weights: Weights of the terms that a changed part becomes.
    """

    def __init__(self, weights: CompositionWeights | None = None) -> None:
        self.weights = weights or CompositionWeights()
        self._state: _CatalogState | None = None

    def rewrite(self, searcher: Searcher, query: Query) -> Query:
        """Return an equivalent query without changed parts; a query that has none is returned as it is.

        Cost: the attributes of a catalogue are learned at its first changed part.

        Raises:
            ItemNotFound: If a part names an item that does not exist.
            InvalidQuery: For a weight or a change that cannot be used.
            NoEncoder: If the change names no field value and the snapshot cannot score texts.
        """
        if not any(isinstance(part, ImagePart | ItemPart) and part.change for part in query.parts):
            return query
        parts: list[Part] = []
        # Appended last, so that the paths of errors in other parts stay correct.
        texts: list[TextPart] = []
        matches = list(query.matches)
        excluded_ids = query.excluded_ids
        for index, part in enumerate(query.parts):
            if not (isinstance(part, ImagePart | ItemPart) and part.change):
                parts.append(part)
                continue
            if not part.weight > 0:
                raise InvalidQuery(
                    f"expected a weight above 0 for a part with a change, got {part.weight}", f"parts[{index}].weight"
                )
            if not part.change.strip():
                raise InvalidQuery("expected words that change the part, got none", f"parts[{index}].change")
            state = self.learn(searcher)
            reference = self.resolve(searcher, part, index)
            change = state.changes.parse(part.change)
            parts.append(replace(part, weight=part.weight * self.weights.reference, change=""))
            if _scores_texts(searcher):
                texts += self._texts(part.weight, reference, change, state)
            elif not change.fields:
                raise NoEncoder(f"parts[{index}].change")
            matches += self._matches(part.weight, reference, change, state)
            excluded_ids |= reference.item_ids
        return replace(query, parts=(*parts, *texts), matches=tuple(matches), excluded_ids=excluded_ids)

    def learn(self, searcher: Searcher) -> _CatalogState:
        """Return what is learned from the searcher's catalogue, cached for the last searcher."""
        state = self._state
        if state is None or state.searcher is not searcher:
            # No lock: if two threads learn at once, either result will do.
            attributes = CatalogAttributes.learn(searcher.view)
            self._state = state = _CatalogState(searcher, attributes, TextChanges(attributes))
        return state

    def resolve(self, searcher: Searcher, part: ImagePart | ItemPart, index: int = 0) -> Reference:
        """Return the reference of a part. index: of the part in the query, for errors."""
        attributes, view = self.learn(searcher).attributes, searcher.view
        rows: list[int] = []
        shown: dict[str, dict[str, float]] = {}
        if isinstance(part, ItemPart):
            try:
                rows = [view.get_row(part.item_id)]
            except ItemNotFound as error:
                raise error.at(f"parts[{index}].item_id") from error
            vectors = view.vectors(rows[0])
        else:
            try:
                (encoded,) = searcher.encode((ImagePart(part.data),))
            except InvalidQuery as error:
                raise error.with_field(f"parts[{index}].image") from error
            except NoEncoder as error:
                raise error.with_field(f"parts[{index}]") from error
            vectors = dict(encoded.vectors)
            rows = _same_pictures(searcher, view, vectors[IMAGE]) if IMAGE in vectors else []
        if IMAGE in vectors:
            shown = attributes.read_picture(vectors[IMAGE])
        payload = from_bytes(view.payload(rows[0])) if rows else {}
        stored = {field.name: get_texts(payload, field.name) for field in attributes.fields}
        known = {name: dict.fromkeys(values, 1.0) for name, values in stored.items() if values}
        title = next(iter(get_texts(payload, attributes.title)), "") if attributes.title else ""
        similar = tuple(attributes.find_similar(vectors[IMAGE])) if IMAGE in vectors else ()
        return Reference({**shown, **known}, title, similar, frozenset(map(view.item_id, rows)))

    def _matches(self, weight: float, reference: Reference, change: TextChange, state: _CatalogState) -> list[Match]:
        weights = self.weights
        matches = []
        new_kind = any(field.is_kind and field.name in change.wanted for field in state.attributes.fields)
        for field in state.attributes.fields:
            if field.name in change.wanted:
                shares = change.wanted[field.name]
                matches.append(Match(field.name, weight * weights.changed, _pairs(shares)))
            elif not (field.is_kind and new_kind) and field.weight and (shares := reference.shares.get(field.name, {})):
                factor = weights.kind if field.is_kind else weights.quality
                left = {
                    value: share for value, share in shares.items() if value not in change.unwanted.get(field.name, ())
                }
                matches.append(Match(field.name, weight * factor * field.weight, _pairs(left)))
            if field.name in change.unwanted:
                gone = dict.fromkeys(change.unwanted[field.name], 1.0)
                matches.append(Match(field.name, -weight * weights.changed, _pairs(gone)))
        return matches

    def _texts(self, weight: float, reference: Reference, change: TextChange, state: _CatalogState) -> list[TextPart]:
        weights = self.weights
        old = [] if change.fields else phrases_in(reference.title, change.phrases)
        weighted = (
            (describe(reference, change, state.attributes), weights.named),
            (change.text, weights.change),
            (" ".join(old), -weights.old),
        )
        return [TextPart(text, weight * share) for text, share in weighted if text and share]


def describe(reference: Reference, change: TextChange, attributes: CatalogAttributes) -> str:
    """Return the changed reference in the words of the catalogue, qualities before the kind.

    If no field says what kind of thing it is, the words of titles do.
    """
    values = []
    for field in sorted(attributes.fields, key=lambda field: (field.is_kind, field.weight)):
        if field.name in change.wanted:
            values.append(best_of(change.wanted[field.name]))
        elif field.name not in change.unwanted:
            values.append(best_of(reference.shares.get(field.name, {})))
    if not any(field.is_kind for field in attributes.fields):
        replaced = {word for phrase in change.phrases for word in phrase}
        values += [change.text] if not change.wanted else []
        values.append(attributes.words.kind(reference.title, reference.similar, replaced))
    return words_for(values)


def _scores_texts(searcher: Searcher) -> bool:
    return any(source is not None for source in (searcher.encoder, searcher.text_encoder, searcher.snapshot.lexical))


def _same_pictures(searcher: Searcher, view: ReadView, picture: Vectors) -> list[int]:
    """Return the rows of the items with this very picture, most similar first. picture: (d,) a unit vector."""
    query = Query((VectorPart(picture, block=IMAGE),), limit=_MAX_SAME)
    (answer,) = searcher.search_many((query,), view)
    if isinstance(answer, DiptychError):
        raise answer
    rows = np.array([hit.row for hit in answer.hits], np.int64)
    vectors, present = view.vectors_of(rows)[IMAGE]
    similarity = np.where(present, vectors @ picture, -1.0)
    found: list[int] = rows[similarity >= _SAME_PICTURE].tolist()
    return found


def _pairs(shares: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(shares.items()))
