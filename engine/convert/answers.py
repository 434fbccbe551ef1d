"""The domain's answers as the bytes of the contract's messages.

A payload is stored as the bytes of the very message that a hit carries, so a hit is put together on the wire, where
a message is its fields one after the other in any order: parsing ten payloads into messages and writing them out
again costs 45 µs, this 10. The numbers are those of google.protobuf's encoding and of the fields of engine.v1.Hit.
"""

from struct import Struct as Layout

from engine.convert.payloads import Fields, put_payload
from engine.items import Items
from engine.records import Answer, Hit
from engine.v1 import search_pb2

_HITS = b"\x0a"  # SearchResponse.hits, field 1, of a length
_ITEM_ID = b"\x0a"  # Hit.item_id, field 1, of a length
_SCORE = Layout("<Bf")  # Hit.score, field 2, four bytes
_SCORE_TAG = 0x15
_PAYLOAD = b"\x22"  # Hit.payload, field 4, of a length
_SHORT = tuple(bytes((length,)) for length in range(128))


def to_response(answer: Answer, items: Items, fields: Fields | None = None) -> search_pb2.SearchResponse:
    """Return the answer with the payload of each hit, cut to `fields`."""
    return search_pb2.SearchResponse.FromString(to_bytes(answer, items, fields))


def to_bytes(answer: Answer, items: Items, fields: Fields | None, parse_us: int = 0, total_us: int = 0) -> bytes:
    """Return the bytes of the response, the payload of each hit cut to `fields`; the edge's timings are its own."""
    plan, timings = answer.plan, answer.timings
    head = search_pb2.SearchResponse(snapshot=answer.snapshot)
    sent = head.plan
    sent.strategy = plan.strategy
    sent.nprobe = plan.nprobe
    sent.candidates = plan.candidates
    sent.selectivity = plan.selectivity
    sent.expected_recall = plan.expected_recall
    took = head.timings
    took.parse_us = parse_us
    took.encode_us = timings.encode_us
    took.plan_us = timings.plan_us
    took.search_us = timings.search_us
    took.score_us = timings.score_us
    took.total_us = total_us
    pieces: list[bytes] = []
    for hit in answer.hits:
        payload = items.payload(hit.row)
        if fields is None and not hit.contributions:
            name = hit.item_id.encode()
            name_size, payload_size = _varint(len(name)), _varint(len(payload))
            size = 7 + len(name_size) + len(name) + len(payload_size) + len(payload)
            score = _SCORE.pack(_SCORE_TAG, hit.score)
            pieces += (_HITS, _varint(size), _ITEM_ID, name_size, name, score, _PAYLOAD, payload_size, payload)
        else:
            content = _full_hit(hit, payload, fields)
            pieces += (_HITS, _varint(len(content)), content)
    pieces.append(head.SerializeToString())
    return b"".join(pieces)


def _full_hit(hit: Hit, payload: bytes, fields: Fields | None) -> bytes:
    sent = search_pb2.Hit(item_id=hit.item_id, score=hit.score, contributions=hit.contributions)
    put_payload(sent.payload, payload, fields)
    return sent.SerializeToString()


def _varint(number: int) -> bytes:
    """Return a length as protobuf writes it: seven bits a byte, the lowest first."""
    if number < 128:
        return _SHORT[number]
    if number < 16384:
        return bytes((number & 127 | 128, number >> 7))
    return bytes((number & 127 | 128,)) + _varint(number >> 7)
