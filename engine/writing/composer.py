"""The embedded writer: sentences put together from facts, in words that vary from one product to the next.

The same product gets the same words. Nothing is said that was not told, so a text is as right as what is known.
"""

import hashlib
import re
from collections.abc import Sequence

from engine.writing.checking import BULLET
from engine.writing.facts import ACCENT, BRAND, CATEGORY, COLOUR, FOR, MATERIAL, PATTERN, TYPE
from engine.writing.grammar import capital, count_words, is_plural
from engine.writing.writer import Brief, Style, WriterOptions

_SAYINGS = {Style.SHORT: 0, Style.LONG: 2, Style.BULLETS: 3}
_AUDIENCES = ("A good choice for {}.", "Well suited to {}.", "Chosen with {} in mind.")
_TARGETS = {
    "men": "men",
    "women": "women",
    "boys": "boys",
    "girls": "girls",
    "kids": "children",
    "children": "children",
}
_MULTI = ("multi", "multicolour", "multicolor")
_ODD = re.compile(r"[\d,;/%()]")
# A fabric is spun of several, and a list of them is no word before a noun.
_LONGEST_ADJECTIVE = 3
_LONGEST_AUDIENCE = 12


class Composer:
    """Writes by a grammar. `name` is that of the captioner whose captions it is told."""

    def __init__(self, options: WriterOptions | None = None) -> None:
        self.name = "coca" if options is None else options.name

    def write(self, brief: Brief, faults: Sequence[str] = ()) -> str:
        """Return a text within the brief's words; the same brief gives the same text."""
        draft = _Draft(brief)
        if brief.style is Style.BULLETS:
            return _within([BULLET + line for line in draft.lines()], brief.max_words, "\n") or BULLET + draft.least(1)
        for lead in draft.leads():
            if count_words(lead) <= brief.max_words:
                return _within([lead, *draft.rest()], brief.max_words, " ")
        return draft.least() + "."


