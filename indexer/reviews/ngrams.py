"""The grams of a text: runs of letters and of words, each a number of 64 bits, found for thousands of texts at once.

A writing with spaces gives words and the letters inside them, one without gives its signs in a row. A gram is known by
its hash alone: two that differ share one about once in 10^7 vocabularies of a million, and nothing has to be parsed to
read a vocabulary back.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

MAX_CHINESE_RUN = 5
"""The longest n-gram of Chinese and other scripts without spaces, in characters."""
LETTER_RUNS = (2, 5)
"""The shortest and the longest run of letters in a word, its edges counted."""
WORDS = 3
"""The longest run of words."""

OF_CHINESE, OF_LETTERS, OF_WORDS = range(3)
"""The families of grams."""

Hashes = NDArray[np.uint64]

_SPACE, _SIGN, _LETTER, _MARK = range(4)
# Chinese, Japanese, Thai, Lao, Burmese and Khmer are written without spaces between words.
_UNSPACED = (
    (0x0E00, 0x0EFF),
    (0x1000, 0x109F),
    (0x1780, 0x17FF),
    (0x3040, 0x30FF),
    (0x3400, 0x4DBF),
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x2FA1F),
)
_SIGNED = re.compile("[" + "".join(f"{chr(first)}-{chr(last)}" for first, last in _UNSPACED) + "]")
_REPEATED = re.compile(r"(\W)\1{3,}")
_BASE = np.uint64(0x9E3779B97F4A7C15)
_INVERSE = np.uint64(pow(int(_BASE), -1, 2**64))
_SALTS = tuple(np.uint64(salt) << np.uint64(40) for salt in (3, 1, 2))
_EDGE = np.uint64(0x51ED270B0A5F1E37)


@dataclass(frozen=True, slots=True)
class Ngrams:
    """The grams of some texts, in no order: which text each stands in, what it is, and its first and last character.

    rows, starts, ends: (m,) int32; characters are counted through all texts, with one between two of them, and ends are
    inclusive.   keys: (m,) uint64.   families: (m,) OF_CHINESE, OF_LETTERS or OF_WORDS.
    """

    rows: NDArray[np.int32]
    keys: Hashes
    families: NDArray[np.int8]
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]


def fold(text: str) -> str:
    """Return the text as its grams see it: one case, one width, a mark repeated three times at most."""
    folded = text.casefold() if text.isascii() else unicodedata.normalize("NFKC", text).casefold()
    return _REPEATED.sub(r"\1\1\1", folded)


def is_chinese_text(folded: str) -> bool:
    """Return whether a text is in Chinese or another script without spaces, even if mixed with other words."""
    return not folded.isascii() and 5 * len(_SIGNED.findall(folded)) > len(folded)


def to_grams(folded: Sequence[str]) -> Ngrams:
    """Return the grams of texts that `fold` has made. Cost: about a microsecond a character."""
    # A space between two texts ends every gram.
    joined = " ".join(folded) + " "
    codes = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32)
    lengths = np.array([len(text) + 1 for text in folded], np.int64)
    rows = np.repeat(np.arange(len(folded), dtype=np.int32), lengths)
    kinds = _kinds_of(codes)
    mixed = _mix(codes.astype(np.uint64) + np.uint64(1))
    found = [*_chinese_runs(kinds, mixed), *_words_and_letters(kinds, mixed, rows)]
    families = np.repeat(np.array([one.family for one in found], np.int8), [len(one.keys) for one in found])
    keys, starts, ends = (np.concatenate([one[at] for one in found]) for at in (1, 2, 3))
    return Ngrams(rows[starts], keys, families, starts, ends)


class _NgramMatches(NamedTuple):
    family: int
    keys: Hashes
    starts: NDArray[np.int32]
    ends: NDArray[np.int32]


def _kinds_of(codes: NDArray[np.uint32]) -> NDArray[np.uint8]:
    """Return what each character is; the table is asked once for every different one."""
    different, places = np.unique(codes, return_inverse=True)
    kinds = np.array([_kind_of(chr(code)) for code in different.tolist()], np.uint8)
    return kinds[places]


def _kind_of(character: str) -> int:
    code = ord(character)
    if any(first <= code <= last for first, last in _UNSPACED):
        return _SIGN
    if character.isspace():
        return _SPACE
    return _LETTER if character.isalnum() or unicodedata.category(character) in ("Mn", "Mc") else _MARK


def _chinese_runs(kinds: NDArray[np.uint8], mixed: Hashes) -> list[_NgramMatches]:
    """Return runs of 1 to MAX_CHINESE_RUN characters of which one at least is a sign, or all are marks."""
    found: list[_NgramMatches] = []
    sign, mark = kinds == _SIGN, kinds == _MARK
    able = sign | mark
    whole, some, only = able, sign, mark
    keys = mixed * _BASE + _SALTS[OF_CHINESE]
    for length in range(1, MAX_CHINESE_RUN + 1):
        kept = np.flatnonzero(whole & (some | only)).astype(np.int32)
        found.append(_NgramMatches(OF_CHINESE, _mix(keys[kept]), kept, kept + np.int32(length - 1)))
        keys = keys[:-1] * _BASE + mixed[length:]
        whole, some, only = whole[:-1] & able[length:], some[:-1] | sign[length:], only[:-1] & mark[length:]
    return found


def _words_and_letters(kinds: NDArray[np.uint8], mixed: Hashes, rows: NDArray[np.int32]) -> list[_NgramMatches]:
    letter = kinds == _LETTER
    edges = np.diff(letter.astype(np.int8), prepend=0, append=0)
    starts, ends = (np.flatnonzero(edges == step).astype(np.int32) for step in (1, -1))
    if not len(starts):
        return []
    found = _letters(starts, ends, mixed)
    words = _spans(starts, ends, mixed)
    last = ends - np.int32(1)
    keys = words
    for length in range(1, WORDS + 1):
        reach = len(words) - length + 1
        if reach <= 0:
            break
        keys = keys[:reach] if length == 1 else _mix(keys[:reach] * _BASE + words[length - 1 :])
        same = np.flatnonzero(rows[starts[:reach]] == rows[starts[length - 1 :]])
        found.append(
            _NgramMatches(OF_WORDS, _mix(keys[same] + _SALTS[OF_WORDS]), starts[same], last[same + length - 1])
        )
    return found


def _letters(starts: NDArray[np.int32], ends: NDArray[np.int32], mixed: Hashes) -> list[_NgramMatches]:
    """Return the runs of letters of every word, with an edge before and behind it."""
    found: list[_NgramMatches] = []
    sizes = ends - starts + 2
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    padded = np.full(offsets[-1], _EDGE, np.uint64)
    # The place of each character of the padded words in the text; an edge has that of its neighbour.
    within = np.arange(offsets[-1], dtype=np.int32) - np.repeat(offsets[:-1], sizes).astype(np.int32)
    places = np.repeat(starts, sizes) + within - np.int32(1)
    inside = (within > 0) & (within < np.repeat(sizes, sizes) - 1)
    padded[inside] = mixed[places[inside]]
    left = np.repeat(offsets[1:], sizes) - np.arange(offsets[-1])
    low, high = np.repeat(starts, sizes), np.repeat(ends, sizes) - np.int32(1)
    keys = padded * _BASE + _SALTS[OF_LETTERS]
    for length in range(1, LETTER_RUNS[1] + 1):
        if length >= LETTER_RUNS[0]:
            kept = np.flatnonzero(left[: len(keys)] >= length)
            begin = np.maximum(places[kept], low[kept])
            end = np.minimum(places[kept] + np.int32(length - 1), high[kept])
            found.append(_NgramMatches(OF_LETTERS, _mix(keys[kept]), begin, end))
        keys = keys[:-1] * _BASE + padded[length:]
    return found


def _spans(starts: NDArray[np.int32], ends: NDArray[np.int32], mixed: Hashes) -> Hashes:
    """Return the hash of the characters start … end - 1 of each span, the same wherever they stand."""
    powers = np.cumprod(np.full(len(mixed), _INVERSE))
    sums = np.concatenate(([np.uint64(0)], np.cumsum(mixed * powers)))
    back = np.cumprod(np.full(len(mixed), _BASE))
    return _mix((sums[ends] - sums[starts]) * back[starts])


def _mix(values: Hashes) -> Hashes:
    """Return splitmix64's finaliser of each value: every bit of it depends on all bits."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
