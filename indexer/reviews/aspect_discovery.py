"""Aspects that nobody listed: what a shop's own reviews say is so and so, often, and mostly well or mostly badly."""

import re
from collections import defaultdict
from collections.abc import Collection, Sequence

import numpy as np

from indexer.reviews.ngrams import fold, is_chinese_text
from indexer.reviews.opinion_lexicon import seeds
from indexer.reviews.product_words import measured_share
from indexer.reviews.review_features import Vector

MOST = 20
"""Aspects that are discovered at most."""

_FEWEST = 12
_LEAST_SHARE = 0.002
_DEVIATION = 2.5
_MEASURED = 0.03
# "the handle is …", "its straps broke": a noun and what is said of it.
_NOUN = re.compile(
    r"\b(?:the|its|their)\s+([a-z]{4,})\s+(?:is|are|was|were|looks?|feels?|seems?|keeps?|broke|works?|came|does|do)\b"
)
# 键盘很…, 屏幕不…: at the beginning of a clause, before a word of degree.
_SIGNED_NOUN = re.compile(r"(?:^|[,。!?;、:\s])([\u4e00-\u9fff]{2,3}?)(?=很|太|不|非常|真|比较|挺|有点|超|特别)")


def discover(
    texts: Sequence[str], verdicts: Vector, products: Collection[str] = frozenset()
) -> dict[str, tuple[str, ...]]:
    """Return up to MOST aspects by name with their terms, the commonest first.

    verdicts: (n,) from 0 to 1.   products: words for the products themselves, which are no aspects of them.
    A term counts once a review; it is an aspect if the verdicts of its reviews deviate from the usual by more than
    chance does, and no listed aspect has it.
    """
    listed = {term for part in (seeds()["aspects"], seeds()["opinions"]) for terms in part.values() for term in terms}
    rows: defaultdict[str, list[int]] = defaultdict(list)
    every = [fold(text) for text in texts]
    for row, folded in enumerate(every):
        for term in set(_terms(folded)):
            rows[term].append(row)
    mean, spread = float(verdicts.mean()), float(verdicts.std()) or 1.0
    found = []
    for term, places in rows.items():
        fewest = max(_FEWEST, _LEAST_SHARE * len(texts))
        if len(places) < fewest or term in products or _is_listed(term, listed):
            continue
        if is_chinese_text(term) and measured_share(term, every) >= _MEASURED:
            continue
        deviation = abs(float(verdicts[places].mean()) - mean) / (spread / np.sqrt(len(places)))
        if deviation >= _DEVIATION:
            found.append((-len(places), term))
    return {term: (term,) if is_chinese_text(term) else (term, f"{term}s") for _, term in sorted(found)[:MOST]}


def _terms(folded: str) -> list[str]:
    known = seeds()["discovery"]
    if is_chinese_text(folded):
        return [term for term in _SIGNED_NOUN.findall(folded) if not term.startswith(tuple(known["beginnings"]))]
    return [term for term in _NOUN.findall(folded) if term not in known["never"]]


def _is_listed(term: str, listed: set[str]) -> bool:
    """Return whether a term is listed, or has a listed one in it, as "充电速度" has "速度"."""
    if is_chinese_text(term):
        return any(part in term for part in listed if len(part) > 1) or term in listed
    return term in listed or term.removesuffix("s") in listed or f"{term}s" in listed
