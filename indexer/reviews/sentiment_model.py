"""The sentiment model of one script: two linear models over n-grams, joined and calibrated on out-of-fold reviews.

The first weighs each n-gram by its log-count ratio between positive and negative reviews (Wang and Manning, 2012), the
second by its inverse document frequency. Both have weights for all reviews and further ones for each category: "thin"
may be praise for a phone and criticism of a coat.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from indexer.reviews.ngram_vocabulary import NgramVocabulary
from indexer.reviews.review_features import Vector, bins_of, codes_of, count_grams, evidence_of, frequencies, normalised

MEMBERS = 2


@dataclass(frozen=True, slots=True)
class SentimentModel:
    """The learnt weights, for v n-grams and c categories with weights of their own.

    Attributes:
        families: (v,) group of each n-gram; the groups of title n-grams come last.
        scales: (2, v) factor of each n-gram in each member.
        weights: (2, 1 + c, v) weights for all reviews, then for each category.
        biases: (2, 1 + c).
        edges: Boundaries between the bins of length, in characters.
        spreads: (2,) standard deviation of each member's margins.
        joint: Weights of the features that `evidence_of` computes.
        bias: Intercept of the joint model.
    """

    vocabulary: NgramVocabulary
    categories: tuple[str, ...]
    families: NDArray[np.int8]
    scales: NDArray[np.float32]
    weights: NDArray[np.float32]
    biases: NDArray[np.float32]
    edges: NDArray[np.float32]
    spreads: NDArray[np.float32]
    joint: NDArray[np.float32]
    bias: float

    def counts(self, texts: Sequence[str], titles: Sequence[str]) -> sp.csr_matrix:
        """Return (n, v) counts of each n-gram; those of a title are counted as title n-grams as well."""
        return count_grams(self.vocabulary, texts, titles)

    def codes(self, categories: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of each category, 0 for one without weights of its own."""
        return codes_of(categories, self.categories)

    def margins(self, counts: sp.csr_matrix, codes: NDArray[np.int64]) -> Vector:
        """Return (n, 2) the margin of each member: positive for praise, with a standard deviation of 1."""
        margins = np.zeros((counts.shape[0], MEMBERS))
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        for member in range(MEMBERS):
            values = normalised(
                counts, rows, frequencies(counts.data, member) * self.scales[member][counts.indices], self.families
            )
            weights = self.weights[member]
            coefficients = weights[0][counts.indices]
            if len(self.categories):
                row_codes = codes[rows]
                coefficients = coefficients + np.where(row_codes > 0, weights[row_codes, counts.indices], 0)
            sums = np.bincount(rows, values * coefficients, counts.shape[0])
            biases = self.biases[member]
            sums = sums + biases[0] + np.where(codes > 0, biases[codes], 0)
            margins[:, member] = sums / self.spreads[member]
        return margins

    def logits(self, margins: Vector, lengths: NDArray[np.int64], codes: NDArray[np.int64]) -> Vector:
        """Return (n,) log-odds that each review is positive, with both classes equally likely a priori."""
        evidence = evidence_of(margins, bins_of(lengths, self.edges), codes, len(self.categories))
        logits: Vector = evidence @ self.joint + self.bias
        return logits
