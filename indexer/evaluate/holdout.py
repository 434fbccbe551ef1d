"""A temporal split of a log for each test shopper: known events, and the purchases to predict.

Of each test shopper the last floor(n * share) of n purchase lines, in order of time, are hidden, with every event after
the first hidden one. Relevant are the distinct items of the hidden lines. Returns and other types of events are known
if they are older, and never relevant.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.errors import InvalidCatalogue, InvalidSetting
from engine.events.event import Event, EventType
from indexer.catalog import Reject
from indexer.events.event_import import EventFile


@dataclass(frozen=True, slots=True)
class HoldoutShopper:
    """One test shopper.

    Attributes:
        known: Events before the cut, oldest first.
        hidden: Items of the hidden purchases.
        unseen: Those of `hidden` that the shopper had not bought before.
    """

    user_id: str
    known: tuple[Event, ...]
    hidden: frozenset[str]
    unseen: frozenset[str]


@dataclass(frozen=True, slots=True)
class Holdout:
    """All events to learn from, oldest first, and the test shoppers."""

    training: list[Event]
    cases: list[HoldoutShopper]


class EventRows(NamedTuple):
    """The good rows of a file of events, in order, and the number of bad ones."""

    events: list[Event]
    rejects: int


def read_events(path: Path, columns: Mapping[str, str] | None = None) -> EventRows:
    """Return the events of a file. Raises what reading does, InvalidCatalogue if an import would reject it."""
    file = EventFile(path, columns or {})
    events: list[Event] = []
    first: Reject | None = None
    rejects = 0
    for row in file.rows():
        if isinstance(row, Event):
            events.append(row)
        else:
            first = first or row
            rejects += 1
    count = len(events) + rejects
    if first is not None and rejects > file.max_rejects * count:
        raise InvalidCatalogue(
            f"{path}: expected at most {file.max_rejects:.1%} bad rows, got {rejects} of {count}; "
            f"the first is line {first.line}: {first.reason}"
        )
    return EventRows(events, rejects)


def hold_out(
    events: Iterable[Event],
    share: float = 0.2,
    users: int | None = None,
    tested: Iterable[Event] | None = None,
    seed: int = 7,
) -> Holdout:
    """Return a temporal split of the events.

    Shoppers without a line to hide are not tested, and all of their events are learnt from.

    Args:
        events: In any order; equal times keep the given order.
        users: The number of test shoppers, drawn at random; all if None.
        tested: Events of other shoppers, who are then the test shoppers, all of them; `events` are only learnt from.

    Raises:
        InvalidSetting: No shopper is left, or shoppers are in both.
    """
    if not 0 < share < 1:
        raise InvalidSetting(f"expected a share between 0 and 1 to hide, got {share}")
    histories = _histories(events)
    training = [event for history in histories.values() for event in history]
    if tested is not None:
        tested_histories = _histories(tested)
        if both := histories.keys() & tested_histories.keys():
            raise InvalidSetting(f"expected different shoppers in the tested events, got {len(both)} in both")
        drawn = list(tested_histories)
    else:
        tested_histories = histories
        drawn = _draw_users(sorted(histories), users, seed)
        drawn_users = set(drawn)
        training = [event for event in training if event.user_id not in drawn_users]
    cases = []
    for user_id in drawn:
        known, case = _cut(user_id, tested_histories[user_id], share)
        training += known
        if case is not None:
            cases.append(case)
    if not cases:
        raise InvalidSetting(f"expected shoppers with at least {round(1 / share)} purchases to test, got none")
    return Holdout(sorted(training, key=lambda event: event.time_s), cases)


def _draw_users(user_ids: list[str], count: int | None, seed: int) -> list[str]:
    if count is None or count >= len(user_ids):
        return user_ids
    chosen = np.random.default_rng(seed).choice(len(user_ids), count, replace=False)
    return [user_ids[index] for index in np.sort(chosen).tolist()]


def _histories(events: Iterable[Event]) -> dict[str, list[Event]]:
    histories: dict[str, list[Event]] = {}
    for event in events:
        histories.setdefault(event.user_id, []).append(event)
    return {user_id: sorted(history, key=lambda event: event.time_s) for user_id, history in histories.items()}


def _cut(user_id: str, history: Sequence[Event], share: float) -> tuple[Sequence[Event], HoldoutShopper | None]:
    purchases = [index for index, event in enumerate(history) if event.type is EventType.PURCHASE]
    # Rounded: 15 * .2 is slightly more than 3, and 35 * .2 may be slightly less than 7.
    count = int(round(len(purchases) * share, 9))
    if count == 0:
        return history, None
    cut = purchases[-count]
    known = tuple(history[:cut])
    hidden = frozenset(history[index].item_id for index in purchases[-count:])
    bought_before = {event.item_id for event in known if event.type is EventType.PURCHASE}
    return known, HoldoutShopper(user_id, known, hidden, hidden - bought_before)
