"""The embedded writer: composes sentences from facts, with wording that varies between products.

The wording is deterministic per product. The text contains only given facts, so it is as accurate as they are.
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

# A purpose is general knowledge, so it is only added to short texts.
_ENOUGH_WORDS = 40
_MIN_BULLETS, _MAX_BULLETS = 4, 6
_MAX_BULLET_WORDS = 16


class Composer:
    """Writes descriptions from sentence templates."""

    def __init__(self, options: WriterOptions | None = None) -> None:
        self.name = "coca" if options is None else options.name

    def write(self, brief: Brief, faults: Sequence[str] = ()) -> str:
        """Return a text within the brief's word limit; equal briefs give equal texts."""
        draft = _Draft(brief)
        if brief.style is Style.BULLETS:
            return _truncate(
                [BULLET + line for line in draft.bullets()], brief.max_words, "\n"
            ) or BULLET + draft.shortest(1)
        for lead in draft.leads():
            if count_words(lead) <= brief.max_words:
                return _fix_end(draft.paragraph(lead))
        return _fix_end(draft.shortest() + ".")


class _Draft(OpeningSentences):
    """The draft of one product's description."""

    def leads(self) -> list[str]:
        """Return first sentences, the preferred one first, then ever shorter ones."""
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
        candidates = (first, *sorted(found, key=count_words), *shorter, *whole, *title)
        choices = [sentence for sentence in candidates if sentence]
        if self._brief.style is Style.SHORT and choices:
            choices = [
                f"{choices[0][:-1]}, {sentence[0].lower()}{sentence[1:]}" for sentence in self._audience_sentences()
            ] + choices
        return choices

    def paragraph(self, lead: str) -> str:
        """Return the lead and the sentences after it; the most important ones are chosen first."""
        if self._brief.style is Style.SHORT:
            return lead
        details = self._details
        groups: list[list[str]] = [
            [detail.sentence for detail in group]
            for group in (
                [] if self._has_material else details.material(),
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
        if lead in self._own_sentences():
            # The shop's own sentences continue the lead; facts come at the end.
            facts, figures = [], facts
        else:
            figures = []
        late = [detail.sentence for detail in details.occasion() if detail.sentence]
        others = [detail.sentence for detail in details.others()]
        audience = self._audience_sentences()
        room = self._brief.max_words - count_words(" ".join([lead, *audience]))
        ranked = [*facts, *self._new_own_sentences(" ".join([lead, *facts])), *figures, *late, *others]
        kept: list[str] = []
        for sentence in ranked:
            if count_words(sentence) <= room:
                kept.append(sentence)
                room -= count_words(sentence)
        text = [lead, *kept]
        # General knowledge comes last, and only if the shop has no description.
        spare = [] if self._own_sentences() else [*details.department(), *details.purpose()]
        for detail in spare if self._brief.facts.words else []:
            if count_words(" ".join(text)) < _ENOUGH_WORDS and count_words(detail.sentence) <= room:
                text.append(detail.sentence)
                room -= count_words(detail.sentence)
        if self._number // 5 % 2 and late and late[0] in text:
            # Vary the order: occasion first, or features first.
            text.remove(late[0])
            text.insert(1, late[0])
        return " ".join([*text, *audience])

    def bullets(self) -> list[str]:
        """Return one bullet per fact, without dashes."""
        details, facts = self._details, self._brief.facts
        name = self._brief.title.name
        first = (
            join_words(self._phrase(), f"by {self._brand}" if self._brand and not name else "") if self._noun else ""
        )
        if name and first:
            first = f"{name}: {article(first) if not (self._many or self._pair) else first}"
        found = [Detail("", capitalise(first) if not name else first)] if first else []
        if not found and facts.title:
            found = [Detail("", facts.title)]
        if self._colours and not self._has_colour:
            found.append(Detail("", f"Colour: {join_list_words(self._colours)}"))
        if not self._has_material:
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
        if self._target_group:
            found.append(Detail("", f"For {self._target_group}"))
        found += [*details.occasion(), *details.origin()]
        quotes = [Detail("", sentence.rstrip(".")) for sentence in self._own_sentences()]
        found += [detail for detail in quotes if count_words(detail.bullet) <= _MAX_BULLET_WORDS]
        found += details.others()
        if len(found) < _MIN_BULLETS and facts.words:
            found += details.purpose()
        audience = [Detail("", sentence.rstrip(".")) for sentence in self._audience_sentences()]
        found = [*without_repeats(found)[: _MAX_BULLETS - len(audience)], *audience]
        return [detail.bullet for detail in found] or [capitalise(facts.first(CATEGORY) or "Item")]

    def shortest(self, used: int = 0) -> str:
        """Return the shortest possible text, truncated to the word limit. used: words already used."""
        facts = self._brief.facts
        colour = self._colours[0] if self._colours else ""
        words = join_words(colour, self._noun) or facts.title or facts.first(CATEGORY) or "Item"
        return capitalise(" ".join(words.split()[-max(1, self._brief.max_words - used) :]))

    def _accent(self) -> list[Detail]:
        """Return the second colour, unless another sentence mentions it, as in "it comes with a black base"."""
        accent = self._brief.facts.first(ACCENT).lower()
        names = (accent, *FAMILIES[COLOUR].get(accent, ()))
        others = " ".join([*self._brief.own_sentences, *self._brief.title.features]).lower()
        mentioned = any(re.search(rf"(?<![\w-]){re.escape(name)}(?!\w)", others) for name in names)
        return [] if mentioned else self._details.accent()

    def _new_own_sentences(self, text: str) -> list[str]:
        """Return the shop's own sentences that add something to the text."""
        known = set(re.findall(r"\w{4,}", text.lower()))
        found = []
        for sentence in self._own_sentences():
            if sentence in text:
                continue
            words = set(re.findall(r"\w{4,}", sentence.lower()))
            if len(words - known) >= max(1, len(words) / 3) or not words:
                found.append(sentence)
                known |= words
        return found


_FUNCTION_WORDS = frozenset(
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


def _fix_end(text: str) -> str:
    """Remove the second full stop after a name that ends with one: "U.S. Polo Assn.."."""
    return re.sub(r"(?<!\.)\.\.(?=\s|$)", ".", text)


def _truncate(pieces: Sequence[str], max_words: int, separator: str) -> str:
    """Join the pieces that fit into the word limit."""
    kept: list[str] = []
    for piece in pieces:
        if count_words(" ".join([*kept, piece])) <= max_words:
            kept.append(piece)
    return separator.join(kept)


def _repeats(sentence: str, lead: str) -> bool:
    """Return whether a sentence adds nothing to the first one."""
    listing = re.search(r"\b(?:with|include|offers?) (.+?)(?:,| and |\.)", sentence)
    if listing and listing[1] in lead:
        return True
    words = {word for word in re.findall(r"[\w.]+", sentence.lower().rstrip(".")) if word not in _FUNCTION_WORDS}
    return words <= set(re.findall(r"[\w.]+", lead.lower().rstrip(".")))
