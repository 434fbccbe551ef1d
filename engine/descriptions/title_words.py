"""Word statistics of a catalogue's titles: which words are names, which are common, and which are brands."""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from engine.descriptions.claim_vocabulary import QUALITIES, ClaimVocabulary
from engine.descriptions.facts import BRAND, TITLE, texts_at
from engine.descriptions.grammar import PAIRS, head_of, plural, singular
from engine.descriptions.lexicon import COMMON, NOUNS, PROPER_WORDS
from engine.descriptions.title_segments import EDGE

TARGET_GROUP = re.compile(
    r"\b(men|man|women|woman|ladies|gents|boy|boys|girl|girls|kids?|children|unisex|baby|babies|infants?|juniors?)"
    r"(?:['’]?s)?\b",
    re.IGNORECASE,
)
_TARGET_GROUP_NAMES = {
    name: group
    for group, names in (
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
_MAX_BRAND_WORDS, _MIN_BRANDS = 4, 3


class TitleWords:
    """Brands, names and common words in the titles of one catalogue; immutable and thread-safe."""

    def __init__(self, payloads: Sequence[Mapping[str, Any]], vocabulary: ClaimVocabulary) -> None:
        """Learn brands, names and common words from the titles. Cost: about 20 µs per title."""
        self._vocabulary = vocabulary
        titles = [(payload, title) for payload in payloads if isinstance(title := payload.get(TITLE), str) and title]
        self._starts: Counter[str] = Counter()
        for _, title in titles:
            words = title.split()
            self._starts.update(
                " ".join(words[:count]) for count in range(1, 1 + min(len(words), _MAX_BRAND_WORDS + 1))
            )
        brands: dict[str, set[str]] = defaultdict(set)
        lower: set[str] = set()
        after_brand: Counter[str] = Counter()
        seen: Counter[str] = Counter()
        firsts = {title.split()[0] for _, title in titles}
        field = vocabulary.fields.get(BRAND)
        for payload, title in titles:
            first = title.split()[0]
            brand = (texts_at(payload, field) or (first,))[0] if field else first
            before = ""
            for word in title.split()[1:]:
                bare = word.strip(EDGE + "()")
                brands[bare.lower()].add(brand)
                seen[bare.lower()] += 1
                after_brand[bare.lower()] += before in firsts
                if bare.islower():
                    lower.add(bare)
                before = bare
        self._common = lower | {
            word
            for word, word_brands in brands.items()
            if len(word_brands) >= _MIN_BRANDS and word.isalpha() and 2 * after_brand[word] < seen[word]
        }
        self._names = {first for first in firsts if first.lower() not in COMMON} | {
            word.capitalize() for word in seen if 2 * after_brand[word] >= seen[word] and word not in COMMON
        }
        self._common -= {first.lower() for first in firsts if self._starts[first] > 1 and first.lower() not in COMMON}

    def tidy(self, text: str, loose: bool = False) -> str:
        """Return words of a title as they appear in a sentence: lower-case common words, spaced units, names unchanged.

        loose: Whether a word counts as common unless it is known to be a name.
        """
        words = []
        for word in text.strip(EDGE).split():
            bare = word.strip(EDGE + "()")
            parts = [part for part in re.split(r"[-/]", bare) if part]
            common = bool(parts) and bare not in PROPER_WORDS
            common = common and all(self.is_common(part) or (loose and self._may_be_common(part)) for part in parts)
            words.append(word.lower() if common else word)
        text = " ".join(words)
        for pattern, replacement in _TIDY:
            text = pattern.sub(replacement, text)
        return text.strip(EDGE)

    def _may_be_common(self, word: str) -> bool:
        return word[1:].islower() and word not in self._names and word not in PROPER_WORDS

    def is_common(self, word: str) -> bool:
        """Return whether a word is lower-case in a sentence: many brands use it, or a word list has it."""
        lower = word.lower()
        if word in PROPER_WORDS or (word.isupper() and len(word) > 1 and lower not in NOUNS):
            return False
        if any(letter.isupper() for letter in word[1:]) and not word.isupper():
            return False
        if len(word) == 1 and word.isupper():
            return False
        known = lower in COMMON or lower in NOUNS or singular(lower) in NOUNS or lower in self._common
        return known or any(claim.role in QUALITIES for claim in self._vocabulary.claims(lower))

    def may_describe(self, token: str) -> bool:
        """Return whether a word may qualify the noun after it, instead of being part of a name."""
        bare = token.strip(EDGE)
        if not bare or bare == "&":
            return True
        parts = [part for part in re.split(r"[-/+]", bare) if part]
        return bare in PROPER_WORDS or AMOUNT.match(bare) is not None or all(self.is_common(part) for part in parts)

    def brand(self, core: str) -> str:
        """Return the brand at the start of a title, "" if unsure."""
        words = core.split()
        group = TARGET_GROUP.search(core)
        count = len(core[: group.start()].split()) if group else 0
        plain = all(self.is_common(word) for word in words[:count]) or words[count - 1].lower() in (
            "for",
            "with",
            "and",
        )
        if group and 0 < count <= _MAX_BRAND_WORDS and (not plain or core[: group.start()].isupper()):
            while count > 1 and any(claim.role in QUALITIES for claim in self._vocabulary.claims(words[count - 1])):
                count -= 1
            return " ".join(words[:count])
        first = words[0]
        if first in PROPER_WORDS:
            return ""
        if self._starts[first] < 2:
            # A first word that no other title has is a brand only if it is spelt like one.
            is_name = any(letter.isupper() for letter in first[1:]) and first.isalpha() and not self.is_common(first)
            return first if is_name else ""
        if self.is_common(first) or first.lower() in NOUNS or len(words) == 1:
            return ""
        count = 1
        while count < min(_MAX_BRAND_WORDS, len(words) - 1):
            longer = " ".join(words[: count + 1])
            if self._starts[longer] < 0.8 * self._starts[" ".join(words[:count])] or self.is_common(words[count]):
                break
            if any(letter.isdigit() for letter in words[count]):
                break
            count += 1
        return " ".join(words[:count])


def find_target_group(title: str) -> str:
    """Return the target group named in a title, "" if none."""
    found = list(dict.fromkeys(match[1].lower() for match in TARGET_GROUP.finditer(title)))
    names = [_TARGET_GROUP_NAMES.get(name, name) for name in found]
    if "girls" in names or "boys" in names:
        names = [name for name in names if name in ("girls", "boys")]
    elif "children" in names:
        names = ["children"]
    return " and ".join(dict.fromkeys(names))


def type_forms(value: str) -> set[str]:
    """Return the forms of a type in titles: singular, plural, and its last word alone ("shoe" for casual shoes)."""
    lower = value.lower()
    last = head_of(lower).split(" ")[-1]
    return {form for word in (lower, last) for form in (*forms(word), word.removesuffix("s"))}


def lower_first(phrase: str) -> str:
    """Return a phrase in lower case, except abbreviations: "LED wall lamp"."""
    return " ".join(word if word.isupper() and len(word) > 1 else word.lower() for word in phrase.split())


def is_noun(word: str) -> bool:
    """Return whether a word is a product noun, in singular or plural."""
    return word in NOUNS or singular(word) in NOUNS or plural(word) in PAIRS


def forms(word: str) -> set[str]:
    """Return a word and its singular and plural."""
    return {word, singular(word), plural(singular(word))}
