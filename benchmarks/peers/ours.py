"""The engine as one of the peers: in process, through messages, and over gRPC.

It runs in our Python, and its index is a store that the indexer built.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.peers.worker import Data, PeerQuery, Settings
from engine.scoring.query import Missing, Query, VectorPart


class InProcess:
    """Searcher.search with a Query."""

    packages: Sequence[str] = ("diptych", "faiss-cpu", "faiss-gpu")
    imports = (
        "engine.search.searcher",
        "engine.indexes.cpu",
        "engine.server.codec.search_request",
        "engine.server.codec.search_response",
    )

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """Fail, since the indexer builds stores."""
        raise NotImplementedError("expected a store that the indexer built, got an order to build one")

    def open(self, folder: Path, k: int) -> None:
        """Open the published snapshot of a store."""
        from engine.search.searcher import Searcher
        from engine.snapshot.snapshot import open_snapshot
        from engine.snapshot.store import Store

        store = Store(folder)
        self._searcher = Searcher(open_snapshot(store, store.require_current()), None)
        self._searcher.warm_up()
        self._k = k

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """No settings, since the planner chooses them."""
        return partial(self._searcher.search, to_query(asked, self._k))

    def rows(self, answer: Any) -> list[int]:
        """An id is the letter p and the row."""
        return [int(hit.item_id[1:]) for hit in answer.hits]


class Converted(InProcess):
    """From the bytes of a request to the bytes of the response, as the server does for every call."""

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """No settings, since the planner chooses them."""
        from engine.server.codec.search_request import to_query as read
        from engine.server.codec.search_response import to_bytes
        from engine.v1 import search_pb2

        data = to_request(asked, self._k).SerializeToString()
        name = self._searcher.snapshot.name

        def call() -> bytes:
            request = search_pb2.SearchRequest.FromString(data)
            query = read(request, name)
            return to_bytes(request, query, self._searcher.search(query))

        return call

    def rows(self, answer: Any) -> list[int]:
        """An id is the letter p and the row."""
        from engine.v1 import search_pb2

        return [int(hit.item_id[1:]) for hit in search_pb2.SearchResponse.FromString(answer).hits]


class Called(InProcess):
    """A separate server, called with the generated stub; a call includes parsing the response."""

    packages = ("diptych", "faiss-cpu", "faiss-gpu", "grpcio")

    def open(self, folder: Path, k: int) -> None:
        """Start a server on a store."""
        from contextlib import ExitStack

        import grpc

        from benchmarks.processes import engine_server
        from engine.v1 import search_pb2_grpc

        self._running = ExitStack()
        served = self._running.enter_context(engine_server(folder))
        self._channel = grpc.insecure_channel(served.target)
        self._stub = search_pb2_grpc.SearchServiceStub(self._channel)
        self._k = k

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """No settings, since the planner chooses them."""
        return partial(self._stub.Search, to_request(asked, self._k), timeout=30)


def to_query(asked: PeerQuery, k: int) -> Query:
    """Return the query as the engine's own."""
    parts = tuple(VectorPart(unit, block=name) for name, unit in asked.units.items())
    return Query(parts, dict(asked.weights), Missing.NEUTRAL, limit=k, filter=_filter(asked))


def to_request(asked: PeerQuery, k: int) -> Any:
    """Return the query as a message."""
    from engine.v1 import query_pb2, search_pb2

    return search_pb2.SearchRequest(
        parts=[
            query_pb2.QueryPart(vector=query_pb2.Vector(values=unit.tolist()), block=name)
            for name, unit in asked.units.items()
        ],
        modality_weights=dict(asked.weights),
        missing_modality=query_pb2.MISSING_MODALITY_NEUTRAL,
        page_size=k,
        filter=_filter(asked),
    )


def _filter(asked: PeerQuery) -> str:
    return f"shuffle < {asked.below!r}" if asked.below < 1.0 else ""
