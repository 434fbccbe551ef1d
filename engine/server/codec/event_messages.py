"""Events as callers send them to events as they are kept: each checked by itself, so that a bad one costs no other.

protovalidate takes longer for an event than recording it does. So this file looks first whether an event is *plain*,
surely within every rule; only what is not plain goes to protovalidate, whose verdict then counts.
"""

from collections.abc import Iterable
from math import floor

from engine.errors import InvalidQuery
from engine.events.event import Event, EventType
from engine.server.codec.statuses import to_status
from engine.server.codec.validation import check
from engine.v1 import recommendation_pb2

_MOST_EVENTS = 1000
_AHEAD_S = 86_400
_TYPES = {
    recommendation_pb2.Event.TYPE_VIEW: EventType.VIEW,
    recommendation_pb2.Event.TYPE_CART: EventType.CART,
    recommendation_pb2.Event.TYPE_PURCHASE: EventType.PURCHASE,
    recommendation_pb2.Event.TYPE_RETURN: EventType.RETURN,
    recommendation_pb2.Event.TYPE_LIKE: EventType.LIKE,
    recommendation_pb2.Event.TYPE_DISLIKE: EventType.DISLIKE,
}

Refused = tuple[str, InvalidQuery]
"""An event's id as far as it has one, and why it is not kept."""


def check_request(request: recommendation_pb2.RecordEventsRequest) -> None:
    """Raise InvalidRequest if the request breaks a rule of the contract that is none of a single event."""
    if len(request.events) > _MOST_EVENTS:
        check(request)


def to_events(request: recommendation_pb2.RecordEventsRequest, arrived_s: float) -> tuple[list[Event], list[Refused]]:
    """Return the events to keep and those refused, each in the request's order.

    arrived_s: when the request came, since 1970; the time of events that name none.
    """
    events: list[Event] = []
    refused: list[Refused] = []
    latest_s = arrived_s + _AHEAD_S
    for place, event in enumerate(request.events):
        try:
            events.append(_to_event(event, arrived_s, latest_s))
        except InvalidQuery as error:
            refused.append((event.event_id, error.at(f"events[{place}]")))
    return events, refused


def to_response(accepted: int, duplicates: int, refused: Iterable[Refused]) -> recommendation_pb2.RecordEventsResponse:
    """Return what became of the events."""
    response = recommendation_pb2.RecordEventsResponse(accepted_count=accepted, duplicate_count=duplicates)
    for event_id, error in refused:
        response.rejections.add(event_id=event_id, error=to_status(error))
    return response


def to_erased(erased: dict[EventType, int]) -> recommendation_pb2.EraseUserResponse:
    """Return what was forgotten."""
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
        raise InvalidQuery("expected ids without the character 0", _first_with_nul(event))
    time_s = arrived_s
    if event.HasField("time"):
        time_s = _to_time_s(event.time.seconds, event.time.nanos)
        if time_s > latest_s:
            ahead_s = floor(time_s - arrived_s)
            raise InvalidQuery(f"expected a time at most a day ahead of the server's, got {ahead_s} s ahead", "time")
    return Event(event_id, user_id, item_id, kind, time_s, quantity or 1)


def _to_time_s(seconds: int, nanos: int) -> float:
    # What google.protobuf.Timestamp allows: the years 1 to 9999.
    if not (-62_135_596_800 <= seconds <= 253_402_300_799 and 0 <= nanos < 1_000_000_000):
        raise InvalidQuery("expected a timestamp of the years 1 to 9999, got another", "time")
    return seconds + nanos / 1e9


def _first_with_nul(event: recommendation_pb2.Event) -> str:
    return next(name for name in ("event_id", "user_id", "item_id") if "\0" in getattr(event, name))
