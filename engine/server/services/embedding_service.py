"""EmbeddingService: the encoder of the served snapshot by itself."""

from functools import partial

from engine.encoders.encoder import Encoder
from engine.encoders.images import decode
from engine.errors import InvalidQuery, NoEncoder
from engine.server.codec.validation import check
from engine.server.rpc_router import Method
from engine.server.served_snapshot import SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.v1 import embedding_pb2

# How many decoded pictures are held at once: a large one is 120 MB.
SLICE = 8


class EmbeddingService:
    """Turns texts and pictures into the vectors that searches are made of."""

    def __init__(self, snapshots: SnapshotManager, encoders: Workers) -> None:
        self._snapshots = snapshots
        self._encoders = encoders

    def methods(self) -> dict[str, Method]:
        """Return what answers which rpc."""
        return {"engine.v1.EmbeddingService/Embed": self.embed}

    async def embed(self, request: embedding_pb2.EmbedRequest, call: CallDeadline) -> embedding_pb2.EmbedResponse:
        """Return one vector for each text and each picture."""
        check(request)
        served = self._snapshots.served
        model = served.snapshot.manifest.model
        if model is None or served.searcher.encoder is None:
            raise NoEncoder
        response = embedding_pb2.EmbedResponse(model=model.model, snapshot=served.name)
        if request.texts or request.images:
            work = partial(_embed, served.searcher.encoder, request, response, call)
            await self._encoders.run("embed", work, call)
        return response


def _embed(
    encoder: Encoder, request: embedding_pb2.EmbedRequest, response: embedding_pb2.EmbedResponse, call: CallDeadline
) -> None:
    if request.texts:
        for row in encoder.encode_texts(list(request.texts)):
            response.text_vectors.add(values=row.tolist())
    for start in range(0, len(request.images), SLICE):
        pictures = []
        for place, data in enumerate(request.images[start : start + SLICE], start):
            call.check()
            try:
                pictures.append(decode(data))
            except InvalidQuery as error:
                raise error.at(f"images[{place}]") from error
        for row in encoder.encode_images(pictures):
            response.image_vectors.add(values=row.tolist())
