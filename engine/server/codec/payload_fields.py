"""Payload fields of a response, selected by a read mask."""

from collections.abc import Iterable

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct

from engine.errors import InvalidQuery

Fields = frozenset[tuple[str, ...]]
"""Paths into a payload, such as ("attributes", "color")."""

_ROOT = "payload"
_FIELD = "read_mask"


def to_fields(mask: FieldMask) -> Fields | None:
    """Return the payload fields of a read mask, None for all. Raises InvalidQuery for a path outside the payload."""
    if not mask.paths:
        return None
    fields = set()
    for path in mask.paths:
        root, *names = path.split(".")
        if root != _ROOT or "" in names:
            raise InvalidQuery(f"expected {_ROOT} or {_ROOT}.FIELD, got {path!r}", _FIELD)
        fields.add(tuple(names))
    return None if () in fields else frozenset(fields)


def put_payload(target: Struct, data: bytes, fields: Fields | None) -> None:
    """Parse a payload into an empty Struct, and keep only these fields; None keeps all."""
    target.MergeFromString(data)
    if fields is not None:
        _select(target, fields)


def _select(struct: Struct, paths: Iterable[tuple[str, ...]]) -> None:
    """Remove all fields of a Struct but those on the paths, and everything below their ends."""
    below: dict[str, list[tuple[str, ...]]] = {}
    for name, *rest in paths:
        below.setdefault(name, []).append(tuple(rest))
    for name in list(struct.fields):
        deeper = below.get(name)
        if deeper is None:
            del struct.fields[name]
        elif () not in deeper:
            value = struct.fields[name]
            if value.WhichOneof("kind") == "struct_value":
                _select(value.struct_value, deeper)
            else:
                del struct.fields[name]
