"""EmbeddingService: the encoder of the served snapshot."""

from functools import partial

from engine.encoders.encoder import Encoder
from engine.encoders.images import decode
from engine.errors import InvalidQuery, NoEncoder
from engine.server.codec.validation import check
from engine.server.rpc_router import Method
from engine.server.snapshot_manager import SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.v1 import embedding_pb2

# Number of decoded images in memory: a large one takes 120 MB.
_IMAGE_BATCH = 8


class EmbeddingService:
    """Encodes texts and images as vectors."""

    def __init__(self, snapshots: SnapshotManager, encoders: Workers) -> None:
        self._snapshots = snapshots
        self._encoders = encoders

    def methods(self) -> dict[str, Method]:
        """Return the methods by rpc."""
        return {"engine.v1.EmbeddingService/Embed": self.embed}

    async def embed(self, request: embedding_pb2.EmbedRequest, call: CallDeadline) -> embedding_pb2.EmbedResponse:
        """Return one vector for each text and each image."""
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
    for start in range(0, len(request.images), _IMAGE_BATCH):
        pictures = []
        for index, data in enumerate(request.images[start : start + _IMAGE_BATCH], start):
            call.check()
            try:
                pictures.append(decode(data))
            except InvalidQuery as error:
                raise error.at(f"images[{index}]") from error
        for row in encoder.encode_images(pictures):
            response.image_vectors.add(values=row.tolist())
