"""Requests and answers on their way between the wire and the domain, and errors on theirs to statuses."""

import re
from collections.abc import Sequence
from typing import Any

import grpc
import numpy as np
import protovalidate
import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from engine.catalog.payload import to_bytes as payload_bytes
from engine.errors import (
    BadImage,
    CorruptSnapshot,
    DimensionMismatch,
    DiptychError,
    GateFailed,
    InvalidQuery,
    ItemNotFound,
    ModelMismatch,
    NoEncoder,
    NothingServed,
    NotSupported,
    OutOfTime,
    Overloaded,
    RequestError,
    SnapshotNotFound,
    UnknownBlock,
)
from engine.scoring.answer import Answer, Facet, Hit, Plan, Timings
from engine.scoring.query import Boost, ImagePart, ItemPart, Missing, Page, Query, TextPart, VectorPart
from engine.server.codec.page_token import MAX_SHOWN_ROWS, digest, to_token
from engine.server.codec.payload_fields import to_fields
from engine.server.codec.search_request import to_query
from engine.server.codec.search_response import to_bytes, to_response, to_varint
from engine.server.codec.statuses import UNKNOWN, to_code, to_status
from engine.server.codec.validation import MAX_VIOLATIONS, InvalidMessage
from engine.v1 import query_pb2, search_pb2
from tests.support.servers import of_vector, request, unpack

Part = query_pb2.QueryPart


def test_a_request_becomes_the_query_it_asks() -> None:
    """Every part, weight, policy, boost and option is found again in the domain's query."""
    query = to_query(
        request(
            Part(text="red", weight=0.5),
            Part(image=b"png", block="image"),
            Part(item_id="a", weight=0),
            of_vector([3, 4], weight=-2),
            modality_weights={"image": 0.25},
            missing_modality="MISSING_MODALITY_DROP",
            boosts=[query_pb2.Boost(field="rating", weight=0.5, shape="SHAPE_LINEAR")],
            page_size=7,
            recall_target=0.5,
            explain=True,
        ),
        "01S",
    )
    assert query.parts[:3] == (TextPart("red", 0.5), ImagePart(b"png", block="image"), ItemPart("a", 0.0))
    assert isinstance(query.parts[3], VectorPart)
    assert query.parts[3].values.tolist() == [3, 4]
    assert query.parts[3].values.dtype == np.float32
    assert query.parts[3].weight == -2
    assert (query.modality_weights, query.missing) == ({"image": 0.25}, Missing.DROP)
    assert (query.boosts, query.limit, query.recall_target, query.explain) == ((Boost("rating", 0.5),), 7, 0.5, True)
    assert query.needs_encoder


def test_what_a_request_leaves_out_has_its_default() -> None:
    """Ten hits, weight 1, every block, renormalised, no boost, the snapshot's recall, no explanation."""
    query = to_query(request(Part(item_id="a")), "01S")
    assert query.parts == (ItemPart("a", 1.0, ""),)
    assert (query.modality_weights, query.missing, query.boosts) == ({}, Missing.RENORMALIZE, ())
    assert (query.limit, query.recall_target, query.explain) == (10, None, False)
    assert not query.needs_encoder


LENGTHS = st.sampled_from([0, 1, 2, 16384, 16385])
FLOATS = st.one_of(st.sampled_from([0.0, 1.0, -1.0, 3e38, np.nan, np.inf, -np.inf]), st.floats(width=32))
TEXTS = st.one_of(st.text(max_size=6), st.sampled_from(["a" * 64, "a" * 65, "é" * 64, "é" * 256, "é" * 257, "a" * 513]))


@st.composite
def vectors(draw: st.DrawFn) -> query_pb2.Vector:
    values = [0.5] * draw(LENGTHS)
    if values:
        values[draw(st.integers(0, len(values) - 1))] = draw(FLOATS)
    return query_pb2.Vector(values=values)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    part = Part()
    kind = draw(st.sampled_from(["text", "image", "item_id", "vector", "user_id", ""]))
    if kind == "vector":
        part.vector.CopyFrom(draw(vectors()))
    elif kind == "image":
        part.image = draw(st.binary(max_size=3))
    elif kind:
        setattr(part, kind, draw(TEXTS))
    if draw(st.booleans()):
        part.weight = draw(FLOATS)
    if draw(st.booleans()):
        part.block = draw(TEXTS)
    return part


