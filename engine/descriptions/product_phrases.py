"""Phrases for one product: noun phrase, grammatical number, colours, audience and own sentences."""

import hashlib
import re

from engine.descriptions.details import Details
from engine.descriptions.facts import BRAND, COLOUR, FOR, MATERIAL, PATTERN
from engine.descriptions.grammar import (
    NO_PAIRS,
    PAIRS,
    article,
    count_words,
    head_of,
    is_many,
    join_list_words,
)
from engine.descriptions.title_words import TARGET_GROUP
from engine.descriptions.value_phrases import join_words, lower_colour, reorder_noun, to_adjective
from engine.descriptions.writer import Brief

_AUDIENCES = ("A good choice for {}.", "Well suited to {}.", "Chosen with {} in mind.")
_TARGETS = {
    "men": "men",
    "women": "women",
    "boys": "boys",
    "girls": "girls",
    "kids": "children",
    "children": "children",
    "unisex": "men and women",
}
_FINISH = re.compile(
    r"(?:plated|galvanised|varnished|anodised|painted|stained|lacquered|oiled|coated|effect|operated)$"
)
_MAX_AUDIENCE_WORDS = 12
_NO_ADJECTIVES = frozenset(
    ("assorted colours", "natural", "pine", "bamboo", "beech", "birch", "oak", "ash", "aluminium")
)
_THEY = {"comes": "They come", "is": "They are", "has": "They have"}
_IT = re.compile(r"^It (comes|is|has)\b")


class ProductPhrases:
    """Composes the phrases of sentences about one product."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        facts = brief.facts
        self._number = int.from_bytes(hashlib.sha256(brief.seed.encode()).digest()[:8], "big")
        self._noun = reorder_noun(brief.noun)
        self._many = is_many(self._noun) if self._noun else False
        self._pair = bool(self._noun) and head_of(self._noun).split(" ")[-1].lower() in PAIRS - NO_PAIRS
        self._colours = [
            lower_colour(part)
            for value in facts.values.get(COLOUR, ())
            for part in value.split(",")
            if part.lower() not in ("", "in")
        ]
        self._colours = list(dict.fromkeys(self._colours))
        self._material = to_adjective(facts.first(MATERIAL))
        self._pattern = to_adjective(facts.first(PATTERN))
        self._brand = brief.title.brand or facts.first(BRAND)
        target = brief.title.target_group or _TARGETS.get(facts.first(FOR).lower(), "")
        self._target_group = "" if TARGET_GROUP.search(self._noun) else target
        self._details = Details(facts, brief.title, brief.noun, self._many or self._pair, self._number // 13)

    @property
    def _these(self) -> str:
        return "These" if self._many or self._pair else "This"

    @property
    def _comes(self) -> str:
        return "come" if self._many or self._pair else "comes"

    @property
    def _has_colour(self) -> bool:
        return len(self._colours) == 1 and self._is_adjective(self._colours[0])

    @property
    def _has_material(self) -> bool:
        return bool(self._noun) and bool(self._material)

    def _is_adjective(self, colour: str) -> bool:
        return (
            count_words(colour) <= 2
            and colour.islower()
            and not _FINISH.search(colour)
            and colour not in _NO_ADJECTIVES
        )

    def _phrase(self, colour: bool = True) -> str:
        """Return adjectives and noun, such as "red striped ceramic mug"."""
        plain = self._pattern == "plain"
        shade = self._colours[0] if colour and self._has_colour else ""
        noun = self._noun
        if shade and shade in noun.lower().split():
            shade = ""
        return join_words(
            "plain" if plain else "",
            shade,
            "" if plain else self._pattern,
            "" if self._material in noun.lower() else self._material,
            noun,
        )

    def _tail(self) -> str:
        """Return the phrase after the noun: colours that cannot be adjectives before it."""
        if self._has_colour or not self._colours:
            return ""
        finishes = [colour for colour in self._colours if _FINISH.search(colour)]
        shades = [colour for colour in self._colours if colour not in finishes]
        shades = ["a natural colour" if shade == "natural" else shade for shade in shades]
        parts = [f"in {join_list_words(shades)}"] if shades else []
        parts += [f"with {article(join_list_words(finishes))} finish"] if finishes else []
        return " ".join(parts)

    def _with_article(self, phrase: str) -> str:
        """Return a phrase with its article: a mug, a pair of shoes, markers."""
        if self._pair:
            return f"a pair of {phrase}"
        return phrase if self._many else article(phrase)

    def _own_sentences(self) -> list[str]:
        if not (self._many or self._pair):
            return list(self._brief.own_sentences)
        return [_IT.sub(lambda found: _THEY[found[1]], sentence) for sentence in self._brief.own_sentences]

    def _audience_sentences(self) -> list[str]:
        audience = " ".join(self._brief.audience.split()).strip(" .!,;:")
        audience = re.sub(r"^for ", "", audience, flags=re.IGNORECASE)
        if not audience or count_words(audience) > _MAX_AUDIENCE_WORDS:
            return []
        return [_AUDIENCES[self._number // 11 % len(_AUDIENCES)].format(audience)]
