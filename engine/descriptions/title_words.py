"""The words of a catalogue's titles: which are names, which are common, who the makers are."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from engine.descriptions.claim_vocabulary import QUALITIES, ClaimVocabulary
from engine.descriptions.facts import BRAND, TITLE, texts_at
from engine.descriptions.grammar import PAIRS, head_of, plural, singular
from engine.descriptions.lexicon import COMMON, NOUNS, PROPER_WORDS
from engine.descriptions.title_segments import EDGE

WHOM = re.compile(
    r"\b(men|man|women|woman|ladies|gents|boy|boys|girl|girls|kids?|children|unisex|baby|babies|infants?|juniors?)"
    r"(?:['’]?s)?\b",
    re.IGNORECASE,
)
_WHOM_NAMES = {
    name: said
    for said, names in (
        ("men", ("man", "gents")),
        ("women", ("woman", "ladies")),
        ("boys", ("boy",)),
        ("girls", ("girl",)),
        ("children", ("kid", "kids", "junior", "juniors")),
        ("babies", ("baby", "infant", "infants")),
        ("men and women", ("unisex",)),
    )
    for name in names
}
AMOUNT = re.compile(
    r"^\d+(?:\.\d+)?(?:[x*×]\d+(?:\.\d+)?)*[\s-]?"
    r"(?:[a-z]{1,3}|inch(?:es)?|watts?|hours?|hrs?|metres?|meters?|pieces?|pcs|ports?|pin|\"|”|%)?$",
    re.IGNORECASE,
)
_TIDY = (
    (re.compile(r"\b([2-5])g\b"), r"\1G"),
    (re.compile(r"(\d)\s?(?:inches|inch|\"|”|'')(?!\w)", re.IGNORECASE), r"\1-inch"),
    (re.compile(r"(\d)\s?hrs?\b", re.IGNORECASE), r"\1 hours"),
    (re.compile(r"(\d)(mAh|GHz|MHz|GB|TB|MB|W|V|kg|cm|mm|ml|dl|m|l)\b"), r"\1 \2"),
    (re.compile(r"\bupto\b", re.IGNORECASE), "up to"),
    (re.compile(r"\bin[ -]ear\b", re.IGNORECASE), "in-ear"),
    (re.compile(r"\bin[ -]built\b", re.IGNORECASE), "built-in"),
    (re.compile(r"\be\.?g\.?$|\betc\.?$", re.IGNORECASE), ""),
    (re.compile(r"\s+([,.])"), r"\1"),
)
_LONGEST_BRAND, _LEAST_BRANDS = 4, 3


class TitleWords:
    """Learnt from the titles of one catalogue; it never changes, so any number of threads may ask."""

    def __init__(self, payloads: Sequence[Mapping[str, Any]], vocabulary: ClaimVocabulary) -> None:
        """Learn which words are brands, names and common from the titles. Cost: some 20 µs a title."""
        self._vocabulary = vocabulary
        titles = [(payload, title) for payload in payloads if isinstance(title := payload.get(TITLE), str) and title]
        self._starts: Counter[str] = Counter()
        for _, title in titles:
            words = title.split()
            self._starts.update(" ".join(words[:count]) for count in range(1, 1 + min(len(words), _LONGEST_BRAND + 1)))
        brands: dict[str, set[str]] = defaultdict(set)
        lower: set[str] = set()
        behind: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        firsts = {title.split()[0] for _, title in titles}
        field = vocabulary.fields.get(BRAND)
        for payload, title in titles:
            first = title.split()[0]
            by = (texts_at(payload, field) or (first,))[0] if field else first
            before = ""
            for word in title.split()[1:]:
                bare = word.strip(EDGE + "()")
                brands[bare.lower()].add(by)
                seen[bare.lower()] += 1
                behind[bare.lower()] += before in firsts
                if bare.islower():
                    lower.add(bare)
                before = bare
        self._common = lower | {
            word
            for word, by in brands.items()
            if len(by) >= _LEAST_BRANDS and word.isalpha() and 2 * behind[word] < seen[word]
        }
        self._names = {first for first in firsts if first.lower() not in COMMON} | {
            word.capitalize() for word in seen if 2 * behind[word] >= seen[word] and word not in COMMON
        }
        self._common -= {first.lower() for first in firsts if self._starts[first] > 1 and first.lower() not in COMMON}

    def tidy(self, text: str, loose: bool = False) -> str:
        """Return words of a title as a sentence has them: common words small, units apart, names as they are.

        loose: whether a word counts as common unless it is known to be a name.
        """
        words = []
        for word in text.strip(EDGE).split():
            bare = word.strip(EDGE + "()")
            parts = [part for part in re.split(r"[-/]", bare) if part]
            small = bool(parts) and bare not in PROPER_WORDS
            small = small and all(self.is_common(part) or (loose and self._may_be_common(part)) for part in parts)
            words.append(word.lower() if small else word)
        text = " ".join(words)
        for pattern, put in _TIDY:
            text = pattern.sub(put, text)
        return text.strip(EDGE)

    def _may_be_common(self, word: str) -> bool:
        return word[1:].islower() and word not in self._names and word not in PROPER_WORDS

    def is_common(self, word: str) -> bool:
        """Return whether a word is written small in a sentence: many makers' titles have it, or anybody knows it."""
        low = word.lower()
        if word in PROPER_WORDS or (word.isupper() and len(word) > 1 and low not in NOUNS):
            return False
        if any(letter.isupper() for letter in word[1:]) and not word.isupper():
            return False
        if len(word) == 1 and word.isupper():
            return False
        known = low in COMMON or low in NOUNS or singular(low) in NOUNS or low in self._common
        return known or any(claim.role in QUALITIES for claim in self._vocabulary.claims(low))

    def may_describe(self, token: str) -> bool:
        """Return whether a word may be a quality of a noun behind it rather than a part of a name."""
        bare = token.strip(EDGE)
        if not bare or bare == "&":
            return True
        parts = [part for part in re.split(r"[-/+]", bare) if part]
        return bare in PROPER_WORDS or AMOUNT.match(bare) is not None or all(self.is_common(part) for part in parts)

    def brand(self, core: str) -> str:
        """Return the words that a title begins with, as those of its maker do, "" if that is not sure."""
        words = core.split()
        whom = WHOM.search(core)
        count = len(core[: whom.start()].split()) if whom else 0
        plain = all(self.is_common(word) for word in words[:count]) or words[count - 1].lower() in (
            "for",
            "with",
            "and",
        )
        if whom and 0 < count <= _LONGEST_BRAND and (not plain or core[: whom.start()].isupper()):
            while count > 1 and any(claim.role in QUALITIES for claim in self._vocabulary.claims(words[count - 1])):
                count -= 1
            return " ".join(words[:count])
        first = words[0]
        if first in PROPER_WORDS:
            return ""
        if self._starts[first] < 2:
            # A word that no other title has is a name where it looks like one.
            looks = any(letter.isupper() for letter in first[1:]) and first.isalpha() and not self.is_common(first)
            return first if looks else ""
        if self.is_common(first) or first.lower() in NOUNS or len(words) == 1:
            return ""
        count = 1
        while count < min(_LONGEST_BRAND, len(words) - 1):
            longer = " ".join(words[: count + 1])
            if self._starts[longer] < 0.8 * self._starts[" ".join(words[:count])] or self.is_common(words[count]):
                break
            if any(letter.isdigit() for letter in words[count]):
                break
            count += 1
        return " ".join(words[:count])


def find_target_group(title: str) -> str:
    """Return whom a title says that a product is for, "" if it does not."""
    found = list(dict.fromkeys(match[1].lower() for match in WHOM.finditer(title)))
    names = [_WHOM_NAMES.get(name, name) for name in found]
    if "girls" in names or "boys" in names:
        names = [name for name in names if name in ("girls", "boys")]
    elif "children" in names:
        names = ["children"]
    return " and ".join(dict.fromkeys(names))


def type_forms(value: str) -> set[str]:
    """Return how a title may say a type: one or many of it, and its last word alone ("shoe" of casual shoes)."""
    low = value.lower()
    last = head_of(low).split(" ")[-1]
    return {form for word in (low, last) for form in (*forms(word), word.removesuffix("s"))}


def lower_first(phrase: str) -> str:
    """Return a phrase with small letters, but for its abbreviations: "LED wall lamp"."""
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in phrase.split())


def is_noun(word: str) -> bool:
    """Return whether a word is one for products, one or many of them."""
    return word in NOUNS or singular(word) in NOUNS or plural(word) in PAIRS


def forms(word: str) -> set[str]:
    """Return a word for one and for many."""
    return {word, singular(word), plural(singular(word))}
