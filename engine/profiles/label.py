"""Labels: what a set of products has in common, in a few words from their fields, or else from their titles."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import log

from engine.columns.field_roles import FieldRoles
from engine.descriptions.grammar import join_list_words
from engine.lexical.tokenizer import to_words
from engine.profiles.product_facts import ProductFacts, Weights, compute_shares

MAJORITY = 0.6
"""A value that at least this share of the products has describes all of them."""

MIN_VALUE_SHARE = 0.15
"""Minimum share of each value where a label lists several."""

# Minimum lift over the whole shop for a value to be mentioned.
_MIN_LIFT = 1.3
_UNKNOWN_SHARE = 0.01

# Values as common as this in the whole shop say little by themselves.
_TOO_BROAD = 0.4
_TOO_COMMON = 0.6

_SURFACE = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_STOP_WORDS = frozenset(
    {"and", "the", "with", "for", "from", "set", "pack", "pcs", "piece", "assorted", "design", "new"}
)
_MIN_TITLE_SHARE = 0.25
_MAX_WORDS = 3

ShareLookup = Callable[[str, str], float | None]
"""The share of a field's value among what all shoppers choose, None if unknown."""


def label_products(
    products: Sequence[ProductFacts],
    weights: Weights,
    fields: FieldRoles,
    baseline_share: ShareLookup,
    words: Mapping[str, float],
) -> str:
    """Return what the products have in common, "" if nothing stands out.

    Args:
        weights: (n,) above 0.
        words: word, as the tokenizer returns it → the share of the catalogue's titles that contain it.
    """
    product_type = _product_type(products, weights, fields, baseline_share) or title_words(products, weights, words)
    if not product_type:
        return ""
    quality = _distinctive_value(products, weights, fields.qualities, baseline_share)
    maker = _distinctive_value(products, weights, fields.makers, baseline_share)
    type_words = {word.lower() for word in _SURFACE.findall(product_type)}
    prefix = f"{lower_capitals(quality).lower()} " if quality and not {quality.lower()} & type_words else ""
    return prefix + product_type + (f" by {lower_capitals(maker)}" if maker else "")


def lower_capitals(value: str) -> str:
    """Return a value as it reads in a sentence: lower case if it is all capitals."""
    return value.lower() if value.isupper() and len(value) > 3 else value


def title_words(products: Sequence[ProductFacts], weights: Weights, words: Mapping[str, float]) -> str:
    """Return up to three words that are common in these titles and rare in others, in title order.

    If no two titles share a word, the first title represents all.
    """
    title_terms = [to_words(product.title) for product in products]
    title_counts = Counter(term for terms in title_terms for term in set(terms))
    total = float(weights.sum())
    shares: dict[str, float] = defaultdict(float)
    for terms, weight in zip(title_terms, weights.tolist(), strict=True):
        for term in set(terms):
            shares[term] += weight / total
    scores = {
        term: share * log(share / words.get(term, _UNKNOWN_SHARE))
        for term, share in shares.items()
        if share >= _MIN_TITLE_SHARE
        and title_counts[term] >= min(2, len(products))
        and share > _MIN_LIFT * words.get(term, _UNKNOWN_SHARE)
        and is_meaningful(term)
    }
    chosen = sorted(scores, key=lambda term: (-round(scores[term], 9), term))[:_MAX_WORDS]
    positions = {
        term: _mean([terms.index(term) / len(terms) for terms in title_terms if term in terms]) for term in chosen
    }
    ordered = sorted(chosen, key=lambda term: (positions[term], term))
    if not ordered:
        return title_words(products[:1], weights[:1], words) if len(products) > 1 else ""
    surfaces = surface_forms(products)
    text = surfaces[ordered[0]]
    for first, second in pairwise(ordered):
        both = sum(
            weight for terms, weight in zip(title_terms, weights.tolist(), strict=True) if {first, second} <= set(terms)
        )
        adjacent = both / total >= 0.5 * min(shares[first], shares[second])
        text += (" " if adjacent else ", ") + surfaces[second]
    return text


def is_meaningful(term: str) -> bool:
    """Return whether a title word carries meaning by itself."""
    return (
        term not in _STOP_WORDS
        and not any(character.isdigit() for character in term)
        and (len(term) > 2 or not term.isascii())
    )


def surface_forms(products: Sequence[ProductFacts]) -> dict[str, str]:
    """Return each word in the spelling that titles use most, in lower case."""
    surfaces: dict[str, Counter[str]] = defaultdict(Counter)
    for product in products:
        for surface in _SURFACE.findall(product.title):
            terms = to_words(surface)
            for term in terms:
                surfaces[term][surface.lower() if len(terms) == 1 else term] += 1
    return {term: min(forms, key=lambda form: (-forms[form], form)) for term, forms in surfaces.items()}


def _product_type(
    products: Sequence[ProductFacts], weights: Weights, fields: FieldRoles, baseline_share: ShareLookup
) -> str:
    """Return the narrowest product type of most products, or the few narrowest ones, else the widest.

    A type that covers much of the catalogue says little, and gets examples.
    """
    shares = [compute_shares(products, weights, name) for name in fields.kinds]
    for depth, level in reversed(list(enumerate(shares))):
        kinds = _dominant_values(level)
        if (
            len(kinds) == 1
            and depth + 1 < len(shares)
            and (baseline_share(fields.kinds[depth], kinds[0]) or 0.0) >= _TOO_BROAD
        ):
            examples = _examples(fields.kinds[-1], shares[-1], baseline_share)
            return f"{lower_capitals(kinds[0])} such as {examples}" if examples else lower_capitals(kinds[0])
        if kinds:
            return join_list_words([lower_capitals(value) for value in kinds])
    widest = next((value for level in shares for value in level), "")
    return f"mostly {lower_capitals(widest)}" if widest else ""


def _dominant_values(shares: Mapping[str, float]) -> list[str]:
    """Return the value that most products have, or up to three that cover most; none if it takes more."""
    frequent = [value for value, share in shares.items() if share >= MIN_VALUE_SHARE][:3]
    if frequent and shares[frequent[0]] >= MAJORITY:
        return frequent[:1]
    return frequent if sum(shares[value] for value in frequent) >= MAJORITY else []


def _examples(name: str, shares: Mapping[str, float], baseline_share: ShareLookup) -> str:
    """Return the two values that distinguish these products most."""
    strengths = {
        value: share * log(share / (baseline_share(name, value) or _UNKNOWN_SHARE)) for value, share in shares.items()
    }
    best = sorted(strengths, key=lambda value: (-round(strengths[value], 9), value))[:2]
    return join_list_words([lower_capitals(value) for value in best]) if best else ""


def _distinctive_value(
    products: Sequence[ProductFacts], weights: Weights, names: Sequence[str], baseline_share: ShareLookup
) -> str:
    """Return the value that most products have and other products rarely, "" if there is none."""
    best, value_found = 0.0, ""
    for name in names:
        for value, share in compute_shares(products, weights, name).items():
            baseline = baseline_share(name, value)
            lift = share / (_UNKNOWN_SHARE if baseline is None else baseline)
            if (
                share >= MAJORITY
                and lift >= _MIN_LIFT
                and (baseline or 0.0) <= _TOO_COMMON
                and share * log(lift) > best
            ):
                best, value_found = share * log(lift), value
    return value_found


def _mean(numbers: Sequence[float]) -> float:
    return sum(numbers) / len(numbers)
