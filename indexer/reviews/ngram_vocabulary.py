"""Which grams a model knows, found again by the million, and texts counted in them."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from indexer.reviews.ngrams import Hashes, Ngrams, to_grams

_AT_ONCE = 1000


class NgramVocabulary:
    """Distinct grams in ascending order of their hashes, numbered from 0."""

    def __init__(self, keys: Hashes) -> None:
        self.keys = keys
        # Hashes are spread evenly, so their first bits tell where to look.
        bits = max(1, len(keys).bit_length())
        self._shift = np.uint64(64 - bits)
        edges = np.arange(2**bits, dtype=np.uint64) << self._shift
        self._starts = np.append(np.searchsorted(keys, edges), len(keys)).astype(np.int64)

    def __len__(self) -> int:
        return len(self.keys)

    def places(self, wanted: Hashes) -> NDArray[np.int64]:
        """Return the number of each gram, -1 for one that is not known. Cost: some 50 ns each."""
        buckets = (wanted >> self._shift).astype(np.int64)
        places, ends = self._starts[buckets], self._starts[buckets + 1]
        found = np.full(len(wanted), -1, np.int64)
        left = np.flatnonzero(places < ends)
        while len(left):
            same = self.keys[places[left]] == wanted[left]
            found[left[same]] = places[left[same]]
            left = left[~same]
            places[left] += 1
            left = left[places[left] < ends[left]]
        return found

    def count(self, rows: NDArray[np.integer], keys: Hashes, row_count: int) -> sp.csr_matrix:
        """Return (row_count, len(self)) how often each known gram stands in each row."""
        places = self.places(keys)
        known = np.flatnonzero(places >= 0)
        ones = np.ones(len(known))
        counts = sp.csr_matrix((ones, (rows[known], places[known])), shape=(row_count, len(self)))
        counts.sum_duplicates()
        return counts


def grams_of(folded: Sequence[str], whole: bool = False) -> Ngrams:
    """Return the grams of any number of texts, a thousand at a time to stay in the cache.

    whole: whether starts and ends count through all texts and not anew in each thousand.
    """
    found = []
    before = 0
    for start in range(0, max(1, len(folded)), _AT_ONCE):
        texts = folded[start : start + _AT_ONCE]
        part = to_grams(texts)
        shift = np.int32(before if whole else 0)
        found.append((part.rows + np.int32(start), part.keys, part.families, part.starts + shift, part.ends + shift))
        before += sum(map(len, texts)) + len(texts)
    rows, keys, families, starts, ends = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Ngrams(rows, keys, families, starts, ends)


def common(grams: Ngrams, least: int, most: int) -> tuple[Hashes, NDArray[np.int8]]:
    """Return the grams, ascending, that stand in `least` texts or more, and the family of each.

    Of more than `most` those in the most texts.
    """
    order = np.lexsort((grams.rows, grams.keys))
    keys, rows, families = grams.keys[order], grams.rows[order], grams.families[order]
    new = np.ones(len(keys), np.bool_)
    new[1:] = (keys[1:] != keys[:-1]) | (rows[1:] != rows[:-1])
    different, first, counts = np.unique(keys[new], return_index=True, return_counts=True)
    if np.count_nonzero(counts >= least) > most:
        least = max(least, int(np.partition(counts, len(counts) - most)[len(counts) - most]))
    kept = counts >= least
    return different[kept], families[new][first[kept]]
