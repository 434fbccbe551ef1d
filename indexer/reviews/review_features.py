"""What an expert looks at in a review: its grams, their values, its category and length.

Whoever learns and whoever judges make them here, so that a review is judged by what was learnt from.
"""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from indexer.reviews.ngram_vocabulary import NgramVocabulary, grams_of

Vector = NDArray[np.float64]

GROUPS = 3
"""So many groups of grams, and as many of a title's."""
BINS = 14
"""So many bins of length."""

# A title says more by itself than so many words of the text, and less than all of it.
_TITLE_SHARE = 0.7
_JOINT_SHARE = 0.5


def lengths_of(texts: Sequence[str]) -> NDArray[np.int64]:
    """Return the characters of each folded text."""
    return np.array([len(text) for text in texts], np.int64)


def titled(keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the grams as those of a title."""
    return keys ^ np.uint64(0xA5A5_5A5A_C3C3_3C3C)


def count_grams(vocabulary: NgramVocabulary, texts: Sequence[str], titles: Sequence[str]) -> sp.csr_matrix:
    """Return how often each gram stands in each review; a gram of the title is counted as that as well."""
    grams = grams_of(texts)
    rows, keys = grams.rows, grams.keys
    if any(titles):
        of_titles = grams_of(titles)
        rows = np.concatenate((rows, of_titles.rows))
        keys = np.concatenate((keys, titled(of_titles.keys)))
    return vocabulary.count(rows, keys, len(texts))


def frequencies(counts: Vector, member: int) -> Vector:
    """Return what a member makes of how often a gram stands in a review: the first asks only whether it does."""
    return np.ones(len(counts)) if member == 0 else 1 + np.log(counts)


def normalised(counts: sp.csr_matrix, rows: NDArray[np.int64], values: Vector, families: NDArray[np.int8]) -> Vector:
    """Return the values of a row's grams scaled so that each group of them has length 1, those of titles less.

    Else the letters, of which there are ten times as many, would drown the words.
    """
    of = families[counts.indices]
    cells = rows * (2 * GROUPS) + of
    norms = np.sqrt(np.bincount(cells, values * values))
    shares = np.where(of >= GROUPS, _TITLE_SHARE, 1.0)
    found: Vector = shares * values / np.maximum(norms[cells], 1e-12)
    return found


def codes_of(categories: Sequence[str], own: Sequence[str]) -> NDArray[np.int64]:
    """Return the number of each category, from 1 in the order of `own`, 0 for one that is not among them."""
    known = {name: place for place, name in enumerate(own, start=1)}
    return np.array([known.get(name, 0) for name in categories], np.int64)


def bins_of(lengths: NDArray[np.int64], edges: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return the bin of each length."""
    return np.searchsorted(edges, lengths).astype(np.int64)


def evidence_of(margins: Vector, bins: NDArray[np.int64], codes: NDArray[np.int64], categories: int) -> Vector:
    """Return (n, …) what sentiment is calibrated on: the mean margin, and what it means in a category and a length.

    Length tells something only within a category: long reviews praise books, and blame phones.
    """
    mean = margins.mean(axis=1, keepdims=True)
    if not categories:
        return np.asarray(mean)
    of_category = _JOINT_SHARE * np.eye(1 + categories)[codes]
    of_length = np.eye(BINS)[bins]
    both = (of_category[:, :, None] * of_length[:, None, :]).reshape(len(codes), -1)
    return np.concatenate([mean, _JOINT_SHARE * of_length, of_category, of_category * mean, both], axis=1)
