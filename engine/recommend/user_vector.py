"""A shopper's taste: unit vectors of each block that sum up what they have, as one whole and as several interests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.indexes.row_filter import Mask
from engine.recommend.history import ItemAffinity
from engine.recommend.interests import find_interests
from engine.recommend.scoring_weights import ScoringWeights
from engine.scoring.fusion import BEHAVIOUR, TASTE, Calibration, Matrix
from engine.scoring.query import TastePart
from engine.scoring.vectors import to_unit
from engine.search.read_view import ReadView

# Ward's tree grows with the square of these, and what is weakest tells least.
_MOST_CLUSTERED = 100

Vectors = dict[str, Matrix]


class InterestPart(NamedTuple):
    """One interest as a part of a query, its share, and the places of its items, the one that stands for it first."""

    part: TastePart
    share: float
    members: tuple[int, ...]


def block_weights(dims: Mapping[str, int], recipe: ScoringWeights) -> dict[str, float]:
    """Return what each block of vectors weighs in a recommendation; 1 in sum where nothing was learnt of behaviour."""
    content = [block for block in dims if block != BEHAVIOUR]
    if BEHAVIOUR not in dims:
        return dict.fromkeys(content, 1.0 / len(content))
    return {BEHAVIOUR: recipe.behaviour} | dict.fromkeys(content, recipe.content / max(1, len(content)))


@dataclass(frozen=True)
class UserVector:
    """What of a history is in one view: rows, and what they count.

    had, rows: (n,) the items that are there, most liked first.   blocks: block → (n, d_b) unit rows, zero where
    missing, and (n,) whether there is one.   weights: what each block weighs.
    """

    had: Sequence[ItemAffinity]
    rows: NDArray[np.int64]
    blocks: Mapping[str, tuple[Matrix, Mask]]
    weights: Mapping[str, float]
    calibration: Calibration
    recipe: ScoringWeights

    @classmethod
    def of(
        cls, had: Sequence[ItemAffinity], view: ReadView, weights: Mapping[str, float], recipe: ScoringWeights
    ) -> "UserVector":
        """Return the taste of a history; items that are not in the view are left out."""
        found = view.rows_of(one.item_id for one in had)
        placed = [(one, row) for one, row in zip(had, found, strict=True) if row is not None]
        rows = np.array([row for _, row in placed], np.int64)
        blocks = view.vectors_of(rows)
        return cls([one for one, _ in placed], rows, blocks, weights, view.snapshot.calibration, recipe)

    @cached_property
    def counts(self) -> NDArray[np.float32]:
        """What each item counts, below 0 for one that is not liked: (n,)."""
        return np.array([one.weight for one in self.had], np.float32)

    @cached_property
    def whole(self) -> TastePart | None:
        """All of it as one part; of somebody who only dislikes, what to keep away from; None if nothing is known."""
        liked = self._summed(np.ones(len(self.had), np.bool_))
        if (self.counts > 0).any():
            return TastePart(liked) if liked else None
        disliked = {block: -vector for block, vector in liked.items()}
        return TastePart(disliked, weight=-1.0) if disliked else None

    @cached_property
    def interests(self) -> list[InterestPart]:
        """The interests, the strongest first; none if nothing is liked.

        The part of each is the whole taste, leaning to that interest as far as the recipe's `focus` says.
        """
        whole = self.whole
        if whole is None or whole.weight < 0:
            return []
        places = self._clustered
        vectors = self._alike(self.blocks)[places]
        found = find_interests(vectors, self.counts[places], self._usual, most=self.recipe.interests)
        interests = []
        for one in found:
            members = tuple(places[list(one.members)].tolist())
            interests.append(InterestPart(self._leaning(whole, members), one.share, members))
        return interests

    def adding(self, view: ReadView, row: int, block: str, leaning: InterestPart | None = None) -> NDArray[np.float32]:
        """Return what each item adds to what a block gives to a row, but for a factor: (n,), -inf for those not liked.

        leaning: the interest that asks, None if the whole taste does.   An item that is as like as two items of the
        shop usually are adds nothing.
        """
        rows, there = self.blocks[block]
        likeness = rows @ view.vectors(row)[block] - np.float32(self.calibration.similarities["item", block].mean)
        focus = np.float32(0.0 if leaning is None else self.recipe.focus)
        counts = (1 - focus) * self._per_length(block, np.ones(len(self.had), np.bool_))
        if leaning is not None:
            counts = counts + focus * self._per_length(block, self._chosen(leaning.members))
        adds: NDArray[np.float32] = np.where(there & (self.counts > 0), counts * likeness, np.float32(-np.inf))
        return adds

    def share(self, view: ReadView, row: int, block: str, weight: float) -> float:
        """Return what the whole taste adds to the score of a row through a block. weight: of it among all parts."""
        vector = {} if self.whole is None else self.whole.vectors
        if block not in vector:
            return 0.0
        usual = self.calibration.of(TASTE, block)
        likeness = float(vector[block] @ view.vectors(row)[block])
        return self.weights[block] * weight * (likeness - usual.mean) / usual.std

    def _leaning(self, whole: TastePart, members: Sequence[int]) -> TastePart:
        focus = np.float32(self.recipe.focus)
        own = self._summed(self._chosen(members))
        # Not unit vectors: so their scores are the same mean of the two scores.
        return TastePart(
            {block: (1 - focus) * vector + focus * own.get(block, vector) for block, vector in whole.vectors.items()}
        )

    def _chosen(self, members: Sequence[int]) -> NDArray[np.bool_]:
        """Return which items an interest of its own is made of: those of it, and all that are disliked."""
        chosen = self.counts < 0
        chosen[list(members)] = True
        return chosen

    def _per_length(self, block: str, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
        """Return what each item counts in the unit vector of some of them: (n,), 0 for the others."""
        counts = np.where(chosen, self.counts, np.float32(0))
        length = float(np.linalg.norm(counts @ self.blocks[block][0]))
        per_length: NDArray[np.float32] = np.float32(1.0 / (length or 1.0)) * counts
        return per_length

    def _summed(self, chosen: NDArray[np.bool_]) -> Vectors:
        """Return by block the direction of some items' weighted sum; a block that it cancels in is left out."""
        counts = np.where(chosen, self.counts, np.float32(0))
        sums = {block: counts @ rows for block, (rows, _) in self.blocks.items() if self.weights.get(block)}
        # Of what the counts could sum to: those of an old history are all small.
        least = 1e-6 * float(np.abs(counts).sum())
        return {block: to_unit(vector) for block, vector in sums.items() if np.linalg.norm(vector) > least}

    @cached_property
    def _clustered(self) -> NDArray[np.int64]:
        """The places of the liked items that interests are looked for in."""
        able = np.zeros(len(self.had), np.bool_)
        for block, (_, there) in self.blocks.items():
            able |= there & (self.weights.get(block, 0.0) > 0)
        places: NDArray[np.int64] = np.flatnonzero(able & (self.counts > 0))
        return places[np.argsort(-self.counts[places], kind="stable")][:_MOST_CLUSTERED]

    def _alike(self, blocks: Mapping[str, tuple[Matrix, Mask]]) -> Matrix:
        """Return (n, sum d_b) unit rows whose inner product is the likeness of two items in all blocks that count."""
        return to_unit(
            np.hstack([np.float32(self._factors[block] ** 0.5) * blocks[block][0] for block in self._factors])
        )

    @cached_property
    def _factors(self) -> dict[str, float]:
        """What a cosine counts by block, so that each block spreads as far as its weight says."""
        usual = self.calibration.similarities
        return {
            block: weight / usual["item", block].std
            for block, weight in self.weights.items()
            if weight and block in self.blocks
        }

    @cached_property
    def _usual(self) -> float:
        """The likeness that two items of the shop usually have."""
        means = [factor * self.calibration.similarities["item", block].mean for block, factor in self._factors.items()]
        return sum(means) / sum(self._factors.values())
