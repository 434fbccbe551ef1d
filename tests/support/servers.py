"""Real servers on free ports, and stores for them to serve: what the tests of the server begin with."""

import asyncio
import io
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import numpy as np
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from PIL import Image

from engine.encoders.encoder import ModelSpec
from engine.server.serving import Server
from engine.server.settings import load
from engine.snapshot.store import Store
from engine.v1 import (
    catalog_pb2_grpc,
    embedding_pb2_grpc,
    index_pb2_grpc,
    query_pb2,
    search_pb2,
    search_pb2_grpc,
)
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import Vectors, write_lines, write_parquet

COLOURS = ("red", "green", "blue", "yellow", "black", "white")
GOODS = ("shoe", "mug", "chair", "lamp")
ROWS = [
    {
        "item_id": f"{colour}-{thing}",
        "title": f"{colour} {thing}",
        "category": thing,
        "price": 10.0 + place,
        "rating": 1.0 + place % 5,
        "image": f"{colour}-{thing}.png",
    }
    for place, (colour, thing) in enumerate((colour, thing) for colour in COLOURS for thing in GOODS)
]


def picture(colour: str, thing: str) -> bytes:
    """Return a small PNG: one colour, and a bar whose place tells the thing."""
    image = Image.new("RGB", (24, 24), colour)
    image.paste("grey", (6 * GOODS.index(thing), 0, 6 * GOODS.index(thing) + 4, 24))
    data = io.BytesIO()
    image.save(data, "PNG")
    return data.getvalue()


def build_goods(root: Path, model: Path) -> Path:
    """Build a store of two dozen goods with pictures and texts; the last four have no picture. Return its folder."""
    for colour in COLOURS:
        for thing in GOODS:
            (root / f"{colour}-{thing}.png").write_bytes(picture(colour, thing))
    rows: list[dict[str, Any]] = [dict(row) for row in ROWS]
    for row in rows[-4:]:
        del row["image"]
    catalogue = write_lines(root / "goods.jsonl", rows)
    # A model of random weights may find a picture's twin first, so the gates are not asked.
    config = BuildConfig(catalogue, root / "store", ModelSpec(str(model)), signals=("rating",), publish=False)
    manifest = build(config, no_progress)
    Store(root / "store").activate(manifest.snapshot)
    return root / "store"


def copy_store(store: Path, folder: Path) -> Path:
    """Copy a store into a folder, for tests that change it; return the copy."""
    return Path(shutil.copytree(store, folder / "store"))


def add_vectors(root: Path, vectors: Vectors, prefix: str) -> str:
    """Build and publish a snapshot of items prefix0, prefix1 … and return its name."""
    item_ids = [f"{prefix}{number}" for number in range(len(vectors.image))]
    catalogue = write_parquet(root / f"{prefix}.parquet", vectors, item_id=item_ids)
    return build(BuildConfig(catalogue, root / "store"), no_progress).snapshot


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs on an event loop in a thread, and the stubs to ask it."""

    server: Server
    loop: asyncio.AbstractEventLoop
    channel: grpc.Channel
    target: str

    @property
    def search(self) -> search_pb2_grpc.SearchServiceStub:
        """Asks SearchService."""
        return search_pb2_grpc.SearchServiceStub(self.channel)

    @property
    def catalog(self) -> catalog_pb2_grpc.CatalogServiceStub:
        """Asks CatalogService."""
        return catalog_pb2_grpc.CatalogServiceStub(self.channel)

    @property
    def embedding(self) -> embedding_pb2_grpc.EmbeddingServiceStub:
        """Asks EmbeddingService."""
        return embedding_pb2_grpc.EmbeddingServiceStub(self.channel)

    @property
    def index(self) -> index_pb2_grpc.IndexServiceStub:
        """Asks IndexService."""
        return index_pb2_grpc.IndexServiceStub(self.channel)

    def do(self, coroutine: Any, timeout_s: float = 60) -> Any:
        """Run a coroutine on the server's loop and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(timeout_s)


@contextmanager
def running(store: Path, opened: bool = True, **settings: Any) -> Iterator[Running]:
    """Give a server over a store; `opened` tells whether it has its snapshot already."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> Server:
        server = Server(load({"store": store, "address": "127.0.0.1:0", "poll_s": 0.05, "grace_s": 5} | settings))
        await server.listen()
        return server

    def do(coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result(60)

    try:
        server = do(start())
        try:
            if opened:
                do(server.open())
            target = f"127.0.0.1:{server.port}"
            with grpc.insecure_channel(target) as channel:
                yield Running(server, loop, channel, target)
        finally:
            do(server.close())
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def request(*parts: query_pb2.QueryPart, **fields: Any) -> search_pb2.SearchRequest:
    """Return a request of these parts."""
    return search_pb2.SearchRequest(parts=parts, **fields)


def of_vector(values: Sequence[float] | np.ndarray, **fields: Any) -> query_pb2.QueryPart:
    """Return a part that is a vector."""
    return query_pb2.QueryPart(vector=query_pb2.Vector(values=np.asarray(values, np.float32).tolist()), **fields)


@dataclass(frozen=True, slots=True)
class Refusal:
    """How a call failed: its code, its words, and the details that programs read."""

    code: grpc.StatusCode
    message: str
    details: dict[str, Message]

    @property
    def fields(self) -> list[str]:
        """The paths of the fields that are wrong."""
        found = self.details["BadRequest"]
        assert isinstance(found, error_details_pb2.BadRequest)
        return [violation.field for violation in found.field_violations]


def refusal(call: Any, *arguments: Any, **options: Any) -> Refusal:
    """Return how a call fails; one that does not fail is an error of the test."""
    try:
        answer = call(*arguments, **{"timeout": 30, **options})
    except grpc.RpcError as error:
        rich = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        return Refusal(error.code(), error.details() or "", unpack(status_pb2.Status.FromString(rich)))
    raise AssertionError(f"expected a refusal, got {answer}")


def unpack(status: status_pb2.Status) -> dict[str, Message]:
    """Return the details of a status by the name of their message."""
    found = {}
    for packed in status.details:
        name = packed.TypeName().rpartition(".")[2]
        found[name] = getattr(error_details_pb2, name)()
        assert packed.Unpack(found[name])
    return found
