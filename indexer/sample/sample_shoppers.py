"""Shoppers of the demo shop and their events: views, carts, purchases, returns.

A shopper has tastes (types, colours, brands, a price band); what they view follows their tastes and the item's
popularity, so a history predicts the next purchase.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from indexer.sample.kinds import KINDS
from indexer.sample.palette import COLORS
from indexer.sample.sample_item import BRANDS, SampleItem

CONSUMED = ("mug", "plate", "t-shirt", "book", "phone case", "bottle")


@dataclass(frozen=True, slots=True)
class SampleTastes:
    """A shopper's preferences; price is the middle of their band, relative to a type's typical price."""

    kinds: tuple[str, ...]
    colors: tuple[str, ...]
    brands: tuple[str, ...]
    price: float


class SampleShop:
    """The items as columns, to weight all of them for a shopper at once."""

    def __init__(self, items: Sequence[SampleItem]) -> None:
        self.items = items
        self._popularity = np.log(np.array([0.02 + item.popularity for item in items]))
        self._kinds = np.array([item.kind.name for item in items])
        self._colors = np.array([item.color for item in items])
        self._brands = np.array([item.brand for item in items])
        self._dear = np.log(np.array([item.price / item.kind.price for item in items]))

    def appeal(self, tastes: SampleTastes) -> NDArray[np.float64]:
        """Return the (n,) probabilities that a shopper with these tastes views an item."""
        score = self._popularity + 3.0 * np.isin(self._kinds, tastes.kinds)
        score += 1.4 * np.isin(self._colors, tastes.colors) + 0.9 * np.isin(self._brands, tastes.brands)
        score -= 1.5 * np.abs(self._dear - np.log(tastes.price))
        weight = np.exp(score - score.max())
        return np.asarray(weight / weight.sum(), dtype=np.float64)


def tastes(rng: random.Random) -> SampleTastes:
    """Return the tastes of a shopper."""
    return SampleTastes(
        kinds=tuple(rng.sample(sorted(KINDS), rng.randint(2, 4))),
        colors=tuple(rng.sample(sorted(COLORS), rng.randint(1, 3))),
        brands=tuple(rng.sample(sorted(BRANDS), rng.randint(1, 3))),
        price=rng.lognormvariate(0.1, 0.4),
    )


def events(
    items: Sequence[SampleItem], shoppers: int, seed: int, since: datetime, days: int
) -> Iterator[dict[str, object]]:
    """Yield the events of all shoppers in order of time, about thirty per shopper."""
    shop = SampleShop(items)
    rows: list[tuple[float, int, str, int, int]] = []
    for shopper in range(shoppers):
        rows += _history(shop, shopper, random.Random(f"{seed}/{shopper}/shopper"), days)
    rows.sort()
    for number, (second, shopper, action, place, quantity) in enumerate(rows):
        yield {
            "event_id": f"event-{number:07d}",
            "user_id": f"shopper-{shopper:05d}",
            "item_id": items[place].item_id,
            "type": action,
            "time": (since + timedelta(seconds=int(second))).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "quantity": quantity,
        }


def _history(
    shop: SampleShop, shopper: int, rng: random.Random, days: int
) -> Iterator[tuple[float, int, str, int, int]]:
    """Yield (second, shopper, type, item, quantity): sessions of a few views, some with a purchase."""
    chances = np.cumsum(shop.appeal(tastes(rng)))
    eager = rng.uniform(0.15, 0.45)
    end = days * 86400
    owned: list[int] = []
    for _ in range(1 + int(rng.expovariate(1 / 3.8))):
        clock = rng.random() * end * 0.94
        for _ in range(rng.randint(2, 7)):
            again = owned and rng.random() < 0.12
            place = (
                rng.choice(owned)
                if again
                else min(len(chances) - 1, int(np.searchsorted(chances, rng.random())))
            )
            yield clock, shopper, "view", place, 1
            clock += rng.uniform(15, 240)
            if rng.random() > eager and not again:
                continue
            quantity = rng.choice((2, 4, 6)) if _consumed(shop, place) and rng.random() < 0.25 else 1
            yield clock, shopper, "cart", place, quantity
            clock += rng.uniform(20, 400)
            if rng.random() > 0.6:
                continue
            yield clock, shopper, "purchase", place, quantity
            sent_back = clock + rng.uniform(3, 20) * 86400
            if _consumed(shop, place):
                owned.append(place)
            if rng.random() < 0.02 + 0.05 * (5 - shop.items[place].rating) and sent_back < end:
                yield sent_back, shopper, "return", place, quantity


def _consumed(shop: SampleShop, place: int) -> bool:
    return shop.items[place].kind.name in CONSUMED
