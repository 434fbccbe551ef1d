"""A title cut into parts: its first words, what stands behind "with" and "for", and the rest of its list.

Advertising is left out, and so are the last words of a title that was cut off.
"""

import re
from dataclasses import dataclass

from engine.descriptions.grammar import join_list_words
from engine.descriptions.lexicon import TRAITS

EDGE = " .,;:-–—|/&+*#'\"“”"
"""What a part may begin and end with, and does not in a sentence."""

_SEGMENT = re.compile(r"\s*[|;•/]{1,2}\s+|\s*\|+\s*|\s+[-–—:]+\s+|\s+I\s+|,\s+|\s*[()\[\]]\s*|\s+&&\s+")
_BRACKETED = re.compile(r"\s*\(([^()]*)\)\s*(?=[\w(])")
_SIGNS = re.compile("[®™©]")
_LETTER = re.compile(r"\b(USB|Type)[ -]?C\b", re.IGNORECASE)
_EAR = re.compile(r"\b(in|on|over)[- ](?:the[- ])?ear\b", re.IGNORECASE)
_CUT = re.compile(
    r"\s+(with|w/|compatible (?:with|for)|suitable for|designed for|for)\s+|\s+(compatible|suitable)$", re.IGNORECASE
)
PROMOTION = re.compile(
    r"\b(whatsapp|query|queries|pls|please|offers?|emi|sale|discount|must|same|match|exactly|buy|free|best|original|"
    r"genuine|shipping|delivery|price|(?:amazon )?brand|bis|certified|made in|call|not)\b|@|[!?₹$€]",
    re.IGNORECASE,
)
_OF_SHOP = re.compile(r"^(?:amazon )?brand$|whatsapp", re.IGNORECASE)
_PACK = re.compile(r"\b(?:(?:pack|set|box|combo)\s+of\s+(\d+)|(\d+)\s*(?:pcs|pieces|-?pack))\b", re.IGNORECASE)
_FITS = re.compile(r"^(?:compatible (?:with|for)|suitable for|designed for|works with|fits)\s+", re.IGNORECASE)
_ENDING = re.compile(r"\s*(?:\.{2,}|…)\s*$")
_MOST_MORE = 3

Tail = tuple[str, str]
"""A word such as "with" or "for", "" where there is none, and what stands behind it."""


@dataclass(frozen=True, slots=True)
class TitleSegments:
    """core: the first words.   tails: what stands behind "with" and "for" in them.   rest: further parts.

    pack: how many there are, "" if the title does not say.
    """

    core: str = ""
    tails: tuple[Tail, ...] = ()
    rest: tuple[str, ...] = ()
    pack: str = ""


def cut_title(title: str) -> TitleSegments:
    """Return the parts of a title, empty ones where nothing is left of it."""
    whole = _EAR.sub(r"\1-ear", title)
    whole = _LETTER.sub(r"\1-C", _ENDING.sub("", _SIGNS.sub("", whole)))
    # What stands in brackets within the first words is no end of them.
    inner = _BRACKETED.findall(whole)
    segments = _parts(_BRACKETED.sub(" ", whole))
    cut = _ENDING.search(title) is not None
    lone = cut and len(segments) == 1
    if cut and segments:
        # The last words were cut off, the end of one of them perhaps too.
        last = segments.pop()
        if not segments:
            segments = [" ".join(last.split()[:-1])]
    segments += [part for text in inner for part in _parts(text)]
    segments = [
        part
        for place, part in enumerate(segments)
        if part and not _OF_SHOP.search(part) and (place == 0 or not PROMOTION.search(part))
    ]
    pack = next((found[1] or found[2] for found in map(_PACK.search, segments) if found), "")
    segments = [part for part in segments if _PACK.sub(" ", part).strip()]
    if not segments:
        return TitleSegments()
    core, tails = split_tails(segments[0])
    return TitleSegments(core, tuple(tails[:-1] if lone else tails), tuple(segments[1:]), pack)


def join_list(tails: list[Tail], rest: list[str]) -> tuple[list[Tail], list[str]]:
    """Return both with a list after "for" made whole: "for bed, sofa and floor" is parted by commas too."""
    if not tails or tails[-1][0] in ("with", "w/") or not rest or rest[0].lower().startswith("with "):
        return tails, rest
    word, first = tails[-1]
    others: list[str] = []
    for part in rest[:_MOST_MORE]:
        short = len(part.split()) <= 2 and len(first.split()) <= 2
        if TRAITS.match(part) or (not short and part.split()[0] != first.split()[0]):
            break
        others.append(part)
    if not others:
        return tails, rest
    joined = re.search(r" (?:and|&) ", others[-1]) is not None
    whole = ", ".join([first, *others]) if joined else join_list_words([first, *others])
    return [*tails[:-1], (word, whole)], rest[len(others) :]


def split_segment(segment: str) -> list[Tail]:
    """Return a part of the list by the word that it begins with, and what stands behind such words within it."""
    if found := _FITS.match(segment):
        return [("compatible", segment[found.end() :])]
    for word in ("for", "with"):
        if segment.lower().startswith(f"{word} "):
            return [(word, segment[len(word) + 1 :])]
    text, tails = split_tails(segment)
    return [("", text), *tails]


def split_tails(text: str) -> tuple[str, list[Tail]]:
    """Return what stands before "with" and "for", and what stands behind each."""
    text = _PACK.sub(" ", text)
    found = list(_CUT.finditer(text))
    found = [match for match in found if match.start() > 0]
    if not found:
        return text.strip(), []
    tails = []
    for match, after in zip(found, [*found[1:], None], strict=True):
        piece = text[match.end() : after.start() if after else len(text)].strip(EDGE)
        if piece:
            tails.append(((match[1] or match[2]).lower(), piece))
    return text[: found[0].start()].strip(), tails


def _parts(text: str) -> list[str]:
    cut = [part for one in _SEGMENT.split(text) for part in _listed_parts(one.strip(EDGE))]
    return [part for part in cut if part]


def _listed_parts(segment: str) -> list[str]:
    """Return the parts of a list between strokes ("16GB/512GB SSD/Win 11"), the segment itself where it is none."""
    parts = [part.strip() for part in segment.split("/")]
    return parts if len(parts) > 2 and len(parts[0].split()) < 3 else [segment]


def without_noun(piece: str, noun: str) -> str:
    """Return what a thing is for without the thing itself, which titles like to say again: "iPhone 11 screen guard"."""
    words, nouns = piece.split(), {word.lower() for word in noun.split()}
    kept = next((place for place, word in enumerate(words) if word.lower() in nouns and place), len(words))
    return " ".join(words[:kept]).strip(EDGE) if kept and words[0].lower() not in nouns else ""


def strokes(text: str) -> str:
    """Return "Galaxy M31 / F41 / M31s" as a list in words."""
    parts = [part.strip() for part in text.split(" / ") if part.strip()]
    return join_list_words(parts) if len(parts) > 1 else text
