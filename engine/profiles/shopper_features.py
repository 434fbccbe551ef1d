"""Features that distinguish shoppers: activity, products, prices and visual taste, as numbers.

A build computes them for all shoppers at once to find segments, a server for one shopper to find theirs. It is the same
code, so a shopper lands where the build would have put them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.events.event import EventType
from engine.events.shop_clock import MAX_LEAD_S
from engine.recommend.scoring_weights import DAY_S, ScoringWeights
from engine.scoring.vectors import Matrix

TYPES = tuple(EventType)
"""The event types that codes index."""

PREFERENCE_WEIGHTS: Mapping[EventType, float] = {
    kind: max(0.0, count) for kind, count in ScoringWeights().event_weights().items()
}
"""How much an event of each type says about preferences; returns and dislikes say nothing."""

# Weight of each group of features in the distance of two shoppers.
_GROUP_WEIGHTS = {"activity": 1.0, "price": 0.7, "kinds": 1.5, "taste": 1.0}

# Strength of the population's mean as a prior, in events.
_PRIOR_EVENTS = 5.0

# Cap on a single feature, or an outlier in one would be similar to nobody in any.
_MAX_DEVIATION = 1.5

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interactions:
    """n events of some shoppers.

    Attributes:
        users: (n,) indices of the shoppers.
        items: (n,) indices of the items.
        types: (n,) indices into TYPES.
        times_s: (n,).
    """

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    types: NDArray[np.int8]
    times_s: Numbers
    user_count: int


@dataclass(frozen=True, slots=True)
class ItemFeatures:
    """Features of the m items of some events.

    Attributes:
        kinds: (m, c) share of each kind, zero rows where unknown.
        ranks: (m,) share of the shop's items that cost less, NaN without a price.
        taste: (m, p) projected vectors.
        known: (m,) whether the item is in the snapshot.
    """

    kinds: Numbers
    ranks: Numbers
    taste: Numbers
    known: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ShopperFeatures:
    """Features of u shoppers.

    Attributes:
        events: (u,) number of events.
        bought: (u,) share of purchases among views, carts, likes and purchases.
        returned: (u,) share of purchases that were returned.
        idle_days: (u,) days since the last event.
        price: (u,) mean price rank of purchases, or of all events without purchases; NaN without a price.
        kinds: (u, c) shares of kinds in the events.
        taste: (u, p) mean taste.
    """

    events: Numbers
    bought: Numbers
    returned: Numbers
    idle_days: Numbers
    price: Numbers
    kinds: Numbers
    taste: Numbers

    def groups(self) -> dict[str, Numbers]:
        """Return the features by group, each (u, k), log-transformed where they are skewed."""
        activity = [np.log1p(self.events), self.bought, self.returned, np.log1p(self.idle_days)]
        return {
            "activity": np.stack(activity, axis=1),
            "price": self.price[:, None],
            "kinds": self.kinds,
            "taste": self.taste,
        }


@dataclass(frozen=True, slots=True)
class FeatureScale:
    """Mean and spread of each feature, (f,); a feature that is the same for all shoppers has a spread of 0."""

    mean: Numbers
    spread: Numbers

    @classmethod
    def fit(cls, features: ShopperFeatures) -> "FeatureScale":
        """Return the scale of all shoppers, such that each group of features has its own weight in a distance."""
        means, spreads = [], []
        for name, numbers in features.groups().items():
            known = np.isfinite(numbers)
            count = np.maximum(known.sum(axis=0), 1)
            mean = np.where(known, numbers, 0.0).sum(axis=0) / count
            deviation = np.where(known, numbers - mean, 0.0)
            total = float(np.square(deviation).sum() / max(1, len(numbers)))
            means.append(mean)
            if name == "activity":
                # These are unrelated, so each is scaled by itself; the others are parts of one thing.
                spread = np.sqrt(np.square(deviation).mean(axis=0) * len(mean)) / _GROUP_WEIGHTS[name]
            else:
                spread = np.full(len(mean), np.sqrt(total) / _GROUP_WEIGHTS[name])
            spreads.append(spread)
        return cls(np.concatenate(means), np.concatenate(spreads))

    def to_points(self, features: ShopperFeatures) -> Numbers:
        """Return (u, f) points whose distances measure how different shoppers are; unknown features are average."""
        groups = features.groups()
        numbers = np.concatenate(list(groups.values()), axis=1)
        deviation = np.where(np.isfinite(numbers), numbers - self.mean, 0.0)
        # Shrunk towards the mean: few events say little about preferences.
        deviation[:, groups["activity"].shape[1] :] *= (features.events / (features.events + _PRIOR_EVENTS))[:, None]
        points = np.divide(deviation, self.spread, out=np.zeros_like(deviation), where=self.spread > 1e-9)
        return np.clip(points, -_MAX_DEVIATION, _MAX_DEVIATION)


def compute_features(interactions: Interactions, item_features: ItemFeatures, now_s: float) -> ShopperFeatures:
    """Return the features of each shopper. now_s: the time that idleness is measured from, see `shop_clock`."""
    users = interactions.user_count
    preference = (
        np.array([PREFERENCE_WEIGHTS[kind] for kind in TYPES])[interactions.types]
        * item_features.known[interactions.items]
    )
    bought = interactions.types == TYPES.index(EventType.PURCHASE)
    purchases = np.bincount(interactions.users, bought, minlength=users)
    returns = np.bincount(interactions.users, interactions.types == TYPES.index(EventType.RETURN), minlength=users)
    positive = np.bincount(
        interactions.users,
        np.array([PREFERENCE_WEIGHTS[kind] > 0 for kind in TYPES])[interactions.types],
        minlength=users,
    )
    events = np.bincount(interactions.users, minlength=users).astype(np.float64)
    # An event further in the future has a wrong clock, and says nothing about the last visit.
    plausible = interactions.times_s <= now_s + MAX_LEAD_S
    last_s = np.full(users, -np.inf)
    np.maximum.at(last_s, interactions.users[plausible], interactions.times_s[plausible])
    last_s = np.where(np.isfinite(last_s), last_s, now_s)
    price = _mean_rank(interactions, bought * item_features.known[interactions.items], item_features.ranks)
    price = np.where(np.isfinite(price), price, _mean_rank(interactions, preference, item_features.ranks))
    total = np.maximum(np.bincount(interactions.users, preference, minlength=users), 1e-12)[:, None]
    return ShopperFeatures(
        events,
        purchases / np.maximum(positive, 1),
        np.minimum(returns / np.maximum(purchases, 1), 1.0),
        np.maximum(now_s - last_s, 0.0) / DAY_S,
        price,
        _sum_by_user(interactions, preference, item_features.kinds) / total,
        _sum_by_user(interactions, preference, item_features.taste) / total,
    )


def _sum_by_user(interactions: Interactions, weights: Numbers, values: Numbers) -> Numbers:
    """Return (u, k), the weighted sum over each shopper's items of the values (m, k)."""
    from scipy.sparse import csr_array

    matrix = csr_array(
        (weights, (interactions.users, interactions.items)), shape=(interactions.user_count, len(values))
    )
    summed: Numbers = np.asarray(matrix @ values, np.float64)
    return summed


