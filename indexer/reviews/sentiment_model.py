"""One writing's judge of sentiment: two linear models over grams, joined and calibrated on reviews they had not seen.

The first weighs each gram by how much oftener praise has it than blame (the log-count ratio of Wang and Manning, 2012),
the second by how rare it is. Both know what holds for all reviews and what holds within a category only, where "thin"
may praise a phone and blame a coat.
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
    """What was learnt: v grams, c categories with weights of their own.

    families: (v,) the group of each gram; those of titles come after the others.
    scales: (2, v) what each member multiplies a gram with.   weights: (2, 1 + c, v) of all reviews, then by category.
    biases: (2, 1 + c).   edges: the lengths between the bins of length.   spreads: (2,) the members' usual scores.
    joint: the weights of what `evidence_of` makes.   bias: its constant.
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
        """Return how often each gram stands in each review; a gram of the title is counted as that as well."""
        return count_grams(self.vocabulary, texts, titles)

    def codes(self, categories: Sequence[str]) -> NDArray[np.int64]:
        """Return the number of each category, 0 for one without weights of its own."""
        return codes_of(categories, self.categories)

    def margins(self, counts: sp.csr_matrix, codes: NDArray[np.int64]) -> Vector:
        """Return (n, 2) what each member says of each row: above 0 is praise, 1 is usual."""
        found = np.zeros((counts.shape[0], MEMBERS))
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
        for member in range(MEMBERS):
            values = normalised(
                counts, rows, frequencies(counts.data, member) * self.scales[member][counts.indices], self.families
            )
            weights = self.weights[member]
            learnt = weights[0][counts.indices]
            if len(self.categories):
                own = codes[rows]
                learnt = learnt + np.where(own > 0, weights[own, counts.indices], 0)
            sums = np.bincount(rows, values * learnt, counts.shape[0])
            biases = self.biases[member]
            sums = sums + biases[0] + np.where(codes > 0, biases[codes], 0)
            found[:, member] = sums / self.spreads[member]
        return found

    def logits(self, margins: Vector, lengths: NDArray[np.int64], codes: NDArray[np.int64]) -> Vector:
        """Return the log-odds, (n,), that each review praises, if praise were as common as blame."""
        evidence = evidence_of(margins, bins_of(lengths, self.edges), codes, len(self.categories))
        found: Vector = evidence @ self.joint + self.bias
        return found
