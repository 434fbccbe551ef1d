"""Facts about a product, completed from its title, its type and its picture."""

import re
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.descriptions.caption_noun import find_caption_noun
from engine.descriptions.catalog_model import CatalogModel
from engine.descriptions.claim_vocabulary import QUALITIES
from engine.descriptions.discriminant import NEVER
from engine.descriptions.facts import (
    BRAND,
    CATEGORY,
    COLOUR,
    FOR,
    MATERIAL,
    PATTERN,
    TYPE,
    Facts,
)
from engine.descriptions.grammar import singular
from engine.descriptions.image_attributes import ImageAttributes
from engine.descriptions.synonyms import FAMILY_NAMES
from engine.descriptions.title_claims import find_shade, find_title_claims
from engine.descriptions.title_reader import TitleReading
from engine.descriptions.title_words import lower_first, type_forms

_SEEN_ROLES = (TYPE, CATEGORY, COLOUR, PATTERN, MATERIAL, FOR)
# Thresholds where no items show how reliable a reading is. A description needs a type and a colour; other roles are
# skipped.
DEFAULT_THRESHOLDS = {TYPE: 0.4, COLOUR: 0.4}
_PLACE = re.compile(r"\bin,\s*outdoor\b,?\s*", re.IGNORECASE)


class Picture(Protocol):
    """A subject's picture: its unit vector and the image itself, None where missing."""

    @property
    def vector(self) -> NDArray[np.float32] | None:
        """The unit vector of the picture."""

    @property
    def image(self) -> Image.Image | None:
        """The picture itself."""


class FactCollector:
    """Completes the facts of a product in the words of one catalogue."""

    def __init__(self, catalog: CatalogModel, pictures: ImageAttributes) -> None:
        self._catalog = catalog
        self._pictures = pictures

    def add_title(self, facts: Facts) -> Facts:
        """Add the values that the title claims for roles without a field; skip a role with two different values."""
        vocabulary = self._catalog.vocabulary
        claims = find_title_claims(facts.title, vocabulary)
        found = {}
        for role in (TYPE, COLOUR, PATTERN, MATERIAL, BRAND):
            meanings = {claim.meanings for claim in claims if claim.role == role}
            if len(meanings) != 1 or role in facts.values:
                continue
            (meaning,) = meanings
            text = next(facts.title[claim.start : claim.end].lower() for claim in claims if claim.role == role)
            # "Silicone" is kept as written if no field has values for the role.
            own = role in (COLOUR, MATERIAL) and role not in self._catalog.fields
            text = find_shade(facts.title, text) if role == COLOUR else text
            found[role] = text if own else vocabulary.value_of(role, meaning)
        return facts.with_values({role: value for role, value in found.items() if value})

    def split_colours(self, facts: Facts) -> Facts:
        """Split a colour field at its commas and drop parts that name no colour or material, such as "Dog,golden"."""
        values = [_PLACE.sub("", value) for value in facts.values.get(COLOUR, ())]
        parts = [part.strip() for value in values for part in value.split(",")]
        claims = {part: self._catalog.vocabulary.claims(part) for part in parts}
        known = [
            part
            for part in parts
            if any(claim.role in QUALITIES for claim in claims[part])
            and any(claim.meanings & FAMILY_NAMES for claim in claims[part])
        ]
        return replace(facts, values={**facts.values, COLOUR: tuple(known)}) if known else facts

    def resolve_type(self, facts: Facts) -> Facts:
        """Turn a type that is a department ("tv, audio & cameras") into a category."""
        value = facts.first(TYPE)
        if not value:
            return facts
        kind = self._catalog.kind_of(value, facts.field_of(TYPE), facts.title)
        if kind == value:
            return facts
        values = {role: found for role, found in facts.values.items() if role != TYPE}
        if kind:
            values[TYPE] = (kind, value)
        else:
            values[CATEGORY] = tuple(dict.fromkeys((*facts.values.get(CATEGORY, ()), value)))
        return replace(facts, values=values)

    def add_picture(self, facts: Facts, picture: Picture, caption: str, alone: bool) -> Facts:
        """Add values that the picture shows reliably, for roles without a value."""
        roles = [role for role in _SEEN_ROLES if role not in facts.values]
        if facts.title and TYPE in roles:
            roles.remove(TYPE)
        read = self._pictures.read(roles, picture.vector, picture.image, caption)
        reliable = {
            role: reading.value
            for role, reading in read.items()
            if reading.probability >= self._min_probability(role, alone)
        }
        return facts.with_values(reliable)

    def _min_probability(self, role: str, alone: bool) -> float:
        """Return the minimum probability for using a value read from the picture, as measured on the store's items.

        alone: Whether only the picture is known. Then unmeasured types and colours are used too; otherwise never.
        """
        measured = self._catalog.discriminants.get(role)
        if measured is not None:
            return measured.threshold
        return DEFAULT_THRESHOLDS.get(role, NEVER) if alone else NEVER

    def choose_noun(self, facts: Facts, title: TitleReading, caption: str) -> tuple[Facts, str]:
        """Return the facts and the noun for the product, "" if its type is unknown."""
        kind = facts.first(TYPE)
        if not kind:
            if facts.title or not caption:
                return facts, title.noun
            return facts, find_caption_noun(caption, self._catalog.vocabulary)
        own = self._catalog.vocabulary.nouns(kind)
        noun = own[0] if own[0].isupper() else lower_first(own[0])
        if not title.head:
            return facts, noun
        head = title.head.lower()
        if head in type_forms(kind):
            # "Shoes" is less specific than the type "casual shoes"; "slim fit shirt" is more specific than "shirt".
            short = head not in {kind.lower(), singular(kind.lower())} and " " in noun and " " not in title.noun
            return facts, noun if short else title.noun
        named = {value for claim in self._catalog.vocabulary.claims_of(TYPE, head) for value in claim.meanings}
        if not named or kind.lower() in named or head in own:
            return facts, noun
        # The title takes precedence: "flats" filed under heels are called flats.
        types = tuple(dict.fromkeys((*facts.values[TYPE], title.head, *named)))
        return replace(facts, values={**facts.values, TYPE: types}), title.noun
