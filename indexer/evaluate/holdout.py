"""A log cut in two by time for each shopper tested: what a recommender may know, and what it should have said.

Lines are purchases. Of each tested shopper the last floor(n * share) of their n lines, in order of time, are hidden,
and with them all that they did after the first hidden one. What is right to recommend are the different items of the
hidden lines. What was sent back, and every other type of event, is known where it is older, and never right.
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
    """One shopper: what is known of them, oldest first, and the items of their hidden lines.

    unseen: those of them that they had not bought before.
    """

    user_id: str
    known: tuple[Event, ...]
    hidden: frozenset[str]
    unseen: frozenset[str]


@dataclass(frozen=True, slots=True)
class Holdout:
    """All events that may be learnt from, oldest first, and the shoppers tested."""

    training: list[Event]
    cases: list[HoldoutShopper]


class EventRows(NamedTuple):
    """The good rows of a file of events, in its order, and how many were bad."""

    events: list[Event]
    rejects: int


def read_events(path: Path, columns: Mapping[str, str] | None = None) -> EventRows:
    """Return the events of a file. Raises what reading it does, InvalidCatalogue if an import would refuse it."""
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
    """Return the events cut in two.

    users: how many shoppers are tested, drawn at random; all if None.   tested: events of further shoppers, who are
    then the ones tested, all of them, and `events` are only learnt from. Of equal times the order given decides.
    Shoppers with less than one line to hide are not tested; all that they did is learnt from.
    Raises InvalidSetting if nobody is left, or if shoppers are in both.
    """
    if not 0 < share < 1:
        raise InvalidSetting(f"expected a share between 0 and 1 to hide, got {share}")
    histories = _histories(events)
    training = [event for history in histories.values() for event in history]
    if tested is not None:
        asked = _histories(tested)
        if both := histories.keys() & asked.keys():
            raise InvalidSetting(f"expected other shoppers in the events tested, got {len(both)} that are in both")
        drawn = list(asked)
    else:
        asked = histories
        drawn = sorted(histories)
        if users is not None and users < len(drawn):
            chosen = np.random.default_rng(seed).choice(len(drawn), users, replace=False)
            drawn = [drawn[place] for place in np.sort(chosen).tolist()]
        of_drawn = set(drawn)
        training = [event for event in training if event.user_id not in of_drawn]
    cases = []
    for user_id in drawn:
        known, case = _cut(user_id, asked[user_id], share)
        training += known
        if case is not None:
            cases.append(case)
    if not cases:
        raise InvalidSetting(f"expected shoppers with at least {round(1 / share)} purchases to test, got none")
    return Holdout(sorted(training, key=lambda event: event.time_s), cases)


def _histories(events: Iterable[Event]) -> dict[str, list[Event]]:
    histories: dict[str, list[Event]] = {}
    for event in events:
        histories.setdefault(event.user_id, []).append(event)
    return {user_id: sorted(history, key=lambda event: event.time_s) for user_id, history in histories.items()}


def _cut(user_id: str, history: Sequence[Event], share: float) -> tuple[Sequence[Event], HoldoutShopper | None]:
    lines = [place for place, event in enumerate(history) if event.type is EventType.PURCHASE]
    # Rounded: .2 of 15 is 3, though 15 * .2 is a little more and 35 * .2 may be a little less than 7.
    count = int(round(len(lines) * share, 9))
    if count == 0:
        return history, None
    cut = lines[-count]
    known = tuple(history[:cut])
    hidden = frozenset(history[place].item_id for place in lines[-count:])
    had = {event.item_id for event in known if event.type is EventType.PURCHASE}
    return known, HoldoutShopper(user_id, known, hidden, hidden - had)
