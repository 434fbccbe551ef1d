"""What of an item's payload an answer carries."""

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.struct_pb2 import Struct

from engine.errors import InvalidQuery, NotSupported

Fields = frozenset[str]

_ROOT = "payload"
_FIELD = "read_mask"


def to_fields(mask: FieldMask) -> Fields | None:
    """Return the payload's fields to send, None for all of them.

    Raises InvalidQuery for a path outside the payload, NotSupported for one deeper than its fields.
    """
    if not mask.paths:
        return None
    fields = set()
    for path in mask.paths:
        root, _, field = path.partition(".")
        if root != _ROOT or (not field and path != _ROOT):
            raise InvalidQuery(f"expected {_ROOT} or {_ROOT}.FIELD, got {path!r}", _FIELD)
        if "." in field:
            raise NotSupported(f"a path deeper than {_ROOT}.FIELD is not answered yet, got {path!r}", _FIELD)
        fields.add(field)
    return None if "" in fields else frozenset(fields)


def put_payload(target: Struct, data: bytes, fields: Fields | None) -> None:
    """Fill an empty Struct from the bytes of another one, with these fields of it only."""
    target.MergeFromString(data)
    if fields is not None:
        for field in [field for field in target.fields if field not in fields]:
            del target.fields[field]
