"""Profiles as JSON objects, with the field names and number formats of the gRPC API.

Whoever reads profiles from a server can read exported ones with the same code.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from engine.profiles.profile import Profile

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_json(profile: Profile) -> dict[str, Any]:
    """Return the values of a profile that JSON can hold. As in protobuf's JSON, zero and empty values are left out."""
    band, segment = profile.price_band, profile.segment
    line = {
        "user_id": profile.user_id,
        "event_count": profile.event_count,
        "last_event_time": _to_timestamp(profile.last_s),
        "interests": [
            _drop_empty(
                {"label": interest.label, "share": _to_float32(interest.share), "item_ids": list(interest.item_ids)}
            )
            for interest in profile.interests
        ],
        "affinities": [
            _drop_empty({"field": affinity.field})
            | {"value": affinity.value}
            | _drop_empty({"share": _to_float32(affinity.share), "lift": _to_float32(affinity.lift)})
            for affinity in profile.affinities
        ],
        "price_band": band
        and _drop_empty(
            {
                "field": band.field,
                "low": float(band.low),
                "median": float(band.median),
                "high": float(band.high),
                "percentile": _to_float32(band.percentile),
            }
        ),
        "segment": segment
        and _drop_empty(
            {"name": segment.name, "description": segment.description, "share": _to_float32(segment.share)}
        ),
        "event_counts": {kind.value: count for kind, count in profile.event_counts.items()},
        "first_event_time": _to_timestamp(profile.first_s),
        "summary": profile.summary,
    }
    return _drop_empty(line)


def _drop_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value not in (None, "", 0, [])}


def _to_float32(value: float) -> float:
    """Return the number as protobuf's JSON writes a float32: with 6 to 9 digits, as few as identify it."""
    single = np.float32(value)
    return next(number for digits in range(6, 10) if np.float32(number := float(f"{single:.{digits}g}")) == single)


def _to_timestamp(time_s: float) -> str:
    """Return an RFC 3339 time in UTC with 0, 3 or 6 decimals, as few as the time needs."""
    moment = _EPOCH + timedelta(microseconds=round(time_s * 1e6))
    precision = "seconds" if not moment.microsecond else "microseconds" if moment.microsecond % 1000 else "milliseconds"
    return moment.replace(tzinfo=None).isoformat(timespec=precision) + "Z"
