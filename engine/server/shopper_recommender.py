"""Recommendations for shoppers by id: their events, and the recommender of the served snapshot."""

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


class ShopperRecommender:
    """Recommends to the shoppers of one store. Thread-safe, but it reads a database, so not for the event loop."""

    def __init__(self, events: LazyEventLog) -> None:
        self._events = events
        self._recommender: Recommender | None = None

    def warm_up(self, searcher: Searcher) -> None:
        """Open the event log, if there is one, and load SciPy, so that no caller waits the half second it takes.

        If the log cannot be opened, the calls that need it fail.
        """
        try:
            events = self._events.existing()
        except DiptychError as error:
            log.warning("cannot open the event log: %s", error)
            return
        if events is not None:
            # Two dissimilar items: loading SciPy is what takes the time.
            find_interests(np.eye(2, dtype=np.float32), np.ones(2))
            self._recommender_for(searcher).recommend(RecommendRequest())

    def recommend(self, searcher: Searcher, user_id: str, request: RecommendRequest) -> Recommendations:
        """Return recommendations for a shopper, or for a session if the id is empty. Raises what Recommender does."""
        return self._recommender_for(searcher).recommend(request, self._history(user_id) if user_id else ())

    def with_user_vectors(self, searcher: Searcher, query: Query) -> Query:
        """Return a query in which the user vector of each shopper replaces their id.

        Raises:
            UserNotFound: A shopper has no events with items that the snapshot still has; the field is the part.
        """
        if not any(isinstance(part, UserPart) for part in query.parts):
            return query
        recommender = self._recommender_for(searcher)
        parts: list[Part] = []
        for index, part in enumerate(query.parts):
            if isinstance(part, UserPart):
                taste = recommender.taste(self._history(part.user_id))
                if taste is None:
                    raise UserNotFound(f"parts[{index}].user_id")
                # The weight is negative for a shopper who has only dislikes.
                parts.append(replace(taste, weight=taste.weight * part.weight, block=part.block))
            else:
                parts.append(part)
        return replace(query, parts=tuple(parts))

    def _recommender_for(self, searcher: Searcher) -> Recommender:
        recommender = self._recommender
        if recommender is None or recommender.searcher is not searcher:
            # No lock: if two threads create one at once, either will do.
            self._recommender = recommender = Recommender(searcher)
        return recommender

    def _history(self, user_id: str) -> Sequence[Event]:
        """Return a shopper's events. `compute_affinities` weights them as of the newest one, not as of now."""
        events = self._events.existing()
        return [] if events is None else events.history(user_id, MAX_EVENTS)
