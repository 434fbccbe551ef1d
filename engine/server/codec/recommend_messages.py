"""Requests for recommendations from messages, and recommendations as the bytes of responses."""

from engine.errors import InvalidQuery
from engine.recommend.reason import Reason, ReasonKind
from engine.recommend.recommend_request import Mode, RecommendRequest
from engine.recommend.recommender import Recommendations
from engine.scoring.answer import Hit
from engine.server.codec.search_request import DEFAULT_PAGE_SIZE, to_boosts, to_diversity
from engine.server.codec.search_response import put_plan, to_varint
from engine.server.codec.validation import check
from engine.v1 import recommendation_pb2

_HITS = b"\x0a"  # RecommendResponse.hits, field 1, length-delimited
_PAYLOAD = b"\x22"  # Recommendation.payload, field 4, length-delimited

_MODES = {
    recommendation_pb2.RecommendRequest.MODE_UNSPECIFIED: Mode.MIXED,
    recommendation_pb2.RecommendRequest.MODE_REPEAT: Mode.REPEAT,
    recommendation_pb2.RecommendRequest.MODE_DISCOVER: Mode.DISCOVER,
    recommendation_pb2.RecommendRequest.MODE_MIXED: Mode.MIXED,
}

_REASON_KINDS = {
    kind: recommendation_pb2.Recommendation.ReasonKind.Value(f"REASON_KIND_{kind.name}") for kind in ReasonKind
}


def from_request(request: recommendation_pb2.RecommendRequest) -> RecommendRequest:
    """Check and convert a request. Raises InvalidMessage if it breaks a rule of the contract."""
    check(request)
    session = request.WhichOneof("subject") == "session"
    if session and request.image:
        raise InvalidQuery("expected the image of a session in session.image, got one outside the session", "image")
    return RecommendRequest(
        mode=_MODES[request.mode],
        session=session,
        liked=tuple(request.session.liked_item_ids),
        disliked=tuple(request.session.disliked_item_ids),
        image=request.session.image if session else request.image,
        exclude=frozenset(request.exclude_item_ids),
        filter=request.filter.strip(),
        boosts=to_boosts(request.boosts),
        diversity=to_diversity(request.diversity) if request.HasField("diversity") else None,
        collapse_by=request.collapse_by,
        limit=request.page_size or DEFAULT_PAGE_SIZE,
        explain=request.explain,
        recall_target=request.recall_target if request.HasField("recall_target") else None,
    )


def to_response(recommended: Recommendations) -> recommendation_pb2.RecommendResponse:
    """Return recommendations as a message."""
    return recommendation_pb2.RecommendResponse.FromString(to_bytes(recommended))


def to_bytes(recommended: Recommendations, parse_us: int = 0, total_us: int = 0) -> bytes:
    """Return the bytes of the response. parse_us, total_us: times for reading the request, and since it arrived."""
    answer = recommended.answer
    head = recommendation_pb2.RecommendResponse()
    put_plan(head, answer, parse_us, total_us)
    pieces: list[bytes] = []
    for hit, reason in zip(answer.hits, recommended.reasons, strict=True):
        content = _hit(hit, reason, answer.payload(hit.row))
        pieces += (_HITS, to_varint(len(content)), content)
    return b"".join((*pieces, head.SerializeToString()))


def _hit(hit: Hit, reason: Reason, payload: bytes) -> bytes:
    message = recommendation_pb2.Recommendation(
        item_id=hit.item_id,
        score=hit.score,
        contributions=hit.contributions,
        reason=reason.words,
        because_item_ids=reason.because,
        interest=reason.interest,
        reason_kind=_REASON_KINDS[reason.kind],
        reason_contribution=reason.contribution,
    )
    # As in search responses: a payload is stored as the bytes of the message that carries it.
    return b"".join((message.SerializeToString(), _PAYLOAD, to_varint(len(payload)), payload))
