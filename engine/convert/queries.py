"""Search requests as the domain's queries: checked against the contract, refused where this build cannot answer."""

from collections.abc import Sequence

from google.protobuf.message import Message

from engine.convert.rules import check, take_vector
from engine.errors import NotSupported
from engine.records import Boost, ImagePart, ItemPart, Missing, Part, Query, TextPart, Vector, VectorPart
from engine.v1 import query_pb2, search_pb2

DEFAULT_PAGE_SIZE = 10

_SEARCH_FIELDS = frozenset(
    {
        "parts",
        "modality_weights",
        "missing_modality",
        "boosts",
        "page_size",
        "recall_target",
        "explain",
        "read_mask",
    }
)
_LINEAR = (query_pb2.Boost.SHAPE_UNSPECIFIED, query_pb2.Boost.SHAPE_LINEAR)
_MISSING = {
    query_pb2.MISSING_MODALITY_UNSPECIFIED: Missing.RENORMALIZE,
    query_pb2.MISSING_MODALITY_RENORMALIZE: Missing.RENORMALIZE,
    query_pb2.MISSING_MODALITY_NEUTRAL: Missing.NEUTRAL,
    query_pb2.MISSING_MODALITY_DROP: Missing.DROP,
}


def to_query(request: search_pb2.SearchRequest) -> Query:
    """Return the query that a request asks, its vectors moved out of it.

    Raises InvalidRequest if it breaks a rule of the contract, NotSupported if it asks for what is not answered yet.
    """
    vectors = [take_vector(part.vector) if part.WhichOneof("content") == "vector" else None for part in request.parts]
    check(request)
    _refuse_others(request, _SEARCH_FIELDS)
    if not request.parts:
        raise NotSupported("expected at least one part: ranking by boosts alone is not answered yet", "parts")
    return Query(
        parts=tuple(_to_part(part, place, vectors) for place, part in enumerate(request.parts)),
        modality_weights=dict(request.modality_weights) if request.modality_weights else {},
        missing=_MISSING[request.missing_modality],
        boosts=tuple(_to_boost(boost, place) for place, boost in enumerate(request.boosts)) if request.boosts else (),
        limit=request.page_size or DEFAULT_PAGE_SIZE,
        recall_target=request.recall_target if request.HasField("recall_target") else None,
        explain=request.explain,
    )


def needs_encoder(request: search_pb2.SearchRequest) -> bool:
    """Return whether a model has to run before the request can be answered."""
    return any(part.WhichOneof("content") in ("text", "image") for part in request.parts)


def _to_part(part: query_pb2.QueryPart, place: int, vectors: Sequence[Vector | None]) -> Part:
    content = part.WhichOneof("content")
    weight = part.weight if part.HasField("weight") else 1.0
    values = vectors[place]
    if values is not None:
        return VectorPart(values, weight, part.block)
    if content == "text":
        return TextPart(part.text, weight, part.block)
    if content == "image":
        return ImagePart(part.image, weight, part.block)
    if content == "item_id":
        return ItemPart(part.item_id, weight, part.block)
    raise _not_yet(f"parts[{place}].{content}")


def _to_boost(boost: query_pb2.Boost, place: int) -> Boost:
    if boost.shape not in _LINEAR:
        raise _not_yet(f"boosts[{place}].shape", f" {query_pb2.Boost.Shape.Name(boost.shape)}")
    return Boost(boost.field, boost.weight)


def _refuse_others(message: Message, answered: frozenset[str]) -> None:
    """Refuse a set field that is not named here, so that a field added to the contract is never silently ignored."""
    for field, _ in message.ListFields():
        if field.name not in answered:
            raise _not_yet(field.name)


def _not_yet(field: str, value: str = "") -> NotSupported:
    return NotSupported(f"{field}{value} is not answered yet", field)
