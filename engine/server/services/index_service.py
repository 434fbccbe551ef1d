"""IndexService: the served snapshot, the others in the store, and switching between them."""

import logging
from functools import partial

from engine.errors import CorruptSnapshot, SnapshotNotFound
from engine.server.codec.index_messages import to_snapshot
from engine.server.codec.validation import check
from engine.server.rpc_router import Method
from engine.server.snapshot_manager import SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.v1 import index_pb2

DEFAULT_PAGE_SIZE = 10

log = logging.getLogger(__name__)


class IndexService:
    """Lists the snapshots of the store and switches between them, one call at a time."""

    def __init__(self, snapshots: SnapshotManager, administrators: Workers) -> None:
        self._snapshots = snapshots
        self._administrators = administrators

    def methods(self) -> dict[str, Method]:
        """Return the methods by rpc."""
        return {
            "engine.v1.IndexService/GetIndex": self.get_index,
            "engine.v1.IndexService/ListSnapshots": self.list_snapshots,
            "engine.v1.IndexService/ActivateSnapshot": self.activate_snapshot,
        }

    async def get_index(self, request: index_pb2.GetIndexRequest, call: CallDeadline) -> index_pb2.GetIndexResponse:
        """Return the served snapshot."""
        return index_pb2.GetIndexResponse(index=self._snapshots.served.index)

    async def list_snapshots(
        self, request: index_pb2.ListSnapshotsRequest, call: CallDeadline
    ) -> index_pb2.ListSnapshotsResponse:
        """Return the snapshots of the store, newest first."""
        check(request)
        work = partial(_list_snapshots, self._snapshots, request.page_size or DEFAULT_PAGE_SIZE, request.page_token)
        return await self._administrators.run("list", work, call)

    async def activate_snapshot(
        self, request: index_pb2.ActivateSnapshotRequest, call: CallDeadline
    ) -> index_pb2.ActivateSnapshotResponse:
        """Serve another snapshot; returns when it is served."""
        check(request)
        work = partial(self._snapshots.activate, request.snapshot)
        manifest, before = await self._administrators.run("activate", work, call)
        return index_pb2.ActivateSnapshotResponse(
            snapshot=to_snapshot(manifest, manifest.snapshot), previous_snapshot=before
        )


def _list_snapshots(snapshots: SnapshotManager, size: int, token: str) -> index_pb2.ListSnapshotsResponse:
    """Return one page. token: name of the last snapshot of the previous page."""
    served = snapshots.served.name
    names = [name for name in reversed(snapshots.store.names()) if not token or name < token]
    response = index_pb2.ListSnapshotsResponse(next_page_token=names[size - 1] if len(names) > size else "")
    for name in names[:size]:
        try:
            response.snapshots.append(to_snapshot(snapshots.store.manifest(name), served))
        except (CorruptSnapshot, SnapshotNotFound) as error:
            # Damaged, or pruned since it was listed: still list the others.
            log.warning("skipped a snapshot in the list: %s", error)
    return response
