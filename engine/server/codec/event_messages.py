"""Events from messages, each checked by itself, so that an invalid one does not fail the others.

protovalidate takes longer per event than storing it. So this module first checks whether an event is *plain*, certainly
within every rule; only the others go to protovalidate, which decides.
"""

from collections.abc import Iterable
from math import floor

from engine.errors import InvalidQuery
from engine.events.event import Event, EventType
from engine.server.codec.statuses import to_status
from engine.server.codec.validation import check
from engine.v1 import recommendation_pb2

_MAX_EVENTS = 1000
_MAX_LEAD_S = 86_400
_TYPES = {
    recommendation_pb2.Event.TYPE_VIEW: EventType.VIEW,
    recommendation_pb2.Event.TYPE_CART: EventType.CART,
    recommendation_pb2.Event.TYPE_PURCHASE: EventType.PURCHASE,
    recommendation_pb2.Event.TYPE_RETURN: EventType.RETURN,
    recommendation_pb2.Event.TYPE_LIKE: EventType.LIKE,
    recommendation_pb2.Event.TYPE_DISLIKE: EventType.DISLIKE,
}

Rejected = tuple[str, InvalidQuery]
"""The id of an event, empty if it has none, and why it is rejected."""


def check_request(request: recommendation_pb2.RecordEventsRequest) -> None:
    """Check the rules for the request as a whole. Raises InvalidMessage."""
    if len(request.events) > _MAX_EVENTS:
        check(request)


def to_events(request: recommendation_pb2.RecordEventsRequest, arrived_s: float) -> tuple[list[Event], list[Rejected]]:
    """Return the valid events and the rejected ones, both in the order of the request.

    Args:
        request: The request.
        arrived_s: When it arrived, in seconds since 1970; the time of events that have none.
    """
    events: list[Event] = []
    rejected: list[Rejected] = []
    latest_s = arrived_s + _MAX_LEAD_S
    for index, event in enumerate(request.events):
        try:
            events.append(_to_event(event, arrived_s, latest_s))
        except InvalidQuery as error:
            rejected.append((event.event_id, error.at(f"events[{index}]")))
    return events, rejected


def to_response(
    accepted: int, duplicates: int, rejected: Iterable[Rejected]
) -> recommendation_pb2.RecordEventsResponse:
    """Return the response to a request to store events."""
    response = recommendation_pb2.RecordEventsResponse(accepted_count=accepted, duplicate_count=duplicates)
    for event_id, error in rejected:
        response.rejections.add(event_id=event_id, error=to_status(error))
    return response


def to_erase_response(erased: dict[EventType, int]) -> recommendation_pb2.EraseUserResponse:
    """Return the response to a request to erase a shopper."""
    return recommendation_pb2.EraseUserResponse(
        erased_event_count=sum(erased.values()), erased_by_type={kind.value: count for kind, count in erased.items()}
    )


def _to_event(event: recommendation_pb2.Event, arrived_s: float, latest_s: float) -> Event:
    event_id, user_id, item_id, quantity = event.event_id, event.user_id, event.item_id, event.quantity
    kind = _TYPES.get(event.type)
    # The contract counts bytes: 128 characters are never more than 512.
    if not (
        kind is not None
        and 0 < len(event_id) <= 128
        and 0 < len(user_id) <= 128
        and 0 < len(item_id) <= 128
        and 0 <= quantity <= 1_000_000
    ):
        check(event)
        kind = _TYPES[event.type]
    if "\0" in event_id or "\0" in user_id or "\0" in item_id:
        raise InvalidQuery("expected ids without NUL characters, got one with", _first_with_nul(event))
    time_s = arrived_s
    if event.HasField("time"):
        time_s = _to_time_s(event.time.seconds, event.time.nanos)
        if time_s > latest_s:
            ahead_s = floor(time_s - arrived_s)
            raise InvalidQuery(f"expected a time at most a day ahead of the server's, got {ahead_s} s ahead", "time")
    return Event(event_id, user_id, item_id, kind, time_s, quantity or 1)


def _to_time_s(seconds: int, nanos: int) -> float:
    # The range of google.protobuf.Timestamp: the years 1 to 9999.
    if not (-62_135_596_800 <= seconds <= 253_402_300_799 and 0 <= nanos < 1_000_000_000):
        raise InvalidQuery("expected a timestamp in the years 1 to 9999, got another", "time")
    return seconds + nanos / 1e9


def _first_with_nul(event: recommendation_pb2.Event) -> str:
    return next(name for name in ("event_id", "user_id", "item_id") if "\0" in getattr(event, name))
