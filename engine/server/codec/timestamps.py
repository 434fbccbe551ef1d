"""Moments as the contract's timestamps."""

from google.protobuf.timestamp_pb2 import Timestamp


def to_timestamp(time_s: float) -> Timestamp:
    """Return a moment given in seconds since 1970."""
    timestamp = Timestamp()
    timestamp.FromMicroseconds(round(time_s * 1e6))
    return timestamp