class _Draft:
    """The phrases for one product."""

    def __init__(self, brief: Brief) -> None:
        self._brief = brief
        facts = brief.facts
        self._noun = brief.noun
        self._many = is_plural(brief.noun) if brief.noun else False
        self._colour = _colour(facts.first(COLOUR))
        self._accent = "" if facts.first(ACCENT).lower() == self._colour else _colour(facts.first(ACCENT))
        self._pattern = _adjective(facts.first(PATTERN))
        self._material = facts.first(MATERIAL).lower()
        self._spun = _adjective(facts.first(MATERIAL))
        self._brand = facts.first(BRAND)
        self._target = _TARGETS.get(facts.first(FOR).lower(), "")
        self._number = int.from_bytes(hashlib.sha256(brief.seed.encode()).digest()[:8], "big")

    def leads(self) -> list[str]:
        """Return first sentences, the wished one first, then ever shorter ones."""
        if not self._noun or not (self._colour or self._material or self._pattern):
            return self._plain_leads()
        full = self._full_leads()
        found = [full[self._number % len(full)]]
        if self._brief.style is Style.SHORT:
            found = [f"{found[0][:-1]}, {whom[0].lower()}{whom[1:]}" for whom in self._for_whom()] + found
        brand, colour = self._brand, self._colour
        this = "These" if self._many else "This"
        if brand and colour:
            found.append(f"{this} {_words(self._spun, self._noun)} from {brand} {self._comes} in {colour}.")
        if colour:
            found.append(f"{this} {_words(self._noun)} {self._comes} in {colour}.")
        found.append(capital(_words(colour, self._noun)) + ".")
        return found

    def rest(self) -> list[str]:
        """Return the sentences that follow the first."""
        if self._brief.style is Style.SHORT:
            return []
        sayings = list(self._sayings())
        found = sayings[:]
        if not sayings and self._told_apart:
            found.append(f"{'They are' if self._many else 'It is'} made of {self._material}.")
        return [*found, *self._for_whom()]

    def lines(self) -> list[str]:
        """Return the bullets, without their dashes."""
        facts = self._brief.facts
        found = [capital(self._phrase(colour=True, material=True))] if self._noun else []
        if facts.title and not (self._colour or self._material or self._pattern):
            found.insert(0, facts.title)
        if self._material and not self._spun:
            found.append(f"Made of {self._material}")
        if self._accent:
            found.append(f"{capital(self._accent)} accents")
        if self._brand:
            found.append(f"Made by {self._brand}")
        if self._target:
            found.append(f"For {self._target}")
        found += [saying.rstrip(".") for saying in self._sayings()]
        found += [sentence.rstrip(".") for sentence in self._for_whom()]
        return found or [capital(facts.first(CATEGORY) or "Item")]

    def least(self, taken: int = 0) -> str:
        """Return the shortest thing to say, within the words allowed whatever they are. taken: words that stand."""
        facts = self._brief.facts
        words = _words(self._colour, self._noun) or facts.title or facts.first(CATEGORY) or "Item"
        return capital(" ".join(words.split()[-max(1, self._brief.max_words - taken) :]))

    @property
    def _comes(self) -> str:
        return "come" if self._many else "comes"

    @property
    def _told_apart(self) -> bool:
        """Whether the material has a sentence of its own, for nothing else follows the first one."""
        return bool(self._material) and self._brief.style is Style.LONG and not self._sayings()

    def _phrase(self, colour: bool, material: bool) -> str:
        """Return adjectives and noun, and whom it is for: red striped ceramic mug."""
        told = material and not self._told_apart
        return _words(
            self._pattern if self._pattern == "plain" else "",
            self._colour if colour else "",
            "" if self._pattern == "plain" else self._pattern,
            self._spun if told else "",
            self._noun,
            f"for {self._target}" if self._target else "",
        )

    def _full_leads(self) -> list[str]:
        this, these = ("these", "These") if self._many else ("this", "This")
        accent = f" with {self._accent} accents" if self._accent and self._brief.style is Style.LONG else ""
        brand, colour = self._brand, self._colour
        of_brand = f" from {brand}" if brand else ""
        bare, whole = self._phrase(colour=False, material=True), self._phrase(colour=True, material=True)
        found = []
        if colour:
            found.append(f"{these} {bare}{of_brand} {self._comes} in {colour}{accent}.")
        if brand:
            found.append(f"From {brand} {self._comes} {this} {whole}{',' if accent else ''}{accent}.")
            if colour and self._spun and not self._told_apart:
                without = self._phrase(colour=False, material=False)
                found.append(f"{brand} makes {this} {without} in {colour} {self._spun}{accent}.")
        elif colour and self._spun and not self._told_apart:
            without = self._phrase(colour=False, material=False)
            verb = "are" if self._many else "is"
            found.append(f"{these} {without} {verb} made of {colour} {self._spun}{accent}.")
        if not found:
            found.append(f"{these} {bare} {self._comes} from {brand}." if brand else f"{capital(whole)}.")
        return found

    def _plain_leads(self) -> list[str]:
        """Return first sentences for a product of which hardly more is known than its name and its kind."""
        facts = self._brief.facts
        kind, place = facts.first(TYPE) or self._noun, facts.first(CATEGORY)
        where = f"under {kind}" if kind else ""
        if place and place.lower() != kind.lower():
            where += f"{', ' if where else ''}in our {place} department"
        name = facts.title or "this"
        found = [f"You will find {name} {where}."] if where else []
        if self._brand and self._noun and not facts.title:
            found.insert(0, f"{'These' if self._many else 'This'} {self._noun} {self._comes} from {self._brand}.")
        found += [f"{capital(one)}." for one in (facts.title, kind) if one]
        if self._brief.style is Style.SHORT and found:
            found = [f"{found[0][:-1]}, {whom[0].lower()}{whom[1:]}" for whom in self._for_whom()] + found
        return found or ["Item."]

    def _sayings(self) -> list[str]:
        """Return as many of the sayings as the style takes, others for another product."""
        sayings, most = list(self._brief.sayings), _SAYINGS[self._brief.style]
        if len(sayings) > most:
            start = self._number // 7 % len(sayings)
            sayings = [*sayings[start:], *sayings[:start]][:most]
        return sayings

    def _for_whom(self) -> list[str]:
        audience = " ".join(self._brief.audience.split()).strip(" .!,;:")
        audience = re.sub(r"^for ", "", audience, flags=re.IGNORECASE)
        if not audience or count_words(audience) > _LONGEST_AUDIENCE:
            return []
        return [_AUDIENCES[self._number // 11 % len(_AUDIENCES)].format(audience)]


def _within(pieces: Sequence[str], max_words: int, between: str) -> str:
    kept: list[str] = []
    for piece in pieces:
        if count_words(" ".join([*kept, piece])) <= max_words:
            kept.append(piece)
    return between.join(kept)


def _words(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def _colour(value: str) -> str:
    low = value.lower()
    return "multicoloured" if low in _MULTI else low if count_words(low) <= _LONGEST_ADJECTIVE else ""


def _adjective(value: str) -> str:
    """Return a value as a word before a noun, "" if it is none: a list, a share, a thing of many."""
    low = value.lower()
    return "" if _ODD.search(low) or is_plural(low) or count_words(low) > _LONGEST_ADJECTIVE else low
