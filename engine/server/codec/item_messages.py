"""Items to upsert from messages, each checked by itself, so that an invalid one does not fail the others."""

import hashlib
from collections.abc import Iterable, Mapping
from math import isfinite

import numpy as np
from google.protobuf.struct_pb2 import Struct, Value

from engine.catalog.coercion import JSON, BadRow, InvalidValue, to_plain
from engine.catalog.column_rule import ColumnRule
from engine.catalog.payload import to_bytes
from engine.errors import InvalidQuery
from engine.server.codec.statuses import to_status
from engine.server.codec.validation import check
from engine.updates.item_change import Upsert
from engine.v1 import catalog_pb2

_Request = catalog_pb2.UpsertItemsRequest


def check_request(request: _Request) -> None:
    """Check the rules for the request as a whole, the content of its items excepted. Raises InvalidMessage."""
    ids = [_Request.NewItem(item_id=item.item_id) for item in request.items]
    check(_Request(request_id=request.request_id, items=ids))


def to_upsert(item: _Request.NewItem, pictures: dict[bytes, bytes], rules: Mapping[str, ColumnRule]) -> Upsert:
    """Return an item to store, and add its images to `pictures` by their SHA-256.

    Args:
        item: The message.
        pictures: Images by SHA-256, to add to.
        rules: How the catalogue's values of a field are read, by field.

    Raises:
        InvalidQuery: A part of the message is invalid.
    """
    check(item)
    images = []
    for data in item.images:
        sha256 = hashlib.sha256(data).digest()
        pictures[sha256] = data
        images.append(sha256)
    vectors = {block: np.array(vector.values, np.float32) for block, vector in item.vectors.items()}
    return Upsert(_payload(item.payload, rules), tuple(dict.fromkeys(images)), vectors)


def to_response(accepted: int, rejected: Iterable[tuple[str, InvalidQuery]]) -> catalog_pb2.UpsertItemsResponse:
    """Return the response to a request to upsert items."""
    response = catalog_pb2.UpsertItemsResponse(accepted_count=accepted)
    for item_id, error in rejected:
        response.rejections.add(item_id=item_id, error=to_status(error))
    return response


def _payload(struct: Struct, rules: Mapping[str, ColumnRule]) -> bytes:
    """Return the payload that the catalogue reader would make: no empty values, prices as numbers, titles as text."""
    payload: dict[str, JSON] = {}
    for name, value in struct.fields.items():
        try:
            plain = _by_rule(_plain(value, name), name, rules)
        except BadRow as bad:
            raise InvalidQuery(str(bad), "payload") from bad
        if plain is not None:
            payload[name] = plain
    return to_bytes(payload)


def _by_rule(value: JSON, name: str, rules: Mapping[str, ColumnRule]) -> JSON:
    """Return a value as the catalogue's rule for its field reads it; one that does not fit stays as it came."""
    if name in rules and name != "price":
        (converted,) = rules[name].convert([value])
        if not isinstance(converted, InvalidValue):
            return converted
    return to_plain(value, name)


def _plain(value: Value, name: str) -> JSON:
    kind = value.WhichOneof("kind")
    if kind == "number_value":
        if not isfinite(value.number_value):
            raise BadRow(f"{name}: expected a finite number, got {value.number_value}")
        return value.number_value
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "list_value":
        return [_plain(part, name) for part in value.list_value.values]
    if kind == "struct_value":
        return {part: _plain(inner, name) for part, inner in value.struct_value.fields.items()}
    return None