@st.composite
def requests(draw: st.DrawFn) -> search_pb2.SearchRequest:
    asked = search_pb2.SearchRequest(parts=draw(st.lists(parts(), max_size=3)) * draw(st.sampled_from([1, 1, 6, 17])))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        field = draw(st.sampled_from(["page_size", "weights", "boost", "recall", "missing", "facets", "filter"]))
        if field == "page_size":
            asked.page_size = draw(st.sampled_from([-1, 0, 1, 1000, 1001]))
        elif field == "weights":
            asked.modality_weights[draw(TEXTS)] = draw(FLOATS)
        elif field == "boost":
            shape, scale = draw(st.integers(0, 4)), draw(st.sampled_from([0.0, 1.0, -1.0]))
            asked.boosts.add(field=draw(TEXTS), weight=draw(FLOATS), shape=shape, scale=scale)
        elif field == "recall":
            asked.recall_target = draw(FLOATS)
        elif field == "missing":
            asked.missing_modality = draw(st.integers(0, 5))
        elif field == "facets":
            asked.facets.extend(draw(st.lists(st.sampled_from(["a", "b", ""]), max_size=3)))
        else:
            asked.filter = draw(st.sampled_from(["a = 1", "a" * 8193]))
    return asked


@given(requests())
def test_a_request_is_invalid_just_if_the_contract_says_so(asked: search_pb2.SearchRequest) -> None:
    """The quick look of to_query lets nothing pass that protovalidate refuses, and refuses nothing that it passes."""
    broken = protovalidate.Validator().collect_violations(asked)
    try:
        to_query(asked, "01S")
        refused = ()
    except InvalidMessage as error:
        refused = error.violations
    except (NotSupported, InvalidQuery):
        refused = ()
    assert len(refused) == (len(broken) if len(broken) <= MAX_VIOLATIONS else MAX_VIOLATIONS + 1)


@pytest.mark.parametrize(
    ("paths", "fields"),
    [
        ([], None),
        (["payload"], None),
        (["payload.a", "payload.b.c"], {("a",), ("b", "c")}),
        (["payload.a", "payload"], None),
    ],
)
def test_a_read_mask_names_fields_of_the_payload(paths: list[str], fields: set[tuple[str, ...]] | None) -> None:
    """payload.FIELD is a field, payload.FIELD.FIELD one inside, payload is all of them, and so is an empty mask."""
    assert to_fields(FieldMask(paths=paths)) == fields


@pytest.mark.parametrize("path", ["title", "payload.", "payloads.a", "", ".payload"])
def test_a_read_mask_of_other_fields_is_refused(path: str) -> None:
    """Only the payload can be cut."""
    with pytest.raises(InvalidQuery, match=r"expected payload or payload\.FIELD, got"):
        to_fields(FieldMask(paths=[path]))


def answer(*hits: Hit, payloads: Sequence[dict[str, object]], more: bool = False) -> Answer:
    """Return an answer with these hits, whose payloads are those of their rows."""
    plan = Plan("ivf", "single", 8, 200, 1.0, 0.5)
    return Answer(hits, "01S", plan, Timings(1, 2, 3, 4), lambda row: payload_bytes(payloads[row]), more=more)


PLAIN = Query((ItemPart("a"),))


def test_an_answer_on_the_wire_is_the_message_it_stands_for() -> None:
    """Hits put together by hand are what protobuf writes, at every length of id and payload at which it changes."""
    ids = ["a", "é" * 200, "b" * 127, "c" * 128, "d"]
    payloads = [{}, {"n": 1.5}, {"title": "x" * 100}, {"title": "y" * 200}, {"title": "z" * 40_000}]
    hits = [Hit(item_id, row - 1.5, row, {}) for row, item_id in enumerate(ids)]
    asked = request(Part(item_id="a"))
    response = search_pb2.SearchResponse.FromString(to_bytes(asked, PLAIN, answer(*hits, payloads=payloads), 9, 99))
    assert [(hit.item_id, hit.score) for hit in response.hits] == [(hit.item_id, hit.score) for hit in hits]
    assert [MessageToDict(hit.payload) for hit in response.hits] == payloads
    assert all(hit.HasField("payload") for hit in response.hits)
    assert (response.snapshot, response.plan.strategy, response.plan.candidates) == ("01S", "ivf", 200)
    assert (response.timings.parse_us, response.timings.score_us, response.timings.total_us) == (9, 4, 99)
    assert response.next_page_token == ""


