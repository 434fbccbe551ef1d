"""What is known of shoppers in a running server: their events, and the recommender of what is served."""

from collections.abc import Sequence
from dataclasses import replace

from engine.errors import UserNotFound
from engine.events.event import Event
from engine.records import Part, Query, UserPart
from engine.searcher import Searcher
from engine.server.events import Events
from engine.shopper.recommend import Recommended, Recommender, Wish

MOST_EVENTS = 10_000
"""Of one shopper, the newest; those before them say nothing any more."""


class Shoppers:
    """The shoppers of one store; any number of threads may ask. It waits for a database, so the loop may not."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._recommender: Recommender | None = None

    def recommend(self, searcher: Searcher, user_id: str, wish: Wish) -> Recommended:
        """Return what to recommend to a shopper, or to a session if there is no id. Raises what Recommender does."""
        events, now_s = self._history(user_id) if user_id else ((), 0.0)
        return self._of(searcher).recommend(wish, events, now_s)

    def with_tastes(self, searcher: Searcher, query: Query) -> Query:
        """Return a query in which each shopper's id is their taste.

        Raises UserNotFound, naming the part, for one of whom nothing is known that the snapshot still has.
        """
        if not any(isinstance(part, UserPart) for part in query.parts):
            return query
        recommender = self._of(searcher)
        parts: list[Part] = []
        for place, part in enumerate(query.parts):
            if isinstance(part, UserPart):
                taste = recommender.taste(*self._history(part.user_id))
                if taste is None:
                    raise UserNotFound(f"parts[{place}].user_id")
                # Of somebody who only dislikes it is what to keep away from.
                parts.append(replace(taste, weight=taste.weight * part.weight, block=part.block))
            else:
                parts.append(part)
        return replace(query, parts=tuple(parts))

    def _of(self, searcher: Searcher) -> Recommender:
        recommender = self._recommender
        if recommender is None or recommender.searcher is not searcher:
            # No lock: should two threads make one at once either will do.
            self._recommender = recommender = Recommender(searcher)
        return recommender

    def _history(self, user_id: str) -> tuple[Sequence[Event], float]:
        """Return a shopper's events, and when the newest of anybody's happened: what was then is now."""
        log = self._events.known()
        events = [] if log is None else log.history(user_id, MOST_EVENTS)
        newest = log.last_time_s() if log is not None and events else None
        return events, newest or 0.0
