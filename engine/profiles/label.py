"""What some products have in common, in a few words: of their fields where they tell, else of their titles."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import log

from engine.columns.field_roles import FieldRoles
from engine.descriptions.grammar import listed
from engine.lexical.tokenizer import to_words
from engine.profiles.product_facts import ProductFacts, Weights, compute_shares

MOST = 0.6
"""The share of products that have what a label says of all of them."""

SOME = 0.15
"""The least share of products that each of several things in a label is of."""

# How much more often than in the whole shop something has to be, to be worth saying.
_TELLING = 1.3
_UNKNOWN = 0.01

# What so much of a shop is, or has, is not worth saying by itself.
_COMMON = 0.4
_EVERYWHERE = 0.6

_SURFACE = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_DUMB = frozenset({"and", "the", "with", "for", "from", "set", "pack", "pcs", "piece", "assorted", "design", "new"})
_LEAST_TITLES = 0.25
_MOST_WORDS = 3

Usually = Callable[[str, str], float | None]
"""The share that a value of a field has among what all shoppers take, None if that is not known."""


def label_products(
    goods: Sequence[ProductFacts], weights: Weights, fields: FieldRoles, usually: Usually, words: Mapping[str, float]
) -> str:
    """Return what the products have in common, "" if nothing can be said.

    weights: (n,) above 0.   words: word, as the tokenizer cuts it → the share of the shop's titles that have it.
    """
    kind = _kind(goods, weights, fields, usually) or title_words(goods, weights, words)
    if not kind:
        return ""
    quality = _telling(goods, weights, fields.qualities, usually)
    maker = _telling(goods, weights, fields.makers, usually)
    said = {word.lower() for word in _SURFACE.findall(kind)}
    front = f"{plain(quality).lower()} " if quality and not {quality.lower()} & said else ""
    return front + kind + (f" by {plain(maker)}" if maker else "")


def plain(value: str) -> str:
    """Return a value as a sentence holds it: not all in capitals."""
    return value.lower() if value.isupper() and len(value) > 3 else value


def title_words(goods: Sequence[ProductFacts], weights: Weights, words: Mapping[str, float]) -> str:
    """Return up to three words that several of these titles have and others have not, in the order of the titles.

    Where no two have anything in common the first one speaks for all.
    """
    cut = [to_words(good.title) for good in goods]
    several = Counter(term for terms in cut for term in set(terms))
    total = float(weights.sum())
    shares: dict[str, float] = defaultdict(float)
    for terms, weight in zip(cut, weights.tolist(), strict=True):
        for term in set(terms):
            shares[term] += weight / total
    scores = {
        term: share * log(share / words.get(term, _UNKNOWN))
        for term, share in shares.items()
        if share >= _LEAST_TITLES
        and several[term] >= min(2, len(goods))
        and share > _TELLING * words.get(term, _UNKNOWN)
        and is_meaningful(term)
    }
    chosen = sorted(scores, key=lambda term: (-round(scores[term], 9), term))[:_MOST_WORDS]
    places = {term: _mean([terms.index(term) / len(terms) for terms in cut if term in terms]) for term in chosen}
    ordered = sorted(chosen, key=lambda term: (places[term], term))
    if not ordered:
        return title_words(goods[:1], weights[:1], words) if len(goods) > 1 else ""
    written = surface_forms(goods)
    text = written[ordered[0]]
    for first, second in pairwise(ordered):
        both = sum(weight for terms, weight in zip(cut, weights.tolist(), strict=True) if {first, second} <= set(terms))
        together = both / total >= 0.5 * min(shares[first], shares[second])
        text += (" " if together else ", ") + written[second]
    return text


def is_meaningful(term: str) -> bool:
    """Return whether a word of a title says something by itself."""
    return term not in _DUMB and not any(sign.isdigit() for sign in term) and (len(term) > 2 or not term.isascii())


def surface_forms(goods: Sequence[ProductFacts]) -> dict[str, str]:
    """Return each word as titles mostly write it, in small letters."""
    written: dict[str, Counter[str]] = defaultdict(Counter)
    for good in goods:
        for surface in _SURFACE.findall(good.title):
            terms = to_words(surface)
            for term in terms:
                written[term][surface.lower() if len(terms) == 1 else term] += 1
    return {term: min(forms, key=lambda form: (-forms[form], form)) for term, forms in written.items()}


def _kind(goods: Sequence[ProductFacts], weights: Weights, fields: FieldRoles, usually: Usually) -> str:
    """Return the narrowest kind that most are of, or the few narrowest ones, else the widest.

    A kind that much of the shop is of says little, and gets examples.
    """
    shares = [compute_shares(goods, weights, name) for name in fields.kinds]
    for depth, level in reversed(list(enumerate(shares))):
        kinds = _most(level)
        if len(kinds) == 1 and depth + 1 < len(shares) and (usually(fields.kinds[depth], kinds[0]) or 0.0) >= _COMMON:
            examples = _examples(fields.kinds[-1], shares[-1], usually)
            return f"{plain(kinds[0])} such as {examples}" if examples else plain(kinds[0])
        if kinds:
            return listed([plain(value) for value in kinds])
    widest = next((value for level in shares for value in level), "")
    return f"mostly {plain(widest)}" if widest else ""


def _most(shares: Mapping[str, float]) -> list[str]:
    """Return the one value that most have, or up to three that most have one of; none if there are more."""
    some = [value for value, share in shares.items() if share >= SOME][:3]
    if some and shares[some[0]] >= MOST:
        return some[:1]
    return some if sum(shares[value] for value in some) >= MOST else []


def _examples(name: str, shares: Mapping[str, float], usually: Usually) -> str:
    """Return the two values that set these products apart most."""
    strengths = {value: share * log(share / (usually(name, value) or _UNKNOWN)) for value, share in shares.items()}
    best = sorted(strengths, key=lambda value: (-round(strengths[value], 9), value))[:2]
    return listed([plain(value) for value in best]) if best else ""


def _telling(goods: Sequence[ProductFacts], weights: Weights, names: Sequence[str], usually: Usually) -> str:
    """Return the value that most have and others seldom, "" if there is none."""
    best, found = 0.0, ""
    for name in names:
        for value, share in compute_shares(goods, weights, name).items():
            usual = usually(name, value)
            lift = share / (_UNKNOWN if usual is None else usual)
            if share >= MOST and lift >= _TELLING and (usual or 0.0) <= _EVERYWHERE and share * log(lift) > best:
                best, found = share * log(lift), value
    return found


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
