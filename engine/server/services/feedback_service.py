"""CatalogService, as far as it tells what reviews say."""

from functools import partial

from engine.reviews.feedback import build_feedback
from engine.server.codec.feedback_messages import to_response, to_subject
from engine.server.codec.validation import check
from engine.server.rpc_router import Method
from engine.server.served_snapshot import SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.v1 import catalog_pb2


class FeedbackService:
    """Tells feedback in the threads of `searchers`, from the served snapshot as it is now."""

    def __init__(self, snapshots: SnapshotManager, searchers: Workers) -> None:
        self._snapshots = snapshots
        self._searchers = searchers

    def methods(self) -> dict[str, Method]:
        """Return what answers which rpc."""
        return {"engine.v1.CatalogService/GetFeedback": self.get_feedback}

    async def get_feedback(
        self, request: catalog_pb2.GetFeedbackRequest, call: CallDeadline
    ) -> catalog_pb2.GetFeedbackResponse:
        """Return what the reviews of an item, a brand or a category say."""
        check(request)
        return await self._searchers.run("feedback", partial(self._feedback, *to_subject(request)), call)

    def _feedback(self, kind: str, name: str) -> catalog_pb2.GetFeedbackResponse:
        return to_response(build_feedback(self._snapshots.served.searcher.view, kind, name))
