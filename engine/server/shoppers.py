"""What is known of shoppers in a running server: their events, and the recommender of what is served."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.errors import DiptychError, UserNotFound
from engine.events.event import Event
from engine.recommend.history import MAX_EVENTS
from engine.recommend.interests import find_interests
from engine.recommend.recommend_request import RecommendRequest
from engine.recommend.recommender import Recommendations, Recommender
from engine.scoring.query import Part, Query, UserPart
from engine.search.searcher import Searcher
from engine.server.lazy_event_log import LazyEventLog

log = logging.getLogger(__name__)


class ShopperService:
    """The shoppers of one store; any number of threads may ask. It waits for a database, so the loop may not."""

    def __init__(self, events: LazyEventLog) -> None:
        self._events = events
        self._recommender: Recommender | None = None

    def warm_up(self, searcher: Searcher) -> None:
        """Open the events, and load what finds interests, if there are any: half a second that no caller should wait.

        Events that cannot be read are the affair of whoever asks for them.
        """
        try:
            known = self._events.known()
        except DiptychError as error:
            log.warning("events cannot be read: %s", error)
            return
        if known is not None:
            # Two unlike items: it is SciPy that takes the time.
            find_interests(np.eye(2, dtype=np.float32), np.ones(2))
            self._of(searcher).recommend(RecommendRequest())

    def recommend(self, searcher: Searcher, user_id: str, wish: RecommendRequest) -> Recommendations:
        """Return what to recommend to a shopper, or to a session if there is no id. Raises what Recommender does."""
        return self._of(searcher).recommend(wish, self._history(user_id) if user_id else ())

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
                taste = recommender.taste(self._history(part.user_id))
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

    def _history(self, user_id: str) -> Sequence[Event]:
        """Return a shopper's events. What they did is weighed as it was when they were last here."""
        known = self._events.known()
        return [] if known is None else known.history(user_id, MAX_EVENTS)
