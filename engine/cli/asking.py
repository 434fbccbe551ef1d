"""One query from the command line: as the contract's request, asked of a store in this process or of a server."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.cli.arguments import EXP_DECAY, LINEAR, LOG1P, BoostOption, PinOption
from engine.errors import DiptychError, InvalidSetting, SnapshotNotFound
from engine.v1 import query_pb2, search_pb2

KINDS = ("text", "image", "item")
SHAPES = {
    LINEAR: query_pb2.Boost.SHAPE_LINEAR,
    LOG1P: query_pb2.Boost.SHAPE_LOG1P,
    EXP_DECAY: query_pb2.Boost.SHAPE_EXP_DECAY,
}
MISSING = {
    "renormalize": query_pb2.MISSING_MODALITY_RENORMALIZE,
    "neutral": query_pb2.MISSING_MODALITY_NEUTRAL,
    "drop": query_pb2.MISSING_MODALITY_DROP,
}


class Refused(DiptychError):
    """A server that gave no answer; the message is its own."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """All that `engine query` may be told of a search but its parts; what is None or empty is not asked."""

    modality_weights: Mapping[str, float]
    boosts: Sequence[BoostOption] = ()
    pins: Sequence[PinOption] = ()
    facets: Sequence[str] = ()
    fields: Sequence[str] = ()
    missing: str = "renormalize"
    filter: str = ""
    diversity: float | None = None
    collapse_by: str = ""
    min_score: float | None = None
    recall_target: float | None = None
    budget_ms: float | None = None
    limit: int = 10
    page_token: str = ""
    explain: bool = False


def to_request(
    texts: Iterable[str],
    images: Iterable[Path],
    item_ids: Iterable[str],
    weights: Sequence[tuple[str, float]],
    wishes: Wishes,
) -> search_pb2.SearchRequest:
    """Return the request. A kind's only weight is for all its parts; several are for one part each, in order.

    Raises InvalidSetting if the weights do not fit the parts, OSError if a picture cannot be read.
    """
    request = search_pb2.SearchRequest(
        modality_weights=wishes.modality_weights,
        missing_modality=MISSING[wishes.missing],
        filter=wishes.filter,
        boosts=[
            query_pb2.Boost(
                field=one.field, weight=one.weight, shape=SHAPES[one.shape], origin=one.origin, scale=one.scale
            )
            for one in wishes.boosts
        ],
        pins=[query_pb2.Pin(item_id=pin.item_id, position=pin.position) for pin in wishes.pins],
        collapse_by=wishes.collapse_by,
        facets=wishes.facets,
        min_score=wishes.min_score,
        page_size=wishes.limit,
        page_token=wishes.page_token,
        recall_target=wishes.recall_target,
        explain=wishes.explain,
        budget_ms=wishes.budget_ms,
    )
    if wishes.diversity is not None:
        # Its name is a word of Python's own.
        setattr(request.diversity, "lambda", wishes.diversity)
    if wishes.fields:
        request.read_mask.paths.extend(f"payload.{field}" for field in wishes.fields)
    parts = {
        "text": [query_pb2.QueryPart(text=text) for text in texts],
        "image": [query_pb2.QueryPart(image=path.read_bytes()) for path in images],
        "item": [query_pb2.QueryPart(item_id=item_id) for item_id in item_ids],
    }
    for kind in {kind for kind, _ in weights}:
        given = [weight for name, weight in weights if name == kind]
        if kind not in parts:
            raise InvalidSetting(f"expected a weight of {', '.join(KINDS)}, got one of {kind!r}")
        asked = parts[kind]
        if len(given) not in (1, len(asked)) or not asked:
            raise InvalidSetting(f"expected 1 weight of {kind} or one for each of {len(asked)}, got {len(given)}")
        for place, part in enumerate(asked):
            part.weight = given[place % len(given)]
    for kind in KINDS:
        request.parts.extend(parts[kind])
    return request


def ask_store(root: Path, request: search_pb2.SearchRequest) -> search_pb2.SearchResponse:
    """Return the answer of the store's current snapshot, checked whole. Raises what a server would refuse with."""
    from engine.convert.answers import to_response
    from engine.convert.queries import needs_encoder, to_query
    from engine.searcher import Searcher
    from engine.server.models import open_models
    from engine.snapshot import open_snapshot
    from engine.store import Store

    store = Store(root)
    name = store.current()
    if name is None:
        raise SnapshotNotFound(f"expected a published snapshot in {root}, got none; `indexer build` makes one")
    query = to_query(request, name)
    snapshot = open_snapshot(store, name)
    models = open_models(snapshot.manifest, "auto") if needs_encoder(query) else (None, None)
    return to_response(request, query, Searcher(snapshot, *models).search(query))


def ask_server(address: str, request: search_pb2.SearchRequest, timeout_s: float) -> search_pb2.SearchResponse:
    """Return the answer of a server. Raises Refused."""
    import grpc

    from engine.v1 import search_pb2_grpc

    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        stub = search_pb2_grpc.SearchServiceStub(channel)
        try:
            response: search_pb2.SearchResponse = stub.Search(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise Refused(f"{address}: {error.code().name}: {error.details()}") from error
    return response
