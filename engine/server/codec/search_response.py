"""The domain's answers as the bytes of the contract's messages.

A payload is stored as the bytes of the very message that a hit carries, so a hit is put together on the wire, where
a message is its fields one after the other in any order: parsing ten payloads into messages and writing them out
again costs 45 µs, this 10. The numbers are those of google.protobuf's encoding and of the fields of engine.v1.Hit.
"""

from struct import Struct as Layout

from engine.catalog.payload import to_value
from engine.scoring.query import Answer, Hit, Page, Query
from engine.server.codec.page_token import LARGEST_SHOWN, digest, to_token
from engine.server.codec.payload_fields import Fields, put_payload, to_fields
from engine.v1 import recommendation_pb2, search_pb2

_HITS = b"\x0a"  # SearchResponse.hits, field 1, of a length
_ITEM_ID = b"\x0a"  # Hit.item_id, field 1, of a length
_SCORE = Layout("<Bf")  # Hit.score, field 2, four bytes
_SCORE_TAG = 0x15
_PAYLOAD = b"\x22"  # Hit.payload, field 4, of a length
_SHORT = tuple(bytes((length,)) for length in range(128))


def to_response(request: search_pb2.SearchRequest, query: Query, answer: Answer) -> search_pb2.SearchResponse:
    """Return the response to a request, which asks `query`."""
    return search_pb2.SearchResponse.FromString(to_bytes(request, query, answer))


def to_bytes(
    request: search_pb2.SearchRequest, query: Query, answer: Answer, parse_us: int = 0, total_us: int = 0
) -> bytes:
    """Return the bytes of the response to a request, which asks `query`; the edge's timings are its own.

    The payload of each hit is cut to the request's read_mask.
    """
    fields = to_fields(request.read_mask) if request.HasField("read_mask") else None
    head = search_pb2.SearchResponse()
    put_how(head, answer, parse_us, total_us)
    head.confidence = answer.confidence
    head.no_good_match = answer.no_good_match
    if answer.more:
        head.next_page_token = _next_page(request, query, answer)
    for facet in answer.facets:
        counted = head.facets.add(field=facet.field)
        for value, count in facet.values:
            to_value(value, counted.values.add(count=count).value)
    pieces: list[bytes] = []
    for hit in answer.hits:
        payload = answer.payload(hit.row)
        if fields is None and not hit.contributions and not hit.group_size:
            name = hit.item_id.encode()
            name_size, payload_size = to_length(len(name)), to_length(len(payload))
            size = 7 + len(name_size) + len(name) + len(payload_size) + len(payload)
            score = _SCORE.pack(_SCORE_TAG, hit.score)
            pieces += (_HITS, to_length(size), _ITEM_ID, name_size, name, score, _PAYLOAD, payload_size, payload)
        else:
            content = _full_hit(hit, payload, fields)
            pieces += (_HITS, to_length(len(content)), content)
    pieces.append(head.SerializeToString())
    return b"".join(pieces)


def put_how(
    head: search_pb2.SearchResponse | recommendation_pb2.RecommendResponse, answer: Answer, parse_us: int, total_us: int
) -> None:
    """Tell in an empty response how it was answered."""
    head.snapshot = answer.snapshot
    head.degraded = answer.degraded
    plan, sent = answer.plan, head.plan
    sent.strategy = plan.strategy
    sent.nprobe = plan.nprobe
    sent.candidates = plan.candidates
    sent.selectivity = plan.selectivity
    sent.expected_recall = plan.expected_recall
    timings, took = answer.timings, head.timings
    took.parse_us = parse_us
    took.encode_us = timings.encode_us
    took.plan_us = timings.plan_us
    took.search_us = timings.search_us
    took.score_us = timings.score_us
    took.total_us = total_us


def _next_page(request: search_pb2.SearchRequest, query: Query, answer: Answer) -> str:
    page = query.page or Page(0, query.limit)
    shown = page.shown
    if query.plain and query.limit <= LARGEST_SHOWN:
        # Queries that come together share a search, which at equal distances may keep another candidate than one alone.
        shown = tuple(hit.row for hit in answer.hits)
    return to_token(answer.snapshot, digest(request), page.offset + query.limit, page.window, shown)


def _full_hit(hit: Hit, payload: bytes, fields: Fields | None) -> bytes:
    sent = search_pb2.Hit(
        item_id=hit.item_id, score=hit.score, contributions=hit.contributions, group_size=hit.group_size
    )
    put_payload(sent.payload, payload, fields)
    return sent.SerializeToString()


def to_length(number: int) -> bytes:
    """Return a length as protobuf writes it: seven bits a byte, the lowest first."""
    if number < 128:
        return _SHORT[number]
    if number < 16384:
        return bytes((number & 127 | 128, number >> 7))
    return bytes((number & 127 | 128,)) + to_length(number >> 7)
