"""The embedded writer: sentences put together from facts, in words that vary from one product to the next.

The same product gets the same words. Nothing is said that was not told, so a text is as right as what is known.
"""

import re
from collections.abc import Sequence

from engine.descriptions.details import Detail, without_repeats
from engine.descriptions.fact_check import BULLET
from engine.descriptions.facts import ACCENT, CATEGORY, COLOUR
from engine.descriptions.grammar import (
    article,
    capitalise,
    count_words,
    join_list_words,
)
from engine.descriptions.opening_sentences import OpeningSentences
from engine.descriptions.synonyms import FAMILIES
from engine.descriptions.value_phrases import join_words
from engine.descriptions.writer import Brief, Style, WriterOptions

# A purpose says what anybody knows; it is told where little else is.
_ENOUGH_WORDS = 40
_LEAST_BULLETS, _MOST_BULLETS = 4, 6
_LONGEST_BULLET = 16


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
                return _ended(draft.told(lead))
        return _ended(draft.least() + ".")


class _Draft(OpeningSentences):
    """A description of one product in the making."""

    def leads(self) -> list[str]:
        """Return first sentences, the wished one first, then ever shorter ones."""
        found = self._own_leads()
        if not found:
            found = self._named_leads() or self._branded_leads() if self._noun else self._bare_leads()
        first = found[self._number % len(found)] if found else ""
        shorter = (
            [f"{self._these} {join_words(self._noun)} {self._comes} in {self._colours[0]}."]
            if (self._noun and self._colours)
            else []
        )
        whole = [capitalise(f"{self._phrase()}.")] if self._noun else []
        title = [f"{self._brief.facts.title}."] if self._brief.facts.title and not self._noun else []
        choices = [one for one in (first, *sorted(found, key=count_words), *shorter, *whole, *title) if one]
        if self._brief.style is Style.SHORT and choices:
            choices = [f"{choices[0][:-1]}, {whom[0].lower()}{whom[1:]}" for whom in self._for_whom()] + choices
        return choices

    def told(self, lead: str) -> str:
        """Return the lead and what follows it: what is most worth telling is chosen first."""
        if self._brief.style is Style.SHORT:
            return lead
        details = self._details
        groups: list[list[str]] = [
            [one.sentence for one in found]
            for found in (
                [] if self._tells_material else details.material(),
                self._accent(),
                details.features(),
                details.traits(),
                details.fits(),
                details.pack(),
                details.size(),
                details.origin(),
            )
        ]
        facts = [sentence for group in groups for sentence in group if sentence and not _repeats(sentence, lead)]
        if lead in self._sayings():
            # Its own words go on first, and figures come at the end.
            facts, figures = [], facts
        else:
            figures = []
        late = [one.sentence for one in details.occasion() if one.sentence]
        others = [one.sentence for one in details.others()]
        audience = self._for_whom()
        room = self._brief.max_words - count_words(" ".join([lead, *audience]))
        ranked = [*facts, *self._new_sayings(" ".join([lead, *facts])), *figures, *late, *others]
        kept: list[str] = []
        for sentence in ranked:
            if count_words(sentence) <= room:
                kept.append(sentence)
                room -= count_words(sentence)
        text = [lead, *kept]
        # What anybody knows comes last, and only where the shop itself says little.
        spare = [] if self._sayings() else [*details.department(), *details.purpose()]
        for one in spare if self._brief.facts.words else []:
            if count_words(" ".join(text)) < _ENOUGH_WORDS and count_words(one.sentence) <= room:
                text.append(one.sentence)
                room -= count_words(one.sentence)
        if self._number // 5 % 2 and late and late[0] in text:
            # What it is for, or what it has: either may come first.
            text.remove(late[0])
            text.insert(1, late[0])
        return " ".join([*text, *audience])

    def lines(self) -> list[str]:
        """Return the bullets, without their dashes, each of another fact."""
        details, facts = self._details, self._brief.facts
        name = self._brief.title.name
        first = (
            join_words(self._phrase(), f"by {self._brand}" if self._brand and not name else "") if self._noun else ""
        )
        if name and first:
            first = f"{name}: {article(first) if not (self._many or self._pair) else first}"
        found = [Detail("what", "", capitalise(first) if not name else first)] if first else []
        if not found and facts.title:
            found = [Detail("what", "", facts.title)]
        if self._colours and not self._tells_colour:
            found.append(Detail("colour", "", f"Colour: {join_list_words(self._colours)}"))
        if not self._tells_material:
            found += details.material()
        for more in (
            self._accent(),
            details.features(),
            details.traits(),
            details.size(),
            details.fits(),
            details.pack(),
        ):
            found += more
        if self._whom:
            found.append(Detail("whom", "", f"For {self._whom}"))
        found += [*details.occasion(), *details.origin()]
        sayings = [Detail("own", "", saying.rstrip(".")) for saying in self._sayings()]
        found += [one for one in sayings if count_words(one.bullet) <= _LONGEST_BULLET]
        found += details.others()
        if len(found) < _LEAST_BULLETS and facts.words:
            found += details.purpose()
        audience = [Detail("audience", "", sentence.rstrip(".")) for sentence in self._for_whom()]
        found = [*without_repeats(found)[: _MOST_BULLETS - len(audience)], *audience]
        return [one.bullet for one in found] or [capitalise(facts.first(CATEGORY) or "Item")]

    def least(self, taken: int = 0) -> str:
        """Return the shortest thing to say, within the words allowed whatever they are. taken: words that stand."""
        facts = self._brief.facts
        colour = self._colours[0] if self._colours else ""
        words = join_words(colour, self._noun) or facts.title or facts.first(CATEGORY) or "Item"
        return capitalise(" ".join(words.split()[-max(1, self._brief.max_words - taken) :]))

    def _accent(self) -> list[Detail]:
        """Return the second colour, where no other sentence says it of a part: "it comes with a black base"."""
        accent = self._brief.facts.first(ACCENT).lower()
        names = (accent, *FAMILIES[COLOUR].get(accent, ()))
        others = " ".join([*self._brief.sayings, *self._brief.title.features]).lower()
        said = any(re.search(rf"(?<![\w-]){re.escape(name)}(?!\w)", others) for name in names)
        return [] if said else self._details.accent()

    def _new_sayings(self, told: str) -> list[str]:
        """Return the sentences of the shop's own that add something to what is told already."""
        known = set(re.findall(r"\w{4,}", told.lower()))
        found = []
        for saying in self._sayings():
            if saying in told:
                continue
            words = set(re.findall(r"\w{4,}", saying.lower()))
            if len(words - known) >= max(1, len(words) / 3) or not words:
                found.append(saying)
                known |= words
        return found


