"""One description from the command line: of a store in this process, or of a server."""

from pathlib import Path

from engine.cli.query_client import Refused
from engine.descriptions.describer import Description
from engine.errors import SnapshotNotFound
from engine.server.codec.description_messages import from_request, from_response
from engine.server.codec.validation import check
from engine.v1 import catalog_pb2


def ask_store(root: Path, request: catalog_pb2.DescribeItemRequest) -> Description:
    """Return the description that the embedded writer gives of the store's current snapshot, checked whole."""
    from engine.descriptions.subjects import SnapshotDescribers, item_of, pictures_of
    from engine.descriptions.writer import WriterOptions, open_writer
    from engine.encoders.images import decode
    from engine.search.model_loader import open_models
    from engine.search.searcher import Searcher
    from engine.snapshot.snapshot import open_snapshot
    from engine.snapshot.store import Store

    check(request)
    store = Store(root)
    name = store.current()
    if name is None:
        raise SnapshotNotFound(f"expected a published snapshot in {root}, got none; `indexer build` makes one")
    snapshot = open_snapshot(store, name)
    searcher = Searcher(snapshot, *open_models(snapshot.manifest, "auto"))
    shown = request.WhichOneof("subject") == "image"
    subjects = (
        pictures_of(searcher, [decode(request.image)], [request.image])
        if shown
        else [item_of(searcher, request.item_id)]
    )
    describer = SnapshotDescribers(open_writer(WriterOptions())).of(searcher, pictures=shown)
    return describer.describe(subjects, from_request(request))[0]


def ask_server(address: str, request: catalog_pb2.DescribeItemRequest, timeout_s: float) -> Description:
    """Return the description that a server gives, by the writer it was set up with. Raises Refused."""
    import grpc

    from engine.v1 import catalog_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        try:
            return from_response(catalog_pb2_grpc.CatalogServiceStub(channel).DescribeItem(request, timeout=timeout_s))
        except grpc.RpcError as error:
            raise Refused(f"{address}: {error.code().name}: {error.details()}") from error
