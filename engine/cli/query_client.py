"""One query from the command line: as the contract's request, asked of a store in this process or of a server."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from google.protobuf.message import Message

from engine.cli.query_options import EXP_DECAY, LINEAR, LOG1P, BoostOption, PinOption
from engine.errors import DiptychError, InvalidSetting, SnapshotNotFound
from engine.v1 import query_pb2, search_pb2

if TYPE_CHECKING:
    from engine.search.searcher import Searcher

KINDS = ("text", "image", "item", "user")
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
class SearchOptions:
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
    change: str | None = None
    exclude: Sequence[str] = ()


def to_request(
    texts: Iterable[str],
    images: Iterable[Path],
    item_ids: Iterable[str],
    weights: Sequence[tuple[str, float]],
    wishes: SearchOptions,
    user_ids: Iterable[str] = (),
) -> search_pb2.SearchRequest:
    """Return the request. A kind's only weight is for all its parts; several are for one part each, in order.

    Raises InvalidSetting if the weights do not fit the parts, OSError if a picture cannot be read.
    """
    request = search_pb2.SearchRequest(
        modality_weights=wishes.modality_weights,
        missing_modality=MISSING[wishes.missing],
        filter=wishes.filter,
        boosts=[to_boost(one) for one in wishes.boosts],
        pins=[query_pb2.Pin(item_id=pin.item_id, position=pin.position) for pin in wishes.pins],
        collapse_by=wishes.collapse_by,
        facets=wishes.facets,
        min_score=wishes.min_score,
        page_size=wishes.limit,
        page_token=wishes.page_token,
        recall_target=wishes.recall_target,
        explain=wishes.explain,
        budget_ms=wishes.budget_ms,
        exclude_item_ids=wishes.exclude,
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
        "user": [query_pb2.QueryPart(user_id=user_id) for user_id in user_ids],
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
    if wishes.change is not None:
        changed = [*parts["image"], *parts["item"]]
        if not changed:
            raise InvalidSetting("expected --image or --item that --change changes, got none")
        for part in changed:
            part.change = wishes.change
    for kind in KINDS:
        request.parts.extend(parts[kind])
    return request


def to_boost(option: BoostOption) -> query_pb2.Boost:
    """Return a --boost as the contract has it."""
    return query_pb2.Boost(
        field=option.field, weight=option.weight, shape=SHAPES[option.shape], origin=option.origin, scale=option.scale
    )


def ask_store(root: Path, request: search_pb2.SearchRequest, events_url: str = "") -> search_pb2.SearchResponse:
    """Return the answer of the store's current snapshot, checked whole. Raises what a server would refuse with."""
    from engine.composition.query_rewriter import QueryRewriter
    from engine.server.codec.search_request import to_query
    from engine.server.codec.search_response import to_response
    from engine.server.lazy_event_log import LazyEventLog
    from engine.server.shopper_recommender import ShopperRecommender

    query = to_query(request, current(root))
    searcher = open_searcher(root, query.needs_encoder)
    events = LazyEventLog(root, events_url)
    try:
        query = ShopperRecommender(events).with_user_vectors(searcher, query)
    finally:
        events.close()
    query = QueryRewriter().rewrite(searcher, query)
    return to_response(request, query, searcher.search(query))


def current(root: Path) -> str:
    """Return the name of a store's current snapshot. Raises SnapshotNotFound."""
    from engine.snapshot.store import Store

    name = Store(root).current()
    if name is None:
        raise SnapshotNotFound(f"expected a published snapshot in {root}, got none; `indexer build` makes one")
    return name


def open_searcher(root: Path, with_models: bool) -> "Searcher":
    """Return a searcher of a store's current snapshot, checked whole. Raises what opening a snapshot does."""
    from engine.search.model_loader import open_models
    from engine.search.searcher import Searcher
    from engine.snapshot.snapshot import open_snapshot
    from engine.snapshot.store import Store

    snapshot = open_snapshot(Store(root), current(root))
    return Searcher(snapshot, *(open_models(snapshot.manifest, "auto") if with_models else (None, None)))


def ask_server(address: str, request: search_pb2.SearchRequest, timeout_s: float) -> search_pb2.SearchResponse:
    """Return the answer of a server. Raises Refused."""
    response: search_pb2.SearchResponse = call(address, "engine.v1.SearchService/Search", request, timeout_s)
    return response


def call(address: str, rpc: str, request: Message, timeout_s: float) -> Any:
    """Return what a server answers to an rpc of the contract. Raises Refused."""
    import grpc
    from google.protobuf.descriptor_pool import Default
    from google.protobuf.message_factory import GetMessageClass

    method = Default().FindMethodByName(rpc.replace("/", "."))
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", -1)]) as channel:
        ask = channel.unary_unary(
            f"/{rpc}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=GetMessageClass(method.output_type).FromString,
        )
        try:
            return ask(request, timeout=timeout_s)
        except grpc.RpcError as error:
            raise Refused(f"{address}: {error.code().name}: {error.details()}") from error