def test_explained_and_cut_hits_carry_what_was_asked() -> None:
    """Contributions come with their hit, and the size of its group; of the payload only the asked fields do."""
    hit = Hit("a", 0.75, 0, {"image": 0.5, "boost:rating": 0.25}, group_size=3)
    payloads = [{"title": "t", "price": 2, "colour": {"main": "red", "trim": {"of": "gold"}}, "size": {"eu": 42}}]
    paths = ["payload.price", "payload.colour.trim", "payload.size.eu.never", "payload.gone"]
    asked = request(Part(item_id="a"), read_mask=FieldMask(paths=paths))
    sent = to_response(asked, PLAIN, answer(hit, payloads=payloads)).hits[0]
    assert dict(sent.contributions) == {"image": 0.5, "boost:rating": 0.25}
    assert (sent.score, sent.group_size) == (0.75, 3)
    assert MessageToDict(sent.payload) == {"price": 2, "colour": {"trim": {"of": "gold"}}, "size": {}}


def test_facets_carry_values_of_every_kind() -> None:
    """As they stand in the payload; null stands for items without the field."""
    values = (("red", 3), (None, 2), (True, 2), (1.5, 1), (["a", 2.0], 1), ({"a": None}, 1))
    told = Answer(
        (), "01S", Plan("exact", "", 0, 9, 1.0, 1.0), Timings(0, 0, 0, 0), bytes, facets=(Facet("x", values),)
    )
    (facet,) = to_response(request(Part(item_id="a")), PLAIN, told).facets
    assert facet.field == "x"
    assert [(MessageToDict(value.value), value.count) for value in facet.values] == list(values)


def test_a_token_leads_to_the_next_page_of_the_same_request() -> None:
    """Whatever the size of the next page; the rows shown go with it, for no later page shows them again."""
    asked = request(Part(item_id="a"), page_size=2)
    hits = [Hit("x", 2.0, 7, {}), Hit("y", 1.0, 3, {})]
    shown = to_response(asked, Query((ItemPart("a"),), limit=2), answer(*hits, payloads=[{}] * 8, more=True))
    asked.page_token = shown.next_page_token
    asked.page_size = 5
    assert to_query(asked, "01S").page == Page(2, 2, (7, 3))


@pytest.mark.parametrize(
    ("change", "snapshot", "message"),
    [
        ({"explain": True}, "01S", "expected the request of the previous page, got another"),
        ({"filter": "price < 5"}, "01S", "expected the request of the previous page"),
        ({}, "01T", "expected a page of snapshot 01T, got one of 01S; start again"),
        ({"page_token": "made up"}, "01S", "expected the next_page_token of a response"),
        ({"page_token": "WzFd"}, "01S", "expected the next_page_token of a response"),
        ({"page_token": "é"}, "01S", "expected the next_page_token of a response"),
    ],
)
def test_a_token_of_something_else_is_refused(change: dict[str, Any], snapshot: str, message: str) -> None:
    """Of another request, of another snapshot, or of nobody."""
    asked = request(Part(item_id="a"))
    token = to_response(asked, PLAIN, answer(Hit("x", 2.0, 0, {}), payloads=[{}], more=True)).next_page_token
    asked.MergeFrom(search_pb2.SearchRequest(**{"page_token": token, **change}))
    with pytest.raises(InvalidQuery, match=re.escape(message)) as refused:
        to_query(asked, snapshot)
    assert refused.value.field == "page_token"


