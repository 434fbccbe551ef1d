"""Product words: what a category's products are called, which is never an aspect of them.

They are the head nouns of the category's name and of its items' titles, and in reviews the nouns that stand behind
"this" and "these" again and again: "this dress", but hardly "this fabric". Chinese has its measure words for that.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise

from indexer.reviews.ngrams import fold
from indexer.reviews.review import Review

_MIN_SHARE, _MIN_COUNT = 0.08, 3
_SHOWING = frozenset({"this", "these"})
_MIN_TITLE_SHARE, _MIN_TITLES = 0.1, 2
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
"""A word of a writing with spaces."""

# A title's head noun stands before what it is for, made of or comes with.
_TAIL = re.compile(r"\s+(?:for|with|in|of|by|from|and|set|w/)\b|[,(|:–—\[/]|\s-\s|\d")
_MEASURES = "条件双款本台部只瓶盒袋箱套顶"


def head_words(names: Iterable[str]) -> frozenset[str]:
    """Return the head nouns of some names of categories or products, in both numbers: "Women > Dresses", dress."""
    found: set[str] = set()
    for name in names:
        last = re.split(r"[>|]", fold(name))[-1]
        for piece in re.split(r"[/&,]|\band\b", last):
            words = WORD.findall(_TAIL.split(piece, maxsplit=1)[0] or piece)
            if words:
                found |= _both_numbers(words[-1])
    return frozenset(found)


def title_words(titles: Sequence[str]) -> frozenset[str]:
    """Return the head nouns that a tenth of a category's titles share."""
    counts = Counter(word for title in titles for word in head_words([title]))
    least = max(_MIN_TITLES, _MIN_TITLE_SHARE * len(titles))
    return frozenset(word for word, count in counts.items() if count >= least)


def catalogue_words(categories: Sequence[str], titles: Sequence[str]) -> dict[str, frozenset[str]]:
    """Return the product words of each category of a catalogue's items, given side by side."""
    by_category: defaultdict[str, list[str]] = defaultdict(list)
    for category, title in zip(categories, titles, strict=True):
        if title:
            by_category[category].append(title)
    return {category: title_words(found) for category, found in by_category.items()}


def review_words(reviews: Sequence[Review]) -> frozenset[str]:
    """Return the product words of reviews: of their categories' names, and what they call "this" and "these"."""
    alone: Counter[str] = Counter()
    shown: Counter[str] = Counter()
    for review in reviews:
        words = WORD.findall(fold(review.words))
        alone.update(words)
        shown.update(word for before, word in pairwise(words) if before in _SHOWING)
    named = {
        word
        for word, count in shown.items()
        if count >= _MIN_COUNT and count >= _MIN_SHARE * alone[word] and word.isascii()
    }
    both = {number for word in named for number in _both_numbers(word)}
    return frozenset(both) | head_words({review.category for review in reviews})


def measured_share(term: str, folded: Iterable[str]) -> float:
    """Return how often a Chinese noun stands behind a measure word, as products do: 这条裤子."""
    behind = total = 0
    pattern = re.compile(f"(?:(?<=[这那一两几][{_MEASURES}])|(?<=[这那])){re.escape(term)}")
    for text in folded:
        total += text.count(term)
        behind += len(pattern.findall(text))
    return behind / total if total else 0.0


def is_product(term: str, products: Mapping[str, frozenset[str]], category: str) -> bool:
    """Return whether a term of an aspect is a word for the products of a category."""
    return term in products.get(category, ()) or term in _category_words(category)


@lru_cache(maxsize=4096)
def _category_words(category: str) -> frozenset[str]:
    return head_words([category])


def _both_numbers(word: str) -> set[str]:
    """Return a noun in the singular and the plural, as far as its letters tell."""
    if not word.isascii():
        return {word}
    if re.search(r"(?:ss|x|z|ch|sh)es$", word):
        return {word, word[:-2]}
    if word.endswith("ies") and len(word) > 4:
        return {word, f"{word[:-3]}y"}
    if word.endswith("s") and not word.endswith("ss"):
        return {word, word[:-1]}
    if re.search(r"(?:s|x|z|ch|sh)$", word):
        return {word, f"{word}es"}
    return {word, f"{word[:-1]}ies" if re.search(r"[^aeiou]y$", word) else f"{word}s"}
