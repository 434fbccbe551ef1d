"""Profiles as messages."""

from typing import Any

from google.protobuf.json_format import MessageToDict

from engine.profiles.profile import Profile
from engine.server.codec.timestamps import to_timestamp
from engine.v1 import recommendation_pb2


def to_response(profile: Profile) -> recommendation_pb2.GetProfileResponse:
    """Return a profile as a message."""
    message = recommendation_pb2.Profile(
        user_id=profile.user_id,
        event_count=profile.event_count,
        event_counts={kind.value: count for kind, count in profile.event_counts.items()},
        first_event_time=to_timestamp(profile.first_s),
        last_event_time=to_timestamp(profile.last_s),
        interests=[
            recommendation_pb2.Profile.Interest(label=interest.label, share=interest.share, item_ids=interest.item_ids)
            for interest in profile.interests
        ],
        summary=profile.summary,
    )
    for affinity in profile.affinities:
        added = message.affinities.add(field=affinity.field, share=affinity.share, lift=affinity.lift)
        added.value.string_value = affinity.value
    band = profile.price_band
    if band is not None:
        message.price_band.CopyFrom(
            recommendation_pb2.Profile.PriceBand(
                field=band.field, low=band.low, median=band.median, high=band.high, percentile=band.percentile
            )
        )
    segment = profile.segment
    if segment is not None:
        message.segment.CopyFrom(
            recommendation_pb2.Profile.Segment(name=segment.name, description=segment.description, share=segment.share)
        )
    return recommendation_pb2.GetProfileResponse(profile=message)


def to_line(profile: recommendation_pb2.Profile) -> dict[str, Any]:
    """Return a profile as JSON values, with the names of the contract; counts are numbers."""
    line: dict[str, Any] = MessageToDict(profile, preserving_proto_field_name=True)
    # protobuf writes 64-bit integers as strings in JSON.
    line["event_count"] = profile.event_count
    line["event_counts"] = dict(profile.event_counts)
    return line
