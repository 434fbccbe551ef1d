"""Composed queries as ordinary ones: what a reference is once it is changed, in values of fields, words and likeness.

The kind of a picture or an item, and all that the change does not contradict, are asked for by the fields of the
catalogue: those of the item, or those that the picture shows. What fields do not say is left to the text and to the
reference's own likeness, which count little. The reference itself is no answer.
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

# Two pictures whose vectors agree so far are one: vectors are stored in half precision, and a photo may be saved anew.
_SAME_PICTURE = 0.998
_MOST_SAME = 100


class Reference(NamedTuple):
    """What is changed.

    shares: field → value → how likely it has that.   title: "" if it has none.   like: which of the items that taught
    the attributes look like it.   item_ids: itself.
    """

    shares: Mapping[str, Mapping[str, float]]
    title: str
    like: tuple[int, ...]
    item_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class _CatalogState:
    """What a searcher's catalogue teaches."""

    searcher: Searcher
    attributes: CatalogAttributes
    changes: TextChanges


class QueryRewriter:
    """Rewrites the changed parts of queries for the searcher that is asked; any number of threads may ask."""

    def __init__(self, settings: CompositionWeights | None = None) -> None:
        self.settings = settings or CompositionWeights()
        self._learnt: _CatalogState | None = None

    def rewrite(self, searcher: Searcher, query: Query) -> Query:
        """Return a query without changed parts that asks for the same; one that has none as it is.

        Raises ItemNotFound and InvalidQuery, naming the part. Cost: a catalogue is learnt at its first changed part.
        """
        if not any(isinstance(part, ImagePart | ItemPart) and part.change for part in query.parts):
            return query
        parts: list[Part] = []
        # They come last, so that an error of another part names its place.
        words: list[TextPart] = []
        matches = list(query.matches)
        without = query.without
        for place, part in enumerate(query.parts):
            if not (isinstance(part, ImagePart | ItemPart) and part.change):
                parts.append(part)
                continue
            if not part.weight > 0:
                raise InvalidQuery(
                    f"expected a weight above 0 for a part with a change, got {part.weight}", f"parts[{place}].weight"
                )
            if not part.change.strip():
                raise InvalidQuery("expected words that change the part, got none", f"parts[{place}].change")
            learnt = self.learn(searcher)
            reference = self.refer(searcher, part, place)
            change = learnt.changes.understand(part.change)
            parts.append(replace(part, weight=part.weight * self.settings.reference, change=""))
            if _hears_words(searcher):
                words += self._words(part.weight, reference, change, learnt)
            elif not change.fields:
                raise NoEncoder(f"parts[{place}].change")
            matches += self._matches(part.weight, reference, change, learnt)
            without |= reference.item_ids
        return replace(query, parts=(*parts, *words), matches=tuple(matches), without=without)

    def learn(self, searcher: Searcher) -> _CatalogState:
        """Return what the searcher's catalogue teaches, learnt now unless it was asked before."""
        learnt = self._learnt
        if learnt is None or learnt.searcher is not searcher:
            # No lock: should two threads learn at once either will do.
            attributes = CatalogAttributes.learn(searcher.view)
            self._learnt = learnt = _CatalogState(searcher, attributes, TextChanges(attributes))
        return learnt

    def refer(self, searcher: Searcher, part: ImagePart | ItemPart, place: int = 0) -> Reference:
        """Return what is known of a reference. place: of the part, for errors."""
        learnt, view = self.learn(searcher), searcher.view
        rows: list[int] = []
        shown: dict[str, dict[str, float]] = {}
        if isinstance(part, ItemPart):
            try:
                rows = [view.row_of(part.item_id)]
            except ItemNotFound as error:
                raise error.at(f"parts[{place}].item_id") from error
            vectors = view.vectors(rows[0])
        else:
            try:
                (spoken,) = searcher.speak((ImagePart(part.data),))
            except InvalidQuery as error:
                raise error.with_field(f"parts[{place}].image") from error
            except NoEncoder as error:
                raise error.with_field(f"parts[{place}]") from error
            vectors = dict(spoken.vectors)
            rows = _same_pictures(searcher, view, vectors[IMAGE]) if IMAGE in vectors else []
        if IMAGE in vectors:
            shown = learnt.attributes.shown_by(vectors[IMAGE])
        payload = from_bytes(view.payload(rows[0])) if rows else {}
        told = {field.name: get_texts(payload, field.name) for field in learnt.attributes.fields}
        known = {name: dict.fromkeys(values, 1.0) for name, values in told.items() if values}
        attributes = learnt.attributes
        title = next(iter(get_texts(payload, attributes.title)), "") if attributes.title else ""
        like = tuple(attributes.like(vectors[IMAGE])) if IMAGE in vectors else ()
        return Reference({**shown, **known}, title, like, frozenset(map(view.item_id, rows)))

    def _matches(self, weight: float, reference: Reference, change: TextChange, learnt: _CatalogState) -> list[Match]:
        settings = self.settings
        matches = []
        new_kind = any(one.is_kind and one.name in change.wanted for one in learnt.attributes.fields)
        for one in learnt.attributes.fields:
            if one.name in change.wanted:
                shares = change.wanted[one.name]
                matches.append(Match(one.name, weight * settings.changed, _pairs(shares)))
            elif not (one.is_kind and new_kind) and one.weight and (shares := reference.shares.get(one.name, {})):
                factor = settings.kind if one.is_kind else settings.quality
                left = {
                    value: share for value, share in shares.items() if value not in change.unwanted.get(one.name, ())
                }
                matches.append(Match(one.name, weight * factor * one.weight, _pairs(left)))
            if one.name in change.unwanted:
                gone = dict.fromkeys(change.unwanted[one.name], 1.0)
                matches.append(Match(one.name, -weight * settings.changed, _pairs(gone)))
        return matches

    def _words(self, weight: float, reference: Reference, change: TextChange, learnt: _CatalogState) -> list[TextPart]:
        settings = self.settings
        old = [] if change.fields else phrases_in(reference.title, change.phrases)
        asked = (
            (named(reference, change, learnt.attributes), settings.named),
            (change.said, settings.change),
            (" ".join(old), -settings.old),
        )
        return [TextPart(text, weight * share) for text, share in asked if text and share]


