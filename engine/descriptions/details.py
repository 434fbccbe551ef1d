"""What is told of a product beside its name: each fact as a sentence and as a bullet, in words that vary."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.descriptions.facts import ACCENT, CATEGORY, MATERIAL, ORIGIN, SEASON, SIZE, USE, YEAR, Facts
from engine.descriptions.grammar import article, capitalise, is_plural, join_list_words, singular
from engine.descriptions.lexicon import COUNTABLE, NOUNS, PURPOSES
from engine.descriptions.title_reader import TitleReading

MOST_FEATURES, _MOST_AT_ONCE = 6, 3
_USES = {
    "casual": "casual wear",
    "formal": "formal occasions",
    "sports": "sports",
    "ethnic": "ethnic wear",
    "party": "parties",
    "travel": "travel",
    "smart casual": "smart casual wear",
    "home": "the home",
}
_MASSES = frozenset(("fabric", "paper", "cream", "oil", "milk", "juice", "light", "lighting", "soap", "cloth"))
_VOLUME = re.compile(r"^(?:ca\.?\s*|about )?[\d.,]+\s*(?:l|cl|ml|dl|litres?|liters?)$", re.IGNORECASE)
_WEIGHT = re.compile(r"^(?:ca\.?\s*|about )?[\d.,]+\s*(?:kg|g|oz|lb|lbs)$", re.IGNORECASE)
_LENGTH = re.compile(r"^(?:ca\.?\s*|about )?[\d.,x×* ]+\s*(?:cm|mm|m|in|inch|inches|ft)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Detail:
    """One fact. sentence: with its end.   bullet: without one.   rank: the lower, the sooner it is told."""

    topic: str
    sentence: str
    bullet: str


class Details:
    """The facts of one product, put in words. many: whether it is spoken of as many; number: what picks the words."""

    def __init__(self, facts: Facts, title: TitleReading, noun: str, many: bool, number: int) -> None:
        self._facts, self._title, self._noun, self._many, self._number = facts, title, noun, many, number

    def accent(self) -> list[Detail]:
        """Return the second colour, where it is another one."""
        accent = self._facts.first(ACCENT)
        if not accent or accent.lower() == self._facts.first("colour").lower():
            return []
        low = accent.lower()
        words = self._pick(
            f"{self.they} {self._verb('has', 'have')} {low} accents.",
            f"Accents in {low} set {self._verb('it', 'them')} off.",
            f"The accents are {low}.",
        )
        return [Detail("accent", words, f"Accents: {low}")]

    def material(self) -> list[Detail]:
        """Return what it is made of."""
        value = ", ".join(self._facts.values.get(MATERIAL, ()))
        if not value:
            return []
        low = value.lower() if len(value.split()) < 4 else value
        words = self._pick(f"{self.they} {self.are} made of {low}.", f"The material is {low}.")
        return [Detail("material", words, f"Material: {low}")]

    def features(self) -> list[Detail]:
        """Return what a title adds to the noun."""
        found = [article(one) if _is_one_thing(one) else one for one in self._title.features[:MOST_FEATURES]]
        if not found:
            return []
        half = len(found) if len(found) <= _MOST_AT_ONCE else (len(found) + 1) // 2
        said, more = join_list_words(found[:half]), join_list_words(found[half:])
        words = self._pick(
            f"{self.they} {self._verb('comes', 'come')} with {said}.",
            f"Features include {said}." if half > 1 else f"{self.they} {self._verb('comes', 'come')} with {said}.",
            f"{self.they} {self._verb('offers', 'offer')} {said}.",
        )
        if more:
            words = f"{words} {self.they} also {self._verb('offers', 'offer')} {more}."
        return [
            Detail(f"feature {place}", words if not place else "", capitalise(one))
            for place, one in enumerate(self._title.features[:MOST_FEATURES])
        ]

    def traits(self) -> list[Detail]:
        """Return the adjectives of the title."""
        found = self._title.traits[:MOST_FEATURES]
        said = join_list_words(found)
        return [Detail("traits", f"{self.they} {self.are} {said}.", capitalise(said))] if found else []

    def fits(self) -> list[Detail]:
        """Return what it goes with."""
        fits = self._title.fits
        if not fits:
            return []
        if self._title.compatible:
            words = f"{self.they} {self.are} compatible with {fits}."
            return [Detail("fits", words, f"Compatible with {fits}")]
        return [
            Detail("fits", self._pick(f"Made for {fits}.", f"{self.they} {self.are} made for {fits}."), f"For {fits}")
        ]

    def pack(self) -> list[Detail]:
        """Return how many there are."""
        pack = self._title.pack
        if not pack:
            return []
        words = self._pick(
            f"{self.they} {self._verb('comes', 'come')} in a pack of {pack}.",
            f"The pack holds {pack}.",
        )
        return [Detail("pack", words, f"Pack of {pack}")]

    def size(self) -> list[Detail]:
        """Return its measures, by what their units measure."""
        value = self._facts.first(SIZE)
        if not value:
            return []
        parts = [measure(part) for part in re.split(r",\s*(?=\D*\d)", value)]
        said = join_list_words([part for part in parts if part])
        if all(map(_VOLUME.match, parts)):
            words = self._pick(f"{self.they} {self._verb('holds', 'hold')} {said}.", f"The capacity is {said}.")
            return [Detail("size", words, f"Capacity: {said}")]
        if all(map(_WEIGHT.match, parts)):
            words = self._pick(f"The weight is {said}.", f"{self.they} {self._verb('weighs', 'weigh')} {said}.")
            return [Detail("size", words, f"Weight: {said}")]
        if all(map(_LENGTH.match, parts)):
            words = self._pick(
                f"{self.they} {self._verb('measures', 'measure')} {said}.",
                f"The size is {said}." if len(parts) == 1 else f"The sizes are {said}.",
                f"{capitalise(self._verb('its', 'their'))} dimensions are {said}."
                if "×" in said
                else f"The size is {said}.",
            )
            return [Detail("size", words, f"Size: {said}")]
        return [Detail("size", f"The size is {said}.", f"Size: {said}")]

    def occasion(self) -> list[Detail]:
        """Return what it is worn or used for, and the collection it is of."""
        use, season = (
            self._facts.first(USE),
            " ".join(part for part in (capitalise(self._facts.first(SEASON)), self._facts.first(YEAR)) if part),
        )
        use = _USES.get(use.lower(), f"{use.lower()} use" if use else "")
        it = self._verb("it", "they")
        belongs, found = self._verb("belongs", "belong"), []
        if use and season:
            words = self._pick(
                f"Suited to {use}, {it} {belongs} to the {season} collection.",
                f"{self.they} {self.are} suited to {use} and {self._come} from the {season} collection.",
                f"Part of the {season} collection, {it} {self.are} made for {use}.",
                f"{self.they} {self.are} designed for {use} and {self.are} part of the {season} range.",
            )
            found = [Detail("use", words, f"For {use}"), Detail("season", "", f"{season} collection")]
        elif use:
            found = [Detail("use", f"{self.they} {self.are} suited to {use}.", f"For {use}")]
        elif season:
            found = [Detail("season", f"{self.they} {belongs} to the {season} collection.", f"{season} collection")]
        return found

    def origin(self) -> list[Detail]:
        """Return the country it comes from."""
        origin = self._facts.first(ORIGIN)
        return (
            [Detail("origin", f"{self.they} {self._verb('comes', 'come')} from {origin}.", f"Origin: {origin}")]
            if origin
            else []
        )

    def department(self) -> list[Detail]:
        """Return where the shop keeps it."""
        place = self._facts.first(CATEGORY)
        if not place or place.lower() in self._noun.lower() or re.search(r"[,&/>]", place):
            return []
        place = re.sub(r"\btv\b", "TV", place.lower())
        it = self._verb("it", "them")
        words = self._pick(
            f"You will find {it} in our {place} department.",
            f"{self.they} {self.are} part of our {place} range.",
            f"Find {it} in our {place} department.",
        )
        return [Detail("department", words, f"Department: {place}")]

    def others(self) -> list[Detail]:
        """Return what further fields tell, by the names that the catalogue gives them."""
        return [
            Detail(f"other {label}", f"{capitalise(label)}: {value}.", f"{capitalise(label)}: {value}")
            for label, value in self._facts.others
        ]

    def purpose(self) -> list[Detail]:
        """Return what such things are for by definition, if that is known."""
        words = self._noun.lower().split()
        for start in range(len(words)):
            said = " ".join(words[start:])
            found = PURPOSES.get(said) or PURPOSES.get(singular(said))
            if found:
                sentence = self._pick(*found).format(it=self._verb("it", "them"))
                return [Detail("purpose", sentence, sentence.rstrip("."))]
        return []

    @property
    def they(self) -> str:
        """The subject of a sentence."""
        return "They" if self._many else "It"

    @property
    def _come(self) -> str:
        return self._verb("comes", "come")

    @property
    def are(self) -> str:
        """Is or are."""
        return "are" if self._many else "is"

    def _verb(self, one: str, many: str) -> str:
        return many if self._many else one

    def _pick(self, *sentences: str) -> str:
        self._number, place = divmod(self._number, len(sentences))
        return sentences[place]


def _is_one_thing(phrase: str) -> bool:
    """Return whether "a" belongs before a phrase: "a carry bag", but "fast charging"."""
    last = phrase.split(" ")[-1].lower()
    return (
        (last in NOUNS or last in COUNTABLE) and last not in _MASSES and not is_plural(last) and not phrase[0].isdigit()
    )


def measure(value: str) -> str:
    """Return a measure as it is printed: 133 × 37 cm, about 180 g."""
    value = re.sub(r"(?<=\d)\s?[x*]\s?(?=\d)", " × ", value.strip())
    value = re.sub(r"(?<=\d)(?=(?:cm|mm|ml|cl|dl|kg|g|l|m)\b)", " ", value)
    return re.sub(r"^ca\.?\s*", "about ", value, flags=re.IGNORECASE)


def without_repeats(details: Sequence[Detail]) -> list[Detail]:
    """Return the details, each bullet once."""
    return list({detail.bullet.lower(): detail for detail in details}.values())
