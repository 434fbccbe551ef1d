"""The facts about a product, each as a sentence and as a bullet, with varying wording."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from engine.descriptions.facts import ACCENT, CATEGORY, MATERIAL, ORIGIN, SEASON, SIZE, USE, YEAR, Facts
from engine.descriptions.grammar import article, capitalise, is_plural, join_list_words, singular
from engine.descriptions.lexicon import COUNTABLE, NOUNS, PURPOSES
from engine.descriptions.title_reader import TitleReading

MAX_FEATURES, _MAX_PER_SENTENCE = 6, 3
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
    """One fact, as a sentence with a full stop and as a bullet without one."""

    sentence: str
    bullet: str


class Details:
    """Renders the facts about one product. many: Whether it is plural. number: Selects the wording."""

    def __init__(self, facts: Facts, title: TitleReading, noun: str, many: bool, number: int) -> None:
        self._facts, self._title, self._noun, self._many, self._number = facts, title, noun, many, number

    def accent(self) -> list[Detail]:
        """Return the second colour if it differs from the first."""
        accent = self._facts.first(ACCENT)
        if not accent or accent.lower() == self._facts.first("colour").lower():
            return []
        accent = accent.lower()
        words = self._pick(
            f"{self.they} {self._verb('has', 'have')} {accent} accents.",
            f"Accents in {accent} set {self._verb('it', 'them')} off.",
            f"The accents are {accent}.",
        )
        return [Detail(words, f"Accents: {accent}")]

    def material(self) -> list[Detail]:
        """Return the material."""
        value = ", ".join(self._facts.values.get(MATERIAL, ()))
        if not value:
            return []
        material = value.lower() if len(value.split()) < 4 else value
        words = self._pick(f"{self.they} {self.are} made of {material}.", f"The material is {material}.")
        return [Detail(words, f"Material: {material}")]

    def features(self) -> list[Detail]:
        """Return the features in the title."""
        found = [article(text) if _takes_article(text) else text for text in self._title.features[:MAX_FEATURES]]
        if not found:
            return []
        half = len(found) if len(found) <= _MAX_PER_SENTENCE else (len(found) + 1) // 2
        listed, more = join_list_words(found[:half]), join_list_words(found[half:])
        words = self._pick(
            f"{self.they} {self._verb('comes', 'come')} with {listed}.",
            f"Features include {listed}." if half > 1 else f"{self.they} {self._verb('comes', 'come')} with {listed}.",
            f"{self.they} {self._verb('offers', 'offer')} {listed}.",
        )
        if more:
            words = f"{words} {self.they} also {self._verb('offers', 'offer')} {more}."
        return [
            Detail(words if not index else "", capitalise(feature))
            for index, feature in enumerate(self._title.features[:MAX_FEATURES])
        ]

    def traits(self) -> list[Detail]:
        """Return the adjectives in the title."""
        listed = join_list_words(self._title.traits[:MAX_FEATURES])
        return [Detail(f"{self.they} {self.are} {listed}.", capitalise(listed))] if listed else []

    def fits(self) -> list[Detail]:
        """Return what it is compatible with or made for."""
        fits = self._title.fits
        if not fits:
            return []
        if self._title.compatible:
            words = f"{self.they} {self.are} compatible with {fits}."
            return [Detail(words, f"Compatible with {fits}")]
        return [Detail(self._pick(f"Made for {fits}.", f"{self.they} {self.are} made for {fits}."), f"For {fits}")]

    def pack(self) -> list[Detail]:
        """Return the pack size."""
        pack = self._title.pack
        if not pack:
            return []
        words = self._pick(
            f"{self.they} {self._verb('comes', 'come')} in a pack of {pack}.",
            f"The pack holds {pack}.",
        )
        return [Detail(words, f"Pack of {pack}")]

    def size(self) -> list[Detail]:
        """Return its capacity, weight or size, depending on the unit."""
        value = self._facts.first(SIZE)
        if not value:
            return []
        parts = [measure(part) for part in re.split(r",\s*(?=\D*\d)", value)]
        measures = join_list_words([part for part in parts if part])
        if all(map(_VOLUME.match, parts)):
            words = self._pick(f"{self.they} {self._verb('holds', 'hold')} {measures}.", f"The capacity is {measures}.")
            return [Detail(words, f"Capacity: {measures}")]
        if all(map(_WEIGHT.match, parts)):
            words = self._pick(f"The weight is {measures}.", f"{self.they} {self._verb('weighs', 'weigh')} {measures}.")
            return [Detail(words, f"Weight: {measures}")]
        if all(map(_LENGTH.match, parts)):
            words = self._pick(
                f"{self.they} {self._verb('measures', 'measure')} {measures}.",
                f"The size is {measures}." if len(parts) == 1 else f"The sizes are {measures}.",
                f"{capitalise(self._verb('its', 'their'))} dimensions are {measures}."
                if "×" in measures
                else f"The size is {measures}.",
            )
            return [Detail(words, f"Size: {measures}")]
        return [Detail(f"The size is {measures}.", f"Size: {measures}")]

    def occasion(self) -> list[Detail]:
        """Return its occasion of use and its collection."""
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
            found = [Detail(words, f"For {use}"), Detail("", f"{season} collection")]
        elif use:
            found = [Detail(f"{self.they} {self.are} suited to {use}.", f"For {use}")]
        elif season:
            found = [Detail(f"{self.they} {belongs} to the {season} collection.", f"{season} collection")]
        return found

    def origin(self) -> list[Detail]:
        """Return the country of origin."""
        origin = self._facts.first(ORIGIN)
        return (
            [Detail(f"{self.they} {self._verb('comes', 'come')} from {origin}.", f"Origin: {origin}")] if origin else []
        )

    def department(self) -> list[Detail]:
        """Return its department in the shop."""
        department = self._facts.first(CATEGORY)
        if not department or department.lower() in self._noun.lower() or re.search(r"[,&/>]", department):
            return []
        department = re.sub(r"\btv\b", "TV", department.lower())
        it = self._verb("it", "them")
        words = self._pick(
            f"You will find {it} in our {department} department.",
            f"{self.they} {self.are} part of our {department} range.",
            f"Find {it} in our {department} department.",
        )
        return [Detail(words, f"Department: {department}")]

    def others(self) -> list[Detail]:
        """Return the values of further fields, labelled with their field names."""
        return [
            Detail(f"{capitalise(label)}: {value}.", f"{capitalise(label)}: {value}")
            for label, value in self._facts.others
        ]

    def purpose(self) -> list[Detail]:
        """Return the general purpose of its type, if known."""
        words = self._noun.lower().split()
        for start in range(len(words)):
            noun = " ".join(words[start:])
            found = PURPOSES.get(noun) or PURPOSES.get(singular(noun))
            if found:
                sentence = self._pick(*found).format(it=self._verb("it", "them"))
                return [Detail(sentence, sentence.rstrip("."))]
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

    def _verb(self, singular_form: str, plural_form: str) -> str:
        return plural_form if self._many else singular_form

    def _pick(self, *sentences: str) -> str:
        self._number, index = divmod(self._number, len(sentences))
        return sentences[index]


def _takes_article(phrase: str) -> bool:
    """Return whether a phrase takes an indefinite article: "a carry bag", but "fast charging"."""
    last = phrase.split(" ")[-1].lower()
    return (
        (last in NOUNS or last in COUNTABLE) and last not in _MASSES and not is_plural(last) and not phrase[0].isdigit()
    )


def measure(value: str) -> str:
    """Return a measure in printed form: 133 × 37 cm, about 180 g."""
    value = re.sub(r"(?<=\d)\s?[x*]\s?(?=\d)", " × ", value.strip())
    value = re.sub(r"(?<=\d)(?=(?:cm|mm|ml|cl|dl|kg|g|l|m)\b)", " ", value)
    return re.sub(r"^ca\.?\s*", "about ", value, flags=re.IGNORECASE)


def without_repeats(details: Sequence[Detail]) -> list[Detail]:
    """Return the details without repeated bullets."""
    return list({detail.bullet.lower(): detail for detail in details}.values())
