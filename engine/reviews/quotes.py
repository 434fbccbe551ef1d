"""Quotes that represent mentions of an aspect."""

import numpy as np
from numpy.typing import NDArray

from engine.snapshot.review_table import ReviewBatch, ReviewTable

MAX_QUOTES = 3

_MAX_CANDIDATES = 60

Mask = NDArray[np.bool_]


def pick_quotes(reviews: ReviewTable, batch: ReviewBatch, mentions: Mask, limit: int = MAX_QUOTES) -> tuple[str, ...]:
    """Return quotes of the masked mentions: the clearest and most helpful first, no two similar."""
    indices = np.flatnonzero(mentions)
    scores = np.abs(batch.mention_sentiments[indices] - 0.5) + 0.1 * np.log1p(
        batch.helpful[batch.mention_reviews[indices]]
    )
    kept: list[str] = []
    for index in indices[np.argsort(-scores, kind="stable")][:_MAX_CANDIDATES].tolist():
        if len(kept) == limit:
            break
        text = reviews.quote(int(batch.mention_indices[index]))
        if text and not any(_are_similar(text, other) for other in kept):
            kept.append(text)
    return tuple(kept)


def quote_both_sides(reviews: ReviewTable, batch: ReviewBatch, positive: Mask, negative: Mask) -> tuple[str, ...]:
    """Return quotes of the more common opinion, and one of the other if there is any."""
    common, rare = positive, negative
    if np.count_nonzero(positive) < np.count_nonzero(negative):
        common, rare = negative, positive
    other = pick_quotes(reviews, batch, rare, 1)
    return (*pick_quotes(reviews, batch, common, MAX_QUOTES - len(other)), *other)


def _are_similar(text: str, other: str) -> bool:
    """Return whether more than half of the character bigrams of either text are in both."""
    bigrams, others = (
        {letters[start : start + 2] for start in range(len(letters) - 1)} for letters in (text.lower(), other.lower())
    )
    return 2 * len(bigrams & others) > min(len(bigrams), len(others))
