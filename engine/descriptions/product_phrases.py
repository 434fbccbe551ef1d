"""Phrases for one product: its noun phrase, number, colours, audience and own sentences."""

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
from engine.descriptions.title_words import WHOM
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
_LONGEST_AUDIENCE = 12
_NO_ADJECTIVES = frozenset(
    ("assorted colours", "natural", "pine", "bamboo", "beech", "birch", "oak", "ash", "aluminium")
)
_THEY = {"comes": "They come", "is": "They are", "has": "They have"}
_IT = re.compile(r"^It (comes|is|has)\b")


class ProductPhrases:
    """The phrases that sentences about one product are composed of."""

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
        whom = brief.title.whom or _TARGETS.get(facts.first(FOR).lower(), "")
        self._whom = "" if WHOM.search(self._noun) else whom
        self._details = Details(facts, brief.title, brief.noun, self._many or self._pair, self._number // 13)

    @property
    def _these(self) -> str:
        return "These" if self._many or self._pair else "This"

    @property
    def _comes(self) -> str:
        return "come" if self._many or self._pair else "comes"

    @property
    def _tells_colour(self) -> bool:
        return len(self._colours) == 1 and self._is_adjective(self._colours[0])

    @property
    def _tells_material(self) -> bool:
        return bool(self._noun) and bool(self._material)

    def _is_adjective(self, colour: str) -> bool:
        return (
            count_words(colour) <= 2
            and colour.islower()
            and not _FINISH.search(colour)
            and colour not in _NO_ADJECTIVES
        )

    def _phrase(self, colour: bool = True) -> str:
        """Return adjectives and noun: red striped ceramic mug."""
        plain = self._pattern == "plain"
        shade = self._colours[0] if colour and self._tells_colour else ""
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
        """Return what is behind the noun: the colour, where it is none that goes before it."""
        if self._tells_colour or not self._colours:
            return ""
        finishes = [colour for colour in self._colours if _FINISH.search(colour)]
        shades = [colour for colour in self._colours if colour not in finishes]
        shades = ["a natural colour" if shade == "natural" else shade for shade in shades]
        said = [f"in {join_list_words(shades)}"] if shades else []
        said += [f"with {article(join_list_words(finishes))} finish"] if finishes else []
        return " ".join(said)

    def _one(self, phrase: str) -> str:
        """Return a phrase with what goes before it: a mug, a pair of shoes, markers."""
        if self._pair:
            return f"a pair of {phrase}"
        return phrase if self._many else article(phrase)

    def _sayings(self) -> list[str]:
        if not (self._many or self._pair):
            return list(self._brief.sayings)
        return [_IT.sub(lambda found: _THEY[found[1]], saying) for saying in self._brief.sayings]

    def _for_whom(self) -> list[str]:
        audience = " ".join(self._brief.audience.split()).strip(" .!,;:")
        audience = re.sub(r"^for ", "", audience, flags=re.IGNORECASE)
        if not audience or count_words(audience) > _LONGEST_AUDIENCE:
            return []
        return [_AUDIENCES[self._number // 11 % len(_AUDIENCES)].format(audience)]
