"""CatalogService.DescribeItem: descriptions of items and images."""

from functools import partial
from threading import Lock

from engine.descriptions.describer import Describer
from engine.descriptions.subjects import SnapshotDescribers, get_item_subject, get_picture_subjects
from engine.descriptions.writer import WriterOptions, open_writer
from engine.encoders.images import decode
from engine.errors import InvalidQuery, ItemNotFound
from engine.server.codec.description_messages import from_request, to_response
from engine.server.codec.validation import check
from engine.server.rpc_router import Method
from engine.server.served_snapshot import ServedSnapshot
from engine.server.snapshot_manager import SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.v1 import catalog_pb2


class DescriptionService:
    """Writes descriptions in threads of their own, since a chat model may take half a minute."""

    def __init__(self, snapshots: SnapshotManager, describers: Workers, options: WriterOptions) -> None:
        """Open the writer. Raises InvalidSetting if it is unknown or lacks an option."""
        self._snapshots = snapshots
        self._workers = describers
        self._describers = SnapshotDescribers(open_writer(options))
        self._lock = Lock()

    def methods(self) -> dict[str, Method]:
        """Return the methods by rpc."""
        return {"engine.v1.CatalogService/DescribeItem": self.describe_item}

    async def describe_item(
        self, request: catalog_pb2.DescribeItemRequest, call: CallDeadline
    ) -> catalog_pb2.DescribeItemResponse:
        """Return a description of an item or an image."""
        check(request)
        kind = f"describe {request.WhichOneof('subject')}"
        return await self._workers.run(kind, partial(self._describe, self._snapshots.served, request, call), call)

    def _describe(
        self, served: ServedSnapshot, request: catalog_pb2.DescribeItemRequest, call: CallDeadline
    ) -> catalog_pb2.DescribeItemResponse:
        searcher = served.searcher
        if request.WhichOneof("subject") == "image":
            try:
                image = decode(request.image)
            except InvalidQuery as error:
                raise error.at("image") from error
            subjects = get_picture_subjects(searcher, [image], [request.image])
        else:
            try:
                subjects = [get_item_subject(searcher, request.item_id)]
            except ItemNotFound as error:
                raise error.at("item_id") from error
        describer = self._describer(served, bool(subjects[0].image))
        call.check()
        return to_response(describer.describe(subjects, from_request(request))[0])

    def _describer(self, served: ServedSnapshot, pictures: bool) -> Describer:
        # The first call learns from the snapshot; concurrent calls wait for it.
        with self._lock:
            return self._describers.of(served.searcher, pictures)
