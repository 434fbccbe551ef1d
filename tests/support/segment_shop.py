"""A small shop whose shoppers are of three kinds, for the tests of what is learnt of shoppers."""

from pathlib import Path

import numpy as np

from engine.events.event import Event, EventType
from engine.events.event_log import open_or_create_event_log
from engine.scoring.vectors import to_unit
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import Vectors, write_parquet

DAY_S = 86_400.0
NOW_S = 1_700_000_000.0
CATEGORIES = ("garden", "kitchen", "toys")
COLOURS = ("red", "blue", "green", "white")
BRANDS = ("Alder", "Birch")
A_KIND = 20
"""Items of each category; those of garden come first, and each costs more than the one before."""


def item_id(category: str, number: int) -> str:
    """Return the id of one item of a category."""
    return f"i{CATEGORIES.index(category) * A_KIND + number}"


def event(user_id: str, item: str, kind: EventType = EventType.PURCHASE, days_ago: float = 0.0) -> Event:
    """Return an event so many days before the newest one."""
    return Event(f"{user_id}/{item}/{kind.value}/{days_ago}", user_id, item, kind, NOW_S - days_ago * DAY_S)


def histories() -> list[Event]:
    """Return the events of 45 shoppers, fifteen of each kind: each takes eight things, all of one category.

    Toys are bought dear and lately, garden things cheap and long ago, and of the kitchen most is only looked at.
    """
    rng = np.random.default_rng(3)
    events = []
    for shopper in range(45):
        category = CATEGORIES[shopper % 3]
        numbers = {"garden": range(10), "kitchen": range(20), "toys": range(10, 20)}[category]
        days = {"garden": 200, "kitchen": 60, "toys": 5}[category]
        for place, number in enumerate(rng.choice(numbers, 8, replace=False).tolist()):
            looks = category == "kitchen" and place
            kind = EventType.VIEW if looks else EventType.PURCHASE
            events.append(event(f"shopper-{shopper:02d}", item_id(category, number), kind, days + place))
    return [*events, event("shopper-02", item_id("toys", 10), EventType.VIEW)]


def build_shop(root: Path) -> Path:
    """Build a store of sixty items with vectors of their own, and those events; return its folder."""
    rng = np.random.default_rng(5)
    centres = to_unit(rng.standard_normal((3, 16)))
    near = np.repeat(centres, A_KIND, axis=0) + 0.3 * to_unit(rng.standard_normal((60, 16)))
    vectors = Vectors(to_unit(near), to_unit(near + 0.1 * rng.standard_normal((60, 16))))
    rows = [(category, number) for category in CATEGORIES for number in range(A_KIND)]
    catalogue = write_parquet(
        root / "shop.parquet",
        vectors,
        price=[10.0 * (place + 1) for place in range(60)],
        title=[f"{COLOURS[number % 4]} {category} thing" for category, number in rows],
        category=[category for category, _ in rows],
        brand=[BRANDS[number % 2] for _, number in rows],
        ean=[f"40123{number:03d}" for _, number in rows],
    )
    store = root / "store"
    store.mkdir()
    with open_or_create_event_log(store) as log:
        log.record(histories())
    build(BuildConfig(catalogue, store), no_progress)
    return store
