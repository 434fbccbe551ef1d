"""Texts cut into sentences and clauses, as places in the text, so that whatever is quoted is what was written."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

QUOTE_CHARACTERS = 160
"""The longest quote."""

# A dot within a number or an address ends no sentence, so it has to be followed by a blank or the end.
_BREAK = re.compile(r"(?<=[.!?;])[\"'”’)]*\s+|(?<=[。！？…；])[”’）]*|[\n\r]+")
_CLAUSE = re.compile(
    r",\s+|[，、~～]+|\s+[-–—]+\s+|\s+(?=(?:but|however|although|though|yet|except|while)\b)|(?=但是|可是|不过|就是|只是|然而)",
    re.I,
)
# Mail addresses, web addresses, and numbers long enough to ring somebody up or to name an order.
_PRIVATE = re.compile(
    r"[\w.+-]+@[\w-]+\.\w|https?://|www\.|(?:\+?\d[\s().-]?){7,}\d|\d{7,}|(?:微信|QQ|qq|vx|VX)[号:： ]*\w{5,}"
)
# A clause of less is quoted with its sentence; one of a bit more too, unless the sentence says the contrary as well.
_LEAST_WIDTH, _GOOD_WIDTH = 12, 30
_CONTRAST = re.compile(r"\b(?:but|however|although|though|yet|except|while)\b|但|可是|不过|就是|只是|然而", re.I)


@dataclass(frozen=True, slots=True)
class Clause:
    """text[start:end] of a review, and the number of its sentence."""

    start: int
    end: int
    sentence: int


def cut(text: str) -> list[Clause]:
    """Return the clauses of a text in order, blanks and ends of sentences aside; none for a text without words."""
    clauses = []
    for number, (start, end) in enumerate(_pieces(text, 0, len(text), _BREAK)):
        clauses += [Clause(first, last, number) for first, last in _pieces(text, start, end, _CLAUSE)]
    return clauses


def quote(text: str, clauses: Sequence[Clause], place: int) -> str:
    """Return what stands for a clause: it, or its sentence where it says little by itself; "" if nothing may be shown.

    It stands in the text just so, in QUOTE_CHARACTERS at most, and tells no address and no number of a person.
    """
    clause = clauses[place]
    start, end = clause.start, clause.end
    width = _width(text[start:end])
    if width < _GOOD_WIDTH:
        same = [other for other in clauses if other.sentence == clause.sentence]
        first, last = same[0].start, same[-1].end
        fits = last - first <= QUOTE_CHARACTERS
        if fits and (width < _LEAST_WIDTH or not _CONTRAST.search(text, first, last)):
            start, end = first, last
    found = text[start:end]
    if len(found) > QUOTE_CHARACTERS:
        found = found[:QUOTE_CHARACTERS]
        # Not in the middle of a word.
        found = found[: found.rfind(" ")] if " " in found[QUOTE_CHARACTERS // 2 :] else found
    found = found.strip()
    return "" if _PRIVATE.search(text[max(0, start - 20) : end + 20]) else found


def _pieces(text: str, start: int, end: int, between: re.Pattern[str]) -> list[tuple[int, int]]:
    found = []
    place = start
    for match in between.finditer(text, start, end):
        found.append((place, match.start()))
        place = match.end()
    found.append((place, end))
    kept = []
    for first, last in found:
        piece = text[first:last]
        first += len(piece) - len(piece.lstrip())
        last = first + len(piece.strip())
        if any(letter.isalnum() for letter in text[first:last]):
            kept.append((first, last))
    return kept


def _width(text: str) -> int:
    """Return about how much a text says: a sign of a writing without spaces counts twice."""
    return sum(2 if ord(letter) > 0x2E7F else 1 for letter in text)
