"""An item's payload, stored as the bytes of a google.protobuf.Struct.

A response copies those bytes into its message, which takes a microsecond; building a Struct takes fifty.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct, Value


def to_bytes(payload: Mapping[str, Any]) -> bytes:
    """Return the payload as the bytes of a Struct. Values: None, bool, numbers, text, lists and mappings of these."""
    struct = Struct()
    struct.update(payload)
    return struct.SerializeToString(deterministic=True)


def from_bytes(data: bytes) -> dict[str, Any]:
    """Return the payload; every number is a float, as in a Struct."""
    payload: dict[str, Any] = MessageToDict(Struct.FromString(data))
    return payload


def to_value(value: Any, target: Value) -> None:
    """Write one payload value, such as a facet's, into an empty message."""
    if value is None:
        target.null_value = 0  # type: ignore[assignment]
    elif isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        target.number_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, Mapping):
        target.struct_value.update(value)
    else:
        target.list_value.extend(value)
