"""Guess the encoding of text that is not UTF-8: the one in which the text has the letters of one language.

A general detector needs pages of prose. A catalogue may have one "café" in a thousand rows, so this looks at the
letters and at their neighbours instead of at their statistics.
"""

from collections import Counter
from collections.abc import Iterable
from functools import cache

from indexer.catalog.formats.alphabets import ALPHABETS, CHINESE, FINAL, KOREAN, LATIN

_CONFIDENT = 0.55
_TYPOGRAPHY = frozenset("€£®™°²½×ØºªΩ«»“”’–—…•\u00a0№฿")
_SYMBOLS = frozenset("¥§©³µμ·¼¾‘‚„‹›±¿¡\u00ad")
_CJK_SYMBOLS = frozenset("、。「」『』・ー，！？：；（）【】《》“”‘’…—～％＋－／×・　℃㎝㎜㎡●○★☆■□◆◇※→①②③④⑤")
_INSIDE_WORDS = frozenset("’·\u00ad")
_SHOUTING = 0.15
"""What a capital after a capital costs: texts in KOI8 read as cp1251 are all capitals."""
_WINDOWS = "cp12"
_LEGACY = 0.99
"""The prior of encodings that Windows programs do not write."""
_STANDARD = (_WINDOWS, "iso")
"""Encodings in which a symbol is evidence; those of DOS and the Mac have one for nearly every byte."""


def guess_encoding(words: Iterable[bytes]) -> str | None:
    """Return the name of the codec that makes the most plausible text of words with bytes above 127, None if none does.

    words: Runs of bytes between blanks and ASCII punctuation, so that no character is cut.
    """
    raw = b"\n".join(words)
    scores = {name: _score_letters(raw, name) for name in ALPHABETS}
    scores |= {name: _score_characters(raw, name) for name in _frequent_characters()}
    best = max(scores, key=lambda name: scores[name])
    return best if scores[best] >= _CONFIDENT else None


def _score_letters(raw: bytes, name: str) -> float:
    """Return the plausibility of text with one byte per character: 1 if all are frequent letters of one language."""
    text = raw.decode(name, "replace")
    counts = Counter(filter(_is_foreign, text))
    languages = _letter_values(name)
    known = frozenset().union(*languages)
    letters = max(sum(values.get(c, -0.5) * n for c, n in counts.items() if c in known) for values in languages)
    symbols = sum(_symbol_value(c) * n for c, n in counts.items() if c not in known)
    if not name.startswith(_STANDARD) and symbols > 0:
        symbols /= 2
    score = (letters + symbols - _count_odd_neighbours(text, known, name in LATIN)) / counts.total()
    return score if name.startswith(_WINDOWS) else score * _LEGACY


def _is_foreign(character: str) -> bool:
    return character > "\x7f"


def _symbol_value(character: str) -> float:
    if character in _TYPOGRAPHY:
        return 1.0
    if character in _SYMBOLS:
        return 0.8
    return -0.5 if character.isprintable() and character != "\ufffd" else -3.0


@cache
def _letter_values(name: str) -> tuple[dict[str, float], ...]:
    """Return the value of each letter in each language of an encoding."""
    languages = []
    for alphabet in ALPHABETS[name]:
        frequent, _, rest = alphabet.partition("|")
        values = dict.fromkeys(rest, 0.8) | dict.fromkeys(frequent, 1.0)
        languages.append({c.upper(): value for c, value in values.items() if len(c.upper()) == 1} | values)
    return tuple(languages)


def _count_odd_neighbours(text: str, known: frozenset[str], latin: bool) -> float:
    """Count what no word has: a capital after a small letter, letters of two scripts, a symbol between letters."""
    odd = 0.0
    run = 0
    for a, b, c in zip("\n" + text, text, text[1:] + "\n", strict=False):
        if not _is_foreign(b):
            run = 0
            odd += a in known and b.isalpha() and not latin
            continue
        run += 1
        if b not in known:
            odd += a.isalpha() and c.isalpha() and b not in _INSIDE_WORDS
        elif a.isalpha():
            odd += a.islower() and b.isupper()
            odd += a in FINAL
            odd += 2 * (run > 3) if latin else not _is_foreign(a)
            odd += _SHOUTING * (a.isupper() and b.isupper())
        elif not c.isalpha() and not _is_foreign(c) and b not in _TYPOGRAPHY:
            odd += 0.5 * (b.isupper() or a.isdigit() or c.isdigit() or not latin)
    return odd


def _score_characters(raw: bytes, name: str) -> float:
    """Return the plausibility of Chinese, Japanese or Korean text: 1 if all its characters are frequent."""
    text = raw.decode(name, "replace")
    frequent, common = _frequent_characters()[name]
    counts = Counter(filter(_is_foreign, text))
    total = 0.0
    for c, n in counts.items():
        if c in frequent:
            total += n
        elif c in common:
            total += 0.8 * n
        elif "｡" <= c <= "ﾟ":
            total += 0.4 * n
        elif c in _CJK_SYMBOLS or "！" <= c <= "～":
            total += 0.7 * n
        elif c == "\ufffd" or not c.isprintable():
            total -= n
        else:
            total -= 0.5 * n
    return total / counts.total()


@cache
def _frequent_characters() -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """Return the frequent and the common characters of each encoding."""
    kana = frozenset(map(chr, range(0x3041, 0x30FF)))
    kanji = _characters("euc_jp", 0xB0, 0xCF)
    return {
        "cp932": (kana, kanji),
        "euc_jp": (kana, kanji),
        "gb18030": (frozenset(CHINESE), _characters("gb2312", 0xB0, 0xD7)),
        "cp950": (frozenset(CHINESE), _characters("big5", 0xA4, 0xC6)),
        "cp949": (frozenset(KOREAN), _characters("euc_kr", 0xB0, 0xC8)),
    }


def _characters(name: str, first: int, last: int) -> frozenset[str]:
    """Return the characters with a range of lead bytes: those of daily use come first in these standards."""
    trail = range(0x40, 0xFF)
    pairs = (bytes((lead, second)) for lead in range(first, last + 1) for second in trail)
    return frozenset("".join(pair.decode(name, "ignore") for pair in pairs)) - frozenset(map(chr, range(128)))
