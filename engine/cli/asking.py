"""One query from the command line: as the contract's request, asked of a store in this process or of a server."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from engine.errors import DiptychError, InvalidSetting, SnapshotNotFound
from engine.v1 import query_pb2, search_pb2

KINDS = ("text", "image", "item")


class Refused(DiptychError):
    """A server that gave no answer; the message is its own."""


def to_request(
    texts: Sequence[str],
    images: Sequence[Path],
    item_ids: Sequence[str],
    weights: Sequence[tuple[str, float]],
    modality_weights: Mapping[str, float],
    boosts: Sequence[tuple[str, float]],
) -> search_pb2.SearchRequest:
    """Return the request. A kind's only weight is for all its parts; several are for one part each, in order.

    Raises InvalidSetting if the weights do not fit the parts, OSError if a picture cannot be read.
    """
    request = search_pb2.SearchRequest(
        modality_weights=modality_weights,
        boosts=[query_pb2.Boost(field=field, weight=weight) for field, weight in boosts],
    )
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
    from engine.encoder import Fingerprint, ModelSpec, check, open_encoder
    from engine.searcher import Searcher
    from engine.snapshot import open_snapshot
    from engine.store import Store

    store = Store(root)
    name = store.current()
    if name is None:
        raise SnapshotNotFound(f"expected a published snapshot in {root}, got none; `indexer build` makes one")
    query = to_query(request)
    snapshot = open_snapshot(store, name)
    record = snapshot.manifest.model
    encoder = None
    if record is not None and needs_encoder(query):
        encoder = open_encoder(ModelSpec(record.model, record.pretrained, record.encoder))
        check(encoder, Fingerprint.from_json(record.fingerprint), record.golden)
    answer = Searcher(snapshot, encoder).search(query)
    return to_response(answer, snapshot.items)


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