def named(reference: Reference, change: TextChange, attributes: CatalogAttributes) -> str:
    """Return what a reference is once changed, in the words of the catalogue: how it is before what it is.

    Where no field says what kind of thing it is, the words of titles do.
    """
    values = []
    for one in sorted(attributes.fields, key=lambda one: (one.is_kind, one.weight)):
        if one.name in change.wanted:
            values.append(best_of(change.wanted[one.name]))
        elif one.name not in change.unwanted:
            values.append(best_of(reference.shares.get(one.name, {})))
    if not any(one.is_kind for one in attributes.fields):
        taken = {word for phrase in change.phrases for word in phrase}
        values += [change.said] if not change.wanted else []
        values.append(attributes.words.kind(reference.title, reference.like, taken))
    return words_for(values)


def _hears_words(searcher: Searcher) -> bool:
    return any(one is not None for one in (searcher.encoder, searcher.text_encoder, searcher.snapshot.lexical))


def _same_pictures(searcher: Searcher, view: ReadView, picture: Vectors) -> list[int]:
    """Return the rows of the items whose picture is this one, the likest first. picture: (d,) a unit vector."""
    query = Query((VectorPart(picture, block=IMAGE),), limit=_MOST_SAME)
    (answer,) = searcher.search_many((query,), view)
    if isinstance(answer, DiptychError):
        raise answer
    rows = np.array([hit.row for hit in answer.hits], np.int64)
    vectors, there = view.vectors_of(rows)[IMAGE]
    likeness = np.where(there, vectors @ picture, -1.0)
    found: list[int] = rows[likeness >= _SAME_PICTURE].tolist()
    return found


def _pairs(shares: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(shares.items()))
