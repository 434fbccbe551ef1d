"""CatalogService: the items as they are served, and changing them."""

from collections.abc import Callable, Sequence
from functools import partial

from engine.errors import InvalidQuery, ItemNotFound
from engine.server.codec.item_messages import check_request, to_response, to_upsert
from engine.server.codec.payload_fields import Fields, put_payload, to_fields
from engine.server.codec.validation import check
from engine.server.live_updates import LiveUpdates, SnapshotOverlay
from engine.server.rpc_router import Method
from engine.server.served_snapshot import ServedSnapshot, SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.updates.change_log import Upsert
from engine.updates.ingest import AcceptedItem
from engine.v1 import catalog_pb2

UPSERT = "UpsertItems"
DELETE = "DeleteItems"


class CatalogService:
    """Reads items, and changes them: one request after the other, in the one thread of `writers`."""

    def __init__(self, snapshots: SnapshotManager, changes: LiveUpdates, searchers: Workers, writers: Workers) -> None:
        self._snapshots = snapshots
        self._changes = changes
        self._searchers = searchers
        self._writers = writers

    def methods(self) -> dict[str, Method]:
        """Return what answers which rpc."""
        return {
            "engine.v1.CatalogService/GetItems": self.get_items,
            f"engine.v1.CatalogService/{UPSERT}": self.upsert_items,
            f"engine.v1.CatalogService/{DELETE}": self.delete_items,
        }

    async def get_items(self, request: catalog_pb2.GetItemsRequest, call: CallDeadline) -> catalog_pb2.GetItemsResponse:
        """Return the items that are there, and the ids of those that are not."""
        check(request)
        fields = to_fields(request.read_mask)
        work = partial(_items, self._snapshots.served, request.item_ids, fields)
        return await self._searchers.run("items", work, call)

    async def upsert_items(self, request: catalog_pb2.UpsertItemsRequest, call: CallDeadline) -> bytes:
        """Add or replace items; they are durable and searched when this returns."""
        check_request(request)
        if not request.items:
            return catalog_pb2.UpsertItemsResponse().SerializeToString()
        return await self._writers.run(UPSERT, partial(self._upsert, request, call), call)

    async def delete_items(self, request: catalog_pb2.DeleteItemsRequest, call: CallDeadline) -> bytes:
        """Remove items; they are gone, durably, when this returns."""
        check(request)
        if not request.item_ids:
            return catalog_pb2.DeleteItemsResponse().SerializeToString()
        return await self._writers.run(DELETE, partial(self._delete, request, call), call)

    def _upsert(self, request: catalog_pb2.UpsertItemsRequest, call: CallDeadline) -> bytes:
        answered = self._changes.response(request.request_id, UPSERT)
        if answered is not None:
            return answered
        pictures: dict[bytes, bytes] = {}
        read = [_read(place, item, pictures) for place, item in enumerate(request.items)]
        while True:
            served = self._snapshots.served
            # The slow part, and nothing waits for it: the lock is only taken for what is embedded.
            outcomes = _take(served.overlay, request, read, pictures)
            call.check()
            taken = [
                (item.item_id, outcome)
                for item, outcome in zip(request.items, outcomes, strict=True)
                if isinstance(outcome, AcceptedItem)
            ]
            refused = [
                (item.item_id, outcome)
                for item, outcome in zip(request.items, outcomes, strict=True)
                if isinstance(outcome, InvalidQuery)
            ]
            response = to_response(len(taken), refused).SerializeToString()
            if not taken and not request.request_id:
                return response
            answer = self._commit(served, taken, pictures, (request.request_id, UPSERT), partial(bytes, response))
            if answer is not None:
                return answer

    def _delete(self, request: catalog_pb2.DeleteItemsRequest, call: CallDeadline) -> bytes:
        changes = [(item_id, None) for item_id in dict.fromkeys(request.item_ids)]
        while True:
            served = self._snapshots.served
            respond = partial(_deleted, served.overlay, request.item_ids)
            answer = self._commit(served, changes, {}, (request.request_id, DELETE), respond)
            if answer is not None:
                return answer
            call.check()

    def _commit(
        self,
        served: ServedSnapshot,
        changes: Sequence[tuple[str, AcceptedItem | None]],
        pictures: dict[bytes, bytes],
        request: tuple[str, str],
        respond: Callable[[], bytes],
    ) -> bytes | None:
        """Return the answer, None if another snapshot has taken the served one's place, and nothing was done."""
        with self._changes.lock:
            if self._snapshots.served is not served:
                return None
            return self._changes.commit(served.overlay, changes, pictures.__getitem__, request, respond)


def _read(
    place: int, item: catalog_pb2.UpsertItemsRequest.NewItem, pictures: dict[bytes, bytes]
) -> Upsert | InvalidQuery:
    try:
        return to_upsert(item, pictures)
    except InvalidQuery as error:
        return error.at(f"items[{place}]")


def _take(
    overlay: SnapshotOverlay,
    request: catalog_pb2.UpsertItemsRequest,
    read: Sequence[Upsert | InvalidQuery],
    pictures: dict[bytes, bytes],
) -> list[AcceptedItem | InvalidQuery]:
    """Return what becomes of each item, refused ones with the path of what is wrong."""
    good = [place for place, one in enumerate(read) if isinstance(one, Upsert)]
    items = [(item.item_id, one) for item, one in zip(request.items, read, strict=True) if isinstance(one, Upsert)]
    found = dict(zip(good, overlay.intake.take(items, pictures.__getitem__), strict=True))
    outcomes: list[AcceptedItem | InvalidQuery] = []
    for place, one in enumerate(read):
        outcome = one if isinstance(one, InvalidQuery) else found[place]
        fresh = isinstance(outcome, InvalidQuery) and place in found
        outcomes.append(outcome.at(f"items[{place}]") if fresh and isinstance(outcome, InvalidQuery) else outcome)
    return outcomes


def _deleted(overlay: SnapshotOverlay, item_ids: Sequence[str]) -> bytes:
    there = {item_id for item_id in item_ids if overlay.holds(item_id)}
    missing = []
    for item_id in item_ids:
        if item_id in there:
            there.discard(item_id)
        else:
            missing.append(item_id)
    response = catalog_pb2.DeleteItemsResponse(deleted_count=len(item_ids) - len(missing), missing_item_ids=missing)
    return response.SerializeToString()


def _items(served: ServedSnapshot, item_ids: Sequence[str], fields: Fields | None) -> catalog_pb2.GetItemsResponse:
    view = served.searcher.view
    response = catalog_pb2.GetItemsResponse(snapshot=served.name)
    for item_id in item_ids:
        try:
            row = view.row_of(item_id)
        except ItemNotFound:
            response.missing_item_ids.append(item_id)
            continue
        item = response.items.add(item_id=item_id, blocks=view.stratum_of(row).blocks)
        put_payload(item.payload, view.payload(row), fields)
    return response