_LITTLE_WORDS = frozenset(
    (
        "it",
        "they",
        "is",
        "are",
        "a",
        "an",
        "the",
        "of",
        "in",
        "its",
        "their",
        "and",
        "comes",
        "come",
        "with",
        "from",
        "holds",
        "weighs",
        "hold",
        "weigh",
        "capacity",
        "weight",
        "size",
        "offers",
        "offer",
        "features",
        "include",
        "made",
        "for",
        "material",
        "origin",
    )
)


def _ended(text: str) -> str:
    """Return a text without the second dot behind a name that ends with one: "U.S. Polo Assn.."."""
    return re.sub(r"(?<!\.)\.\.(?=\s|$)", ".", text)


def _within(pieces: Sequence[str], max_words: int, between: str) -> str:
    kept: list[str] = []
    for piece in pieces:
        if count_words(" ".join([*kept, piece])) <= max_words:
            kept.append(piece)
    return between.join(kept)


def _repeats(sentence: str, lead: str) -> bool:
    """Return whether a sentence says nothing that the first one does not."""
    listing = re.search(r"\b(?:with|include|offers?) (.+?)(?:,| and |\.)", sentence)
    if listing and listing[1] in lead:
        return True
    words = {word for word in re.findall(r"[\w.]+", sentence.lower().rstrip(".")) if word not in _LITTLE_WORDS}
    return words <= set(re.findall(r"[\w.]+", lead.lower().rstrip(".")))
