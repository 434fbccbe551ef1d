"""RecommendationService.RecordEvents and EraseUser: storing and erasing events."""

import logging
import time
from functools import partial

from engine.server.codec.event_messages import check_request, to_erase_response, to_events, to_response
from engine.server.codec.validation import check
from engine.server.lazy_event_log import LazyEventLog
from engine.server.rpc_router import Method
from engine.server.workers import CallDeadline, Workers
from engine.v1 import recommendation_pb2

log = logging.getLogger(__name__)


class EventService:
    """Stores events in the threads of `recorders`, which share transactions, and erases them in another thread."""

    def __init__(self, events: LazyEventLog, recorders: Workers, administrators: Workers) -> None:
        self._events = events
        self._recorders = recorders
        self._administrators = administrators

    def methods(self) -> dict[str, Method]:
        """Return the methods by rpc."""
        return {
            "engine.v1.RecommendationService/RecordEvents": self.record_events,
            "engine.v1.RecommendationService/EraseUser": self.erase_user,
        }

    async def record_events(
        self, request: recommendation_pb2.RecordEventsRequest, call: CallDeadline
    ) -> recommendation_pb2.RecordEventsResponse:
        """Store events; they are on disk when this returns."""
        check_request(request)
        if not request.events:
            return recommendation_pb2.RecordEventsResponse()
        return await self._recorders.run("record", partial(self._record, request, time.time()), call)

    async def erase_user(
        self, request: recommendation_pb2.EraseUserRequest, call: CallDeadline
    ) -> recommendation_pb2.EraseUserResponse:
        """Erase a shopper's events, durably."""
        check(request)
        return await self._administrators.run("erase", partial(self._erase, request.user_id), call)

    def _record(
        self, request: recommendation_pb2.RecordEventsRequest, arrived_s: float
    ) -> recommendation_pb2.RecordEventsResponse:
        events, rejected = to_events(request, arrived_s)
        accepted, duplicates = self._events.get_or_create().record(events) if events else (0, 0)
        return to_response(accepted, duplicates, rejected)

    def _erase(self, user_id: str) -> recommendation_pb2.EraseUserResponse:
        event_log = self._events.existing()
        erased = {} if event_log is None else event_log.erase(user_id)
        # Without the id: the log would be the only place that still has it.
        log.info("erased a user of %d events", sum(erased.values()))
        return to_erase_response(erased)
