"""A shopper's user vector: unit vectors per block that sum up the history, as a whole and per interest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from engine.indexes.row_filter import Mask
from engine.recommend.history import ItemAffinity
from engine.recommend.interests import Interest, find_interests
from engine.recommend.scoring_weights import ScoringWeights
from engine.scoring.fusion import BEHAVIOUR, TASTE, Calibration, Matrix
from engine.scoring.query import TastePart
from engine.scoring.vectors import to_unit
from engine.search.read_view import ReadView

# Ward clustering is quadratic in the number of items, and the weakest items matter least.
_MAX_CLUSTERED = 100

Vectors = dict[str, Matrix]


def block_weights(dims: Mapping[str, int], scoring: ScoringWeights) -> dict[str, float]:
    """Return the weight of each block of vectors in a recommendation; they sum to 1 without a behaviour block."""
    content = [block for block in dims if block != BEHAVIOUR]
    if BEHAVIOUR not in dims:
        return dict.fromkeys(content, 1.0 / len(content))
    return {BEHAVIOUR: scoring.behaviour} | dict.fromkeys(content, scoring.content / max(1, len(content)))


@dataclass(frozen=True)
class UserVector:
    """The part of a history that one view contains, with its vectors.

    Attributes:
        items: (n,) affinities of the items in the view, highest weight first.
        rows: (n,) their rows.
        blocks: block → (n, d_b) unit rows, zero where missing, and (n,) whether the item has the block.
        weights: The weight of each block.
    """

    items: Sequence[ItemAffinity]
    rows: NDArray[np.int64]
    blocks: Mapping[str, tuple[Matrix, Mask]]
    weights: Mapping[str, float]
    calibration: Calibration
    scoring: ScoringWeights

    @classmethod
    def from_affinities(
        cls, affinities: Sequence[ItemAffinity], view: ReadView, weights: Mapping[str, float], scoring: ScoringWeights
    ) -> "UserVector":
        """Return the user vector of a history; items that are not in the view are skipped."""
        found = view.rows_of(affinity.item_id for affinity in affinities)
        in_view = [(affinity, row) for affinity, row in zip(affinities, found, strict=True) if row is not None]
        rows = np.array([row for _, row in in_view], np.int64)
        blocks = view.vectors_of(rows)
        return cls([affinity for affinity, _ in in_view], rows, blocks, weights, view.snapshot.calibration, scoring)

    @cached_property
    def affinity_weights(self) -> NDArray[np.float32]:
        """The weight of each item, below 0 for disliked ones: (n,)."""
        return np.array([affinity.weight for affinity in self.items], np.float32)

    @cached_property
    def whole(self) -> TastePart | None:
        """The whole history as one query part, None if it has no vectors.

        For a shopper who only dislikes, the part has weight -1 and points at what to avoid.
        """
        sums = self._sum_vectors(np.ones(len(self.items), np.bool_))
        if (self.affinity_weights > 0).any():
            return TastePart(sums) if sums else None
        disliked = {block: -vector for block, vector in sums.items()}
        return TastePart(disliked, weight=-1.0) if disliked else None

    @cached_property
    def interests(self) -> list[Interest]:
        """The interests, strongest first; none if nothing is liked. Their members are indices into `items`."""
        if self.whole is None or self.whole.weight < 0:
            return []
        indices = self._clustered_indices
        vectors = self._joint_vectors(self.blocks)[indices]
        clusters = find_interests(
            vectors, self.affinity_weights[indices], self._mean_similarity, limit=self.scoring.interests
        )
        return [Interest(tuple(indices[list(cluster.members)].tolist()), cluster.share) for cluster in clusters]

    def to_part(self, interest: Interest) -> TastePart:
        """Return an interest as a query part: the whole taste, moved towards the interest by `scoring.focus`."""
        focus = np.float32(self.scoring.focus)
        own = self._sum_vectors(self._interest_mask(interest))
        whole = {} if self.whole is None else self.whole.vectors
        # Not unit vectors: so their scores are the same mean of the two scores.
        return TastePart(
            {block: (1 - focus) * vector + focus * own.get(block, vector) for block, vector in whole.items()}
        )

    def item_contributions(
        self, view: ReadView, row: int, block: str, interest: Interest | None = None
    ) -> NDArray[np.float32]:
        """Return how much each item adds to the score of a row in one block, up to a factor.

        An item that is as similar to the row as two average items of the catalogue adds nothing.

        Args:
            interest: The interest whose query found the row, None for the whole taste.

        Returns:
            (n,) float32, -inf for items that are not liked.
        """
        rows, present = self.blocks[block]
        similarity = rows @ view.vectors(row)[block] - np.float32(self.calibration.similarities["item", block].mean)
        focus = np.float32(0.0 if interest is None else self.scoring.focus)
        weights = (1 - focus) * self._unit_weights(block, np.ones(len(self.items), np.bool_))
        if interest is not None:
            weights = weights + focus * self._unit_weights(block, self._interest_mask(interest))
        contributions: NDArray[np.float32] = np.where(
            present & (weights > 0), weights * similarity, np.float32(-np.inf)
        )
        return contributions

    def share(self, view: ReadView, row: int, block: str, weight: float) -> float:
        """Return how much the whole taste, weighted so among all parts, adds to a row's score through a block."""
        vectors = {} if self.whole is None else self.whole.vectors
        if block not in vectors:
            return 0.0
        moments = self.calibration.of(TASTE, block)
        similarity = float(vectors[block] @ view.vectors(row)[block])
        return self.weights[block] * weight * (similarity - moments.mean) / moments.std

    def _interest_mask(self, interest: Interest) -> NDArray[np.bool_]:
        """Return which items the vector of an interest sums: its members, and all that are disliked."""
        mask = self.affinity_weights < 0
        mask[list(interest.members)] = True
        return mask

    def _unit_weights(self, block: str, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return the weight of each item in the unit vector of the masked items: (n,), 0 for the others."""
        weights = np.where(mask, self.affinity_weights, np.float32(0))
        length = float(np.linalg.norm(weights @ self.blocks[block][0]))
        unit_weights: NDArray[np.float32] = np.float32(1.0 / (length or 1.0)) * weights
        return unit_weights

    def _sum_vectors(self, mask: NDArray[np.bool_]) -> Vectors:
        """Return the direction of the masked items' weighted sum per block; blocks where it cancels are left out."""
        weights = np.where(mask, self.affinity_weights, np.float32(0))
        sums = {block: weights @ rows for block, (rows, _) in self.blocks.items() if self.weights.get(block)}
        # Relative to the largest possible sum: the weights of an old history are all small.
        tolerance = 1e-6 * float(np.abs(weights).sum())
        return {block: to_unit(vector) for block, vector in sums.items() if np.linalg.norm(vector) > tolerance}

    @cached_property
    def _clustered_indices(self) -> NDArray[np.int64]:
        """The indices of the liked items that are clustered into interests."""
        has_vector = np.zeros(len(self.items), np.bool_)
        for block, (_, present) in self.blocks.items():
            has_vector |= present & (self.weights.get(block, 0.0) > 0)
        indices: NDArray[np.int64] = np.flatnonzero(has_vector & (self.affinity_weights > 0))
        return indices[np.argsort(-self.affinity_weights[indices], kind="stable")][:_MAX_CLUSTERED]

    def _joint_vectors(self, blocks: Mapping[str, tuple[Matrix, Mask]]) -> Matrix:
        """Return (n, sum d_b) unit rows whose inner product is the similarity of two items over all weighted blocks."""
        return to_unit(
            np.hstack([np.float32(self._factors[block] ** 0.5) * blocks[block][0] for block in self._factors])
        )

    @cached_property
    def _factors(self) -> dict[str, float]:
        """The factor of a cosine per block, so that each block varies as much as its weight says."""
        similarities = self.calibration.similarities
        return {
            block: weight / similarities["item", block].std
            for block, weight in self.weights.items()
            if weight and block in self.blocks
        }

    @cached_property
    def _mean_similarity(self) -> float:
        """The mean similarity of two items of the catalogue."""
        means = [factor * self.calibration.similarities["item", block].mean for block, factor in self._factors.items()]
        return sum(means) / sum(self._factors.values())
