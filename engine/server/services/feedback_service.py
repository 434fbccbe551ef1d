"""CatalogService.GetFeedback: review digests."""

from functools import partial

from engine.reviews.feedback import build_feedback
from engine.server.codec.feedback_messages import to_response, to_subject
from engine.server.codec.validation import check
from engine.server.rpc_router import Method
from engine.server.snapshot_manager import SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.v1 import catalog_pb2


class FeedbackService:
    """Reads review digests in the threads of `searchers`."""

    def __init__(self, snapshots: SnapshotManager, searchers: Workers) -> None:
        self._snapshots = snapshots
        self._searchers = searchers

    def methods(self) -> dict[str, Method]:
        """Return the methods by rpc."""
        return {"engine.v1.CatalogService/GetFeedback": self.get_feedback}

    async def get_feedback(
        self, request: catalog_pb2.GetFeedbackRequest, call: CallDeadline
    ) -> catalog_pb2.GetFeedbackResponse:
        """Return the digest of the reviews of an item, a brand or a category."""
        check(request)
        return await self._searchers.run("feedback", partial(self._feedback, *to_subject(request)), call)

    def _feedback(self, kind: str, name: str) -> catalog_pb2.GetFeedbackResponse:
        return to_response(build_feedback(self._snapshots.served.searcher.view, kind, name))