@pytest.mark.parametrize(
    ("offset", "window", "shown", "message"),
    [
        (10_001, 10, (), "expected a page within the first 10000 hits, got one at 10001"),
        (10, 1_001, (), "expected the next_page_token of a response"),
        (1, 10, (7, 8), "expected the next_page_token of a response"),
        (10, 0, (), "expected the next_page_token of a response"),
        (10, 10, (2**63,), "expected the next_page_token of a response"),
        (50, 10, range(33), "expected the next_page_token of a response"),
    ],
)
def test_a_token_that_would_cost_too_much_is_refused(
    offset: int, window: int, shown: Sequence[int], message: str
) -> None:
    """Whoever makes tokens up cannot make the server work for nothing."""
    asked = request(Part(item_id="a"))
    asked.page_token = to_token("01S", digest(asked), offset, window, shown)
    with pytest.raises(InvalidQuery, match=re.escape(message)):
        to_query(asked, "01S")


def test_a_token_stays_within_what_the_contract_takes() -> None:
    """With as many rows shown as a token carries, of the largest numbers."""
    token = to_token("0" * 26, "f" * 18, 999_999, 1_000, [2**48] * MAX_SHOWN_ROWS)
    assert len(token) <= 1024


@given(st.integers(0, 2**31))
def test_a_length_is_written_as_protobuf_does(number: int) -> None:
    """The varint read back by seven bits a byte is the number, and all its bytes but the last go on."""
    data = to_varint(number)
    assert sum((byte & 127) << (7 * place) for place, byte in enumerate(data)) == number
    assert [byte >> 7 for byte in data] == [1] * (len(data) - 1) + [0]
    assert data[-1] > 0 or len(data) == 1


@pytest.mark.parametrize(
    "error",
    [
        UnknownBlock("sound", ["image"], "block"),
        NoEncoder("block"),
        ItemNotFound("a", "block"),
        InvalidMessage([("block", "x"), ("c", "y")]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_moves_into_the_message_around_its_request(error: RequestError) -> None:
    """`at` puts the path before the field of a copy that says the same, and leaves the error itself alone."""
    moved = error.at("parts[1]").at("requests[0]")
    assert moved.field == "requests[0].parts[1].block"
    assert (type(moved), str(moved), error.field) == (type(error), str(error), "block")


@pytest.mark.parametrize(
    ("error", "code", "details"),
    [
        (InvalidQuery("x", "parts[0]"), "INVALID_ARGUMENT", {"ErrorInfo", "BadRequest"}),
        (DimensionMismatch(3, 4, "a"), "INVALID_ARGUMENT", {"ErrorInfo", "BadRequest"}),
        (UnknownBlock("a", ["b"]), "INVALID_ARGUMENT", {"ErrorInfo"}),
        (BadImage("x", "images[1]"), "INVALID_ARGUMENT", {"ErrorInfo", "BadRequest"}),
        (InvalidMessage([("a", "x"), ("b", "y")]), "INVALID_ARGUMENT", {"ErrorInfo", "BadRequest"}),
        (NotSupported("x", "filter"), "UNIMPLEMENTED", {"ErrorInfo", "BadRequest"}),
        (NoEncoder("parts[0]"), "FAILED_PRECONDITION", {"ErrorInfo", "BadRequest"}),
        (ItemNotFound("a"), "NOT_FOUND", {"ErrorInfo", "ResourceInfo"}),
        (SnapshotNotFound("x"), "NOT_FOUND", {"ErrorInfo", "ResourceInfo"}),
        (CorruptSnapshot("x"), "FAILED_PRECONDITION", {"ErrorInfo"}),
        (ModelMismatch("x"), "FAILED_PRECONDITION", {"ErrorInfo"}),
        (GateFailed("x"), "FAILED_PRECONDITION", {"ErrorInfo"}),
        (Overloaded("x"), "RESOURCE_EXHAUSTED", {"ErrorInfo", "RetryInfo"}),
        (NothingServed("x"), "UNAVAILABLE", {"ErrorInfo", "RetryInfo"}),
        (OutOfTime("x"), "DEADLINE_EXCEEDED", {"ErrorInfo"}),
        (DiptychError("secret"), "INTERNAL", set()),
        (ValueError("secret"), "INTERNAL", set()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_every_error_has_a_code_and_details(error: Exception, code: str, details: set[str]) -> None:
    """The table of errors: the code, the details that programs read, and nothing of what is unknown."""
    status = to_status(error)
    assert to_code(error).name == code
    assert status.code == grpc.StatusCode[code].value[0]
    assert set(unpack(status)) == details
    assert (status.message == UNKNOWN) == (code == "INTERNAL")
    assert "secret" not in str(status)