def _mean_rank(interactions: Interactions, weights: Numbers, ranks: Numbers) -> Numbers:
    known = np.isfinite(ranks)
    present = _sum_by_user(interactions, weights, known.astype(np.float64)[:, None])[:, 0]
    total = _sum_by_user(interactions, weights, np.where(known, ranks, 0.0)[:, None])[:, 0]
    mean: Numbers = np.divide(total, present, out=np.full(len(present), np.nan), where=present > 0)
    return mean


@dataclass(frozen=True, slots=True)
class FeatureSpace:
    """How items are mapped to features.

    Attributes:
        field: The field of kinds, "" for none.
        kinds: The values of that field that count.
        prices: Quantiles of the shop's prices, ascending.
        centre: (d,) subtracted from the concatenated blocks of an item.
        basis: (d, p) that they are then projected on.
    """

    field: str
    kinds: tuple[str, ...]
    prices: Numbers
    centre: Matrix
    basis: Matrix

    @property
    def feature_count(self) -> int:
        """The length of a shopper's point, see `ShopperFeatures.groups`."""
        return 4 + 1 + len(self.kinds) + int(self.basis.shape[1])

    def to_ranks(self, prices: Numbers) -> Numbers:
        """Return the share of the shop's items that cost less than each price, NaN for none."""
        if not len(self.prices):
            return np.full(len(prices), np.nan)
        ranks = np.searchsorted(self.prices, prices) / len(self.prices)
        return np.where(np.isfinite(prices), ranks, np.nan)

    def to_taste(self, blocks: Mapping[str, tuple[Matrix, NDArray[np.bool_]]]) -> Numbers:
        """Return (m, p) from the blocks of m items; a missing block counts as the mean of all items."""
        if not self.basis.size:
            return np.zeros((len(next(iter(blocks.values()))[1]), 0))
        rows = np.concatenate([vectors for vectors, _ in blocks.values()], axis=1)
        present = np.concatenate(
            [np.repeat(present[:, None], vectors.shape[1], axis=1) for vectors, present in blocks.values()], axis=1
        )
        taste: Numbers = np.where(present, rows - self.centre, 0.0) @ self.basis.astype(np.float64)
        return taste

    def to_kinds(self, values: Sequence[tuple[str, ...]]) -> Numbers:
        """Return (m, c), the kinds of m items from their values in the field."""
        columns = {kind: column for column, kind in enumerate(self.kinds)}
        kinds = np.zeros((len(values), len(self.kinds)))
        for row, present in enumerate(values):
            for value in present:
                if value in columns:
                    kinds[row, columns[value]] = 1.0 / len(present)
        return kinds
