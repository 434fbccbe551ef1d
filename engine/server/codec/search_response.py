"""Search answers as the bytes of responses.

A payload is stored as the bytes of the very message that a hit carries, so responses are assembled as bytes, in which
a message is its fields in any order: parsing ten payloads into messages and serialising them again costs 45 µs, this
10. The tags below are those of protobuf's encoding for the fields of engine.v1.Hit and the messages around it.
"""

from collections.abc import Iterable
from struct import Struct as Layout

from google.rpc import status_pb2

from engine.catalog.payload import to_value
from engine.scoring.answer import Answer, Hit
from engine.scoring.query import Page, Query
from engine.server.codec.page_token import MAX_SHOWN_ROWS, digest, to_token
from engine.server.codec.payload_fields import Fields, put_payload, to_fields
from engine.v1 import recommendation_pb2, search_pb2

_RESULTS = b"\x0a"  # BatchSearchResponse.results, field 1, length-delimited
_RESPONSE = b"\x0a"  # BatchSearchResult.response, field 1, length-delimited
_ERROR = b"\x12"  # BatchSearchResult.error, field 2, length-delimited
_HITS = b"\x0a"  # SearchResponse.hits, field 1, length-delimited
_ITEM_ID = b"\x0a"  # Hit.item_id, field 1, length-delimited
_SCORE = Layout("<Bf")  # Hit.score, field 2, four bytes
_SCORE_TAG = 0x15
_PAYLOAD = b"\x22"  # Hit.payload, field 4, length-delimited
_SHORT = tuple(bytes((length,)) for length in range(128))


def to_response(request: search_pb2.SearchRequest, query: Query, answer: Answer) -> search_pb2.SearchResponse:
    """Return the response to a request that was read as `query`."""
    return search_pb2.SearchResponse.FromString(to_bytes(request, query, answer))


def to_bytes(
    request: search_pb2.SearchRequest, query: Query, answer: Answer, parse_us: int = 0, total_us: int = 0
) -> bytes:
    """Return the bytes of the response to a request that was read as `query`.

    Args:
        request: Its read_mask selects the payload fields of each hit.
        query: What the request was read as.
        answer: The answer to the query.
        parse_us: Time that reading the request took.
        total_us: Time since the request arrived.
    """
    fields = to_fields(request.read_mask) if request.HasField("read_mask") else None
    pieces: list[bytes] = []
    for hit in answer.hits:
        payload = answer.payload(hit.row)
        if fields is None and not hit.contributions and not hit.group_size:
            name = hit.item_id.encode()
            name_size, payload_size = to_varint(len(name)), to_varint(len(payload))
            size = 7 + len(name_size) + len(name) + len(payload_size) + len(payload)
            score = _SCORE.pack(_SCORE_TAG, hit.score)
            pieces += (_HITS, to_varint(size), _ITEM_ID, name_size, name, score, _PAYLOAD, payload_size, payload)
        else:
            content = _full_hit(hit, payload, fields)
            pieces += (_HITS, to_varint(len(content)), content)
    pieces.append(_head(request, query, answer, parse_us, total_us).SerializeToString())
    return b"".join(pieces)


def to_batch_bytes(results: Iterable[bytes | status_pb2.Status]) -> bytes:
    """Return the bytes of a batch's response. results: for each request, the bytes of its response, or its error."""
    pieces: list[bytes] = []
    for result in results:
        if isinstance(result, bytes):
            tag, content = _RESPONSE, result
        else:
            tag, content = _ERROR, result.SerializeToString()
        size = to_varint(len(content))
        pieces += (_RESULTS, to_varint(len(tag) + len(size) + len(content)), tag, size, content)
    return b"".join(pieces)


def put_plan(
    head: search_pb2.SearchResponse | recommendation_pb2.RecommendResponse, answer: Answer, parse_us: int, total_us: int
) -> None:
    """Set the snapshot, plan and timings of a response."""
    head.snapshot = answer.snapshot
    head.degraded = answer.degraded
    plan, message = answer.plan, head.plan
    message.strategy = plan.strategy
    message.nprobe = plan.nprobe
    message.candidates = plan.candidates
    message.selectivity = plan.selectivity
    message.expected_recall = plan.expected_recall
    timings, times = answer.timings, head.timings
    times.parse_us = parse_us
    times.encode_us = timings.encode_us
    times.plan_us = timings.plan_us
    times.search_us = timings.search_us
    times.score_us = timings.score_us
    times.total_us = total_us


def _head(
    request: search_pb2.SearchRequest, query: Query, answer: Answer, parse_us: int, total_us: int
) -> search_pb2.SearchResponse:
    """Return the response without its hits."""
    head = search_pb2.SearchResponse()
    put_plan(head, answer, parse_us, total_us)
    head.confidence = answer.confidence
    head.no_good_match = answer.no_good_match
    if answer.more:
        head.next_page_token = _next_page_token(request, query, answer)
    for facet in answer.facets:
        message = head.facets.add(field=facet.field)
        for value, count in facet.values:
            to_value(value, message.values.add(count=count).value)
    return head


def _next_page_token(request: search_pb2.SearchRequest, query: Query, answer: Answer) -> str:
    page = query.page or Page(0, query.limit)
    shown = page.shown
    if query.plain and query.limit <= MAX_SHOWN_ROWS:
        # Queries that share a search may keep other candidates at equal distances than the same query alone.
        shown = tuple(hit.row for hit in answer.hits)
    return to_token(answer.snapshot, digest(request), page.offset + query.limit, page.window, shown)


def _full_hit(hit: Hit, payload: bytes, fields: Fields | None) -> bytes:
    message = search_pb2.Hit(
        item_id=hit.item_id, score=hit.score, contributions=hit.contributions, group_size=hit.group_size
    )
    put_payload(message.payload, payload, fields)
    return message.SerializeToString()


def to_varint(number: int) -> bytes:
    """Return a length in protobuf's encoding: seven bits a byte, the lowest first."""
    if number < 128:
        return _SHORT[number]
    if number < 16384:
        return bytes((number & 127 | 128, number >> 7))
    return bytes((number & 127 | 128,)) + to_varint(number >> 7)
