"""A shop with shoppers: items in clusters, and buyers who keep to one or two of them; what several tests begin with."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.events.event import Event, EventType
from engine.scoring.vectors import to_unit
from engine.snapshot.manifest import Manifest
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import clustered, write_lines, write_parquet

COUNT = 300
CLUSTERS = 6
SHOPPERS = 60
DAY_S = 86_400.0
NOW_S = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class Shop:
    """A store, and what its shoppers did, by shopper, in order of time. kinds: the cluster of each item."""

    store: Path
    manifest: Manifest
    events: dict[str, list[Event]]
    kinds: dict[str, int]


def event(user_id: str, item_id: str, kind: EventType = EventType.PURCHASE, days_ago: float = 0.0) -> Event:
    """Return an event so many days before NOW_S; its id is all that it says."""
    return Event(f"{user_id}/{item_id}/{kind.value}/{days_ago:g}", user_id, item_id, kind, NOW_S - days_ago * DAY_S)


def build_shop(root: Path, with_events: bool = True, signals: tuple[str, ...] = ("rating",)) -> Shop:
    """Build a published store of items i0, i1 …, with vectors of their own; i0 to i9 were never bought.

    Shopper u0 buys of kinds 0 and 1, three of 0 for one of 1; others of one or two kinds, at random.
    """
    rng = np.random.default_rng(7)
    centres = to_unit(rng.standard_normal((CLUSTERS, 16)))
    kinds = rng.integers(CLUSTERS, size=COUNT)
    vectors = clustered(COUNT)
    vectors.image[:] = to_unit(centres[kinds] + 0.5 * to_unit(rng.standard_normal((COUNT, 16))))
    vectors.text[:] = to_unit(centres[kinds] + 0.5 * to_unit(rng.standard_normal((COUNT, 16))))
    catalogue = write_parquet(
        root / "catalogue.parquet",
        vectors,
        title=[f"Thing {number}" for number in range(COUNT)],
        kind=[f"k{kind}" for kind in kinds],
        rating=rng.uniform(1, 5, COUNT),
    )
    events = {f"u{number}": _bought(rng, kinds, number) for number in range(SHOPPERS)}
    lines = [_line(one) for history in events.values() for one in history]
    file = write_lines(root / "events.jsonl", lines) if with_events else None
    config = BuildConfig(catalogue, root / "store", signals=signals, events=file, publish=False)
    manifest = build(config, no_progress)
    Store(root / "store").activate(manifest.snapshot)
    return Shop(root / "store", manifest, events, {f"i{place}": int(kind) for place, kind in enumerate(kinds)})


def _bought(rng: np.random.Generator, kinds: np.ndarray, number: int) -> list[Event]:
    liked = (0, 0, 0, 1) if number == 0 else tuple(rng.integers(CLUSTERS, size=1 + number % 2))
    history = []
    for place in range(24):
        able = np.flatnonzero(kinds == liked[place % len(liked)])
        item = int(rng.choice(able[able >= 10]))
        history.append(event(f"u{number}", f"i{item}", days_ago=float(60 - 2 * place)))
    return history


def _line(one: Event) -> dict[str, object]:
    return {
        "event_id": one.event_id,
        "user_id": one.user_id,
        "item_id": one.item_id,
        "type": one.type.value,
        "time": one.time_s,
    }


def ids_of(events: Iterable[Event], kind: EventType = EventType.PURCHASE) -> set[str]:
    """Return the items of the events of a type."""
    return {one.item_id for one in events if one.type is kind}
