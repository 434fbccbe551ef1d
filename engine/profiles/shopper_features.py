"""What tells shoppers apart, as numbers: how active they are, what they take, what they pay, which look they like.

A build works them out for all shoppers at once and finds the segments, a server for one shopper and finds theirs; it is
the same code, so that a shopper stands where the build would have put them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.events.event import EventType
from engine.events.shop_clock import TOLERANCE_S
from engine.recommend.scoring_weights import DAY_S, ScoringWeights
from engine.scoring.vectors import Matrix

TYPES = tuple(EventType)
"""What the codes of event types stand for."""

WORTH: Mapping[EventType, float] = {kind: max(0.0, count) for kind, count in ScoringWeights().event_weights().items()}
"""How much an event says of what somebody prefers; what was sent back or disliked says nothing of that."""

# How much each group of numbers counts in what tells shoppers apart.
_GROUP_WEIGHTS = {"activity": 1.0, "price": 0.7, "kinds": 1.5, "taste": 1.0}

# As many events as a shopper without any has of what is usual.
_DOUBT = 5.0

# One number alone tells no more than this, or who is unlike all in it would be alike to nobody in anything.
_FURTHEST = 1.5

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Interactions:
    """n events of some shoppers. users, items: (n,) places of each.   types: (n,) places in TYPES.   times_s: (n,)."""

    users: NDArray[np.int32]
    items: NDArray[np.int32]
    types: NDArray[np.int8]
    times_s: Numbers
    user_count: int


@dataclass(frozen=True, slots=True)
class ItemFeatures:
    """m items that events are of. kinds: (m, c) the share of each kind in it, zero rows where nothing is known.

    ranks: (m,) the share of the shop's items that cost less, NaN without a price.   taste: (m, p).
    known: (m,) whether the item is in the snapshot.
    """

    kinds: Numbers
    ranks: Numbers
    taste: Numbers
    known: NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class ShopperFeatures:
    """Of u shoppers. events: (u,).   idle_days: (u,).

    bought: (u,) the share of purchases in what was looked at, put into carts, liked or bought.
    returned: (u,) the share of purchases that were sent back.
    price: (u,) the mean rank of what was bought, or of all if nothing was; NaN without a price.
    kinds: (u, c) shares of what was taken.   taste: (u, p) its mean.
    """

    events: Numbers
    bought: Numbers
    returned: Numbers
    idle_days: Numbers
    price: Numbers
    kinds: Numbers
    taste: Numbers

    def groups(self) -> dict[str, Numbers]:
        """Return the numbers by group, each (u, k), drawn together where they are skewed."""
        activity = [np.log1p(self.events), self.bought, self.returned, np.log1p(self.idle_days)]
        return {
            "activity": np.stack(activity, axis=1),
            "price": self.price[:, None],
            "kinds": self.kinds,
            "taste": self.taste,
        }


@dataclass(frozen=True, slots=True)
class FeatureScale:
    """What is usual of each number: mean and spread, (f,); numbers that are the same for all have a spread of 0."""

    mean: Numbers
    spread: Numbers

    @classmethod
    def of(cls, traits: ShopperFeatures) -> "FeatureScale":
        """Return the scale of all shoppers, such that each group of numbers has its own weight in a distance."""
        means, spreads = [], []
        for name, numbers in traits.groups().items():
            known = np.isfinite(numbers)
            count = np.maximum(known.sum(axis=0), 1)
            mean = np.where(known, numbers, 0.0).sum(axis=0) / count
            apart = np.where(known, numbers - mean, 0.0)
            total = float(np.square(apart).sum() / max(1, len(numbers)))
            means.append(mean)
            if name == "activity":
                # These are of different kinds, so each counts by itself; the others are parts of one thing.
                spread = np.sqrt(np.square(apart).mean(axis=0) * len(mean)) / _GROUP_WEIGHTS[name]
            else:
                spread = np.full(len(mean), np.sqrt(total) / _GROUP_WEIGHTS[name])
            spreads.append(spread)
        return cls(np.concatenate(means), np.concatenate(spreads))

    def to_points(self, traits: ShopperFeatures) -> Numbers:
        """Return (u, f) points whose distances tell how unlike shoppers are; what is not known of one is usual."""
        groups = traits.groups()
        numbers = np.concatenate(list(groups.values()), axis=1)
        apart = np.where(np.isfinite(numbers), numbers - self.mean, 0.0)
        # What somebody takes is known only as well as there are events of it.
        apart[:, groups["activity"].shape[1] :] *= (traits.events / (traits.events + _DOUBT))[:, None]
        points = np.divide(apart, self.spread, out=np.zeros_like(apart), where=self.spread > 1e-9)
        return np.clip(points, -_FURTHEST, _FURTHEST)


def compute_features(acts: Interactions, shelf: ItemFeatures, now_s: float) -> ShopperFeatures:
    """Return the traits of each shopper. now_s: the time that idleness is counted to, see `shop_clock`."""
    users = acts.user_count
    worth = np.array([WORTH[kind] for kind in TYPES])[acts.types] * shelf.known[acts.items]
    bought = acts.types == TYPES.index(EventType.PURCHASE)
    purchases = np.bincount(acts.users, bought, minlength=users)
    returns = np.bincount(acts.users, acts.types == TYPES.index(EventType.RETURN), minlength=users)
    wanted = np.bincount(acts.users, np.array([WORTH[kind] > 0 for kind in TYPES])[acts.types], minlength=users)
    events = np.bincount(acts.users, minlength=users).astype(np.float64)
    # An event further ahead is of a wrong clock, and says nothing of when somebody was here.
    right = acts.times_s <= now_s + TOLERANCE_S
    last_s = np.full(users, -np.inf)
    np.maximum.at(last_s, acts.users[right], acts.times_s[right])
    last_s = np.where(np.isfinite(last_s), last_s, now_s)
    price = _mean_rank(acts, bought * shelf.known[acts.items], shelf.ranks)
    price = np.where(np.isfinite(price), price, _mean_rank(acts, worth, shelf.ranks))
    total = np.maximum(np.bincount(acts.users, worth, minlength=users), 1e-12)[:, None]
    return ShopperFeatures(
        events,
        purchases / np.maximum(wanted, 1),
        np.minimum(returns / np.maximum(purchases, 1), 1.0),
        np.maximum(now_s - last_s, 0.0) / DAY_S,
        price,
        _summed(acts, worth, shelf.kinds) / total,
        _summed(acts, worth, shelf.taste) / total,
    )


def _summed(acts: Interactions, weights: Numbers, values: Numbers) -> Numbers:
    """Return (u, k), the weighted sum of the values (m, k) of what each shopper took."""
    from scipy.sparse import csr_array

    taken = csr_array((weights, (acts.users, acts.items)), shape=(acts.user_count, len(values)))
    summed: Numbers = np.asarray(taken @ values, np.float64)
    return summed


def _mean_rank(acts: Interactions, weights: Numbers, ranks: Numbers) -> Numbers:
    known = np.isfinite(ranks)
    there = _summed(acts, weights, known.astype(np.float64)[:, None])[:, 0]
    total = _summed(acts, weights, np.where(known, ranks, 0.0)[:, None])[:, 0]
    mean: Numbers = np.divide(total, there, out=np.full(len(there), np.nan), where=there > 0)
    return mean


@dataclass(frozen=True, slots=True)
class FeatureSpace:
    """How items become a shelf. field: the one of kinds, "" for none; kinds: its values that count.

    prices: ascending, of the shop's items, as many as tell a rank.   centre, basis: (d,), (d, p), what the blocks of an
    item, one after the other, are seen through.
    """

    field: str
    kinds: tuple[str, ...]
    prices: Numbers
    centre: Matrix
    basis: Matrix

    @property
    def feature_count(self) -> int:
        """How many numbers a point of a shopper has, see `ShopperFeatures.groups`."""
        return 4 + 1 + len(self.kinds) + int(self.basis.shape[1])

    def to_ranks(self, prices: Numbers) -> Numbers:
        """Return the share of the shop's items that cost less than each price, NaN for none."""
        if not len(self.prices):
            return np.full(len(prices), np.nan)
        ranks = np.searchsorted(self.prices, prices) / len(self.prices)
        return np.where(np.isfinite(prices), ranks, np.nan)

    def to_taste(self, blocks: Mapping[str, tuple[Matrix, NDArray[np.bool_]]]) -> Numbers:
        """Return (m, p) of the blocks of m items; one that lacks a block counts there as the mean of all."""
        if not self.basis.size:
            return np.zeros((len(next(iter(blocks.values()))[1]), 0))
        rows = np.concatenate([vectors for vectors, _ in blocks.values()], axis=1)
        there = np.concatenate(
            [np.repeat(present[:, None], vectors.shape[1], axis=1) for vectors, present in blocks.values()], axis=1
        )
        taste: Numbers = np.where(there, rows - self.centre, 0.0) @ self.basis.astype(np.float64)
        return taste

    def to_kinds(self, values: Sequence[tuple[str, ...]]) -> Numbers:
        """Return (m, c), the kinds of m items by the values that each has in the field."""
        places = {kind: place for place, kind in enumerate(self.kinds)}
        kinds = np.zeros((len(values), len(self.kinds)))
        for row, there in enumerate(values):
            for value in there:
                if value in places:
                    kinds[row, places[value]] = 1.0 / len(there)
        return kinds
