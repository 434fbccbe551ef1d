"""Segments of a title: the core, the phrases after "with" and "for", and further list entries.

Advertising is dropped, and so are the last words of a truncated title.
"""

import re
from dataclasses import dataclass

from engine.descriptions.grammar import join_list_words
from engine.descriptions.lexicon import TRAITS

EDGE = " .,;:-–—|/&+*#'\"“”"
"""Characters to strip from both ends of a segment."""

_SEGMENT = re.compile(r"\s*[|;•/]{1,2}\s+|\s*\|+\s*|\s+[-–—:]+\s+|\s+I\s+|,\s+|\s*[()\[\]]\s*|\s+&&\s+")
_BRACKETED = re.compile(r"\s*\(([^()]*)\)\s*(?=[\w(])")
_TRADEMARKS = re.compile("[®™©]")
_USB_C = re.compile(r"\b(USB|Type)[ -]?C\b", re.IGNORECASE)
_OVER_EAR = re.compile(r"\b(in|on|over)[- ](?:the[- ])?ear\b", re.IGNORECASE)
_PREPOSITION = re.compile(
    r"\s+(with|w/|compatible (?:with|for)|suitable for|designed for|for)\s+|\s+(compatible|suitable)$", re.IGNORECASE
)
PROMOTION = re.compile(
    r"\b(whatsapp|query|queries|pls|please|offers?|emi|sale|discount|must|same|match|exactly|buy|free|best|original|"
    r"genuine|shipping|delivery|price|(?:amazon )?brand|bis|certified|made in|call|not)\b|@|[!?₹$€]",
    re.IGNORECASE,
)
_SHOP_WORDS = re.compile(r"^(?:amazon )?brand$|whatsapp", re.IGNORECASE)
_PACK = re.compile(r"\b(?:(?:pack|set|box|combo)\s+of\s+(\d+)|(\d+)\s*(?:pcs|pieces|-?pack))\b", re.IGNORECASE)
_FITS = re.compile(r"^(?:compatible (?:with|for)|suitable for|designed for|works with|fits)\s+", re.IGNORECASE)
_ELLIPSIS = re.compile(r"\s*(?:\.{2,}|…)\s*$")
_MAX_JOINED = 3

Tail = tuple[str, str]
"""A preposition such as "with" or "for", "" for none, and the phrase after it."""


@dataclass(frozen=True, slots=True)
class TitleSegments:
    """The segments of one title.

    Attributes:
        core: The first segment, without its tails.
        tails: The phrases after "with" and "for" in the first segment.
        rest: Further segments.
        pack: The pack size, "" if not stated.
    """

    core: str = ""
    tails: tuple[Tail, ...] = ()
    rest: tuple[str, ...] = ()
    pack: str = ""


def cut_title(title: str) -> TitleSegments:
    """Return the segments of a title; all are empty if nothing is left."""
    whole = _OVER_EAR.sub(r"\1-ear", title)
    whole = _USB_C.sub(r"\1-C", _ELLIPSIS.sub("", _TRADEMARKS.sub("", whole)))
    # Brackets within the first segment do not end it.
    inner = _BRACKETED.findall(whole)
    segments = _split_parts(_BRACKETED.sub(" ", whole))
    cut = _ELLIPSIS.search(title) is not None
    lone = cut and len(segments) == 1
    if cut and segments:
        # A truncated title may end within a word.
        last = segments.pop()
        if not segments:
            segments = [" ".join(last.split()[:-1])]
    segments += [part for text in inner for part in _split_parts(text)]
    segments = [
        part
        for index, part in enumerate(segments)
        if part and not _SHOP_WORDS.search(part) and (index == 0 or not PROMOTION.search(part))
    ]
    pack = next((found[1] or found[2] for found in map(_PACK.search, segments) if found), "")
    segments = [part for part in segments if _PACK.sub(" ", part).strip()]
    if not segments:
        return TitleSegments()
    core, tails = split_tails(segments[0])
    return TitleSegments(core, tuple(tails[:-1] if lone else tails), tuple(segments[1:]), pack)


def join_list(tails: list[Tail], rest: list[str]) -> tuple[list[Tail], list[str]]:
    """Rejoin a list after "for" that was split at its commas: "for bed, sofa and floor"."""
    if not tails or tails[-1][0] in ("with", "w/") or not rest or rest[0].lower().startswith("with "):
        return tails, rest
    word, first = tails[-1]
    others: list[str] = []
    for part in rest[:_MAX_JOINED]:
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
    """Return the tails of a segment, including the preposition that it starts with."""
    if found := _FITS.match(segment):
        return [("compatible", segment[found.end() :])]
    for word in ("for", "with"):
        if segment.lower().startswith(f"{word} "):
            return [(word, segment[len(word) + 1 :])]
    text, tails = split_tails(segment)
    return [("", text), *tails]


def split_tails(text: str) -> tuple[str, list[Tail]]:
    """Return the text before "with" and "for", and the phrases after them."""
    text = _PACK.sub(" ", text)
    found = list(_PREPOSITION.finditer(text))
    found = [match for match in found if match.start() > 0]
    if not found:
        return text.strip(), []
    tails = []
    for match, after in zip(found, [*found[1:], None], strict=True):
        piece = text[match.end() : after.start() if after else len(text)].strip(EDGE)
        if piece:
            tails.append(((match[1] or match[2]).lower(), piece))
    return text[: found[0].start()].strip(), tails


def _split_parts(text: str) -> list[str]:
    parts = [part for segment in _SEGMENT.split(text) for part in _split_slashes(segment.strip(EDGE))]
    return [part for part in parts if part]


def _split_slashes(segment: str) -> list[str]:
    """Return the entries of a list such as "16GB/512GB SSD/Win 11", or the segment itself if it is none."""
    parts = [part.strip() for part in segment.split("/")]
    return parts if len(parts) > 2 and len(parts[0].split()) < 3 else [segment]


def remove_noun(piece: str, noun: str) -> str:
    """Remove the product noun that titles often repeat after "for": "for iPhone 11 screen guard"."""
    words, nouns = piece.split(), {word.lower() for word in noun.split()}
    kept = next((index for index, word in enumerate(words) if word.lower() in nouns and index), len(words))
    return " ".join(words[:kept]).strip(EDGE) if kept and words[0].lower() not in nouns else ""


def join_slashes(text: str) -> str:
    """Return a list such as "Galaxy M31 / F41 / M31s" with commas and "and"."""
    parts = [part.strip() for part in text.split(" / ") if part.strip()]
    return join_list_words(parts) if len(parts) > 1 else text
