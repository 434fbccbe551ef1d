"""Times as messages."""

from google.protobuf.timestamp_pb2 import Timestamp


def to_timestamp(time_s: float) -> Timestamp:
    """Return a time in seconds since 1970 as a timestamp."""
    timestamp = Timestamp()
    timestamp.FromMicroseconds(round(time_s * 1e6))
    return timestamp
