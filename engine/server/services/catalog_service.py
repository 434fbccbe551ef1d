"""CatalogService: reading, upserting and deleting items."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from engine.catalog.column_rule import ColumnRule
from engine.errors import InvalidQuery, ItemNotFound
from engine.server.codec.item_messages import check_request, to_response, to_upsert
from engine.server.codec.payload_fields import Fields, put_payload, to_fields
from engine.server.codec.validation import check
from engine.server.live_updates import LiveUpdates
from engine.server.rpc_router import Method
from engine.server.served_snapshot import ServedSnapshot
from engine.server.snapshot_manager import SnapshotManager
from engine.server.snapshot_overlay import SnapshotOverlay
from engine.server.workers import CallDeadline, Workers
from engine.updates.ingest import AcceptedItem
from engine.updates.item_change import Upsert
from engine.v1 import catalog_pb2

UPSERT = "UpsertItems"
DELETE = "DeleteItems"


class CatalogService:
    """Reads items, and changes them one request at a time, in the single thread of `writers`."""

    def __init__(self, snapshots: SnapshotManager, changes: LiveUpdates, searchers: Workers, writers: Workers) -> None:
        self._snapshots = snapshots
        self._changes = changes
        self._searchers = searchers
        self._writers = writers

    def methods(self) -> dict[str, Method]:
        """Return the methods by rpc."""
        return {
            "engine.v1.CatalogService/GetItems": self.get_items,
            f"engine.v1.CatalogService/{UPSERT}": self.upsert_items,
            f"engine.v1.CatalogService/{DELETE}": self.delete_items,
        }

    async def get_items(self, request: catalog_pb2.GetItemsRequest, call: CallDeadline) -> catalog_pb2.GetItemsResponse:
        """Return the items that exist, and the ids of those that do not."""
        check(request)
        fields = to_fields(request.read_mask)
        work = partial(_get_items, self._snapshots.served, request.item_ids, fields)
        return await self._searchers.run("items", work, call)

    async def upsert_items(self, request: catalog_pb2.UpsertItemsRequest, call: CallDeadline) -> bytes:
        """Add or replace items; they are on disk and searchable when this returns."""
        check_request(request)
        if not request.items:
            return catalog_pb2.UpsertItemsResponse().SerializeToString()
        return await self._writers.run(UPSERT, partial(self._upsert, request, call), call)

    async def delete_items(self, request: catalog_pb2.DeleteItemsRequest, call: CallDeadline) -> bytes:
        """Delete items, durably."""
        check(request)
        if not request.item_ids:
            return catalog_pb2.DeleteItemsResponse().SerializeToString()
        return await self._writers.run(DELETE, partial(self._delete, request, call), call)

    def _upsert(self, request: catalog_pb2.UpsertItemsRequest, call: CallDeadline) -> bytes:
        stored = self._changes.response(request.request_id, UPSERT)
        if stored is not None:
            return stored
        pictures: dict[bytes, bytes] = {}
        rules = self._snapshots.served.overlay.snapshot.manifest.catalogue.column_rules
        parsed = [_parse(index, item, pictures, rules) for index, item in enumerate(request.items)]
        while True:
            served = self._snapshots.served
            # Embedding is the slow part, and holds no lock.
            outcomes = _prepare(served.overlay, request, parsed, pictures)
            call.check()
            accepted = [
                (item.item_id, outcome)
                for item, outcome in zip(request.items, outcomes, strict=True)
                if isinstance(outcome, AcceptedItem)
            ]
            rejected = [
                (item.item_id, outcome)
                for item, outcome in zip(request.items, outcomes, strict=True)
                if isinstance(outcome, InvalidQuery)
            ]
            response = to_response(len(accepted), rejected).SerializeToString()
            if not accepted and not request.request_id:
                return response
            committed = self._commit(served, accepted, pictures, (request.request_id, UPSERT), partial(bytes, response))
            if committed is not None:
                return committed

    def _delete(self, request: catalog_pb2.DeleteItemsRequest, call: CallDeadline) -> bytes:
        changes = [(item_id, None) for item_id in dict.fromkeys(request.item_ids)]
        while True:
            served = self._snapshots.served
            respond = partial(_to_delete_response, served.overlay, request.item_ids)
            committed = self._commit(served, changes, {}, (request.request_id, DELETE), respond)
            if committed is not None:
                return committed
            call.check()

    def _commit(
        self,
        served: ServedSnapshot,
        changes: Sequence[tuple[str, AcceptedItem | None]],
        pictures: dict[bytes, bytes],
        request: tuple[str, str],
        respond: Callable[[], bytes],
    ) -> bytes | None:
        """Commit changes and return the response, None if another snapshot is served by now and nothing was done."""
        with self._changes.lock:
            if self._snapshots.served is not served:
                return None
            return self._changes.commit(served.overlay, changes, pictures.__getitem__, request, respond)


def _parse(
    index: int,
    item: catalog_pb2.UpsertItemsRequest.NewItem,
    pictures: dict[bytes, bytes],
    rules: Mapping[str, ColumnRule],
) -> Upsert | InvalidQuery:
    try:
        return to_upsert(item, pictures, rules)
    except InvalidQuery as error:
        return error.at(f"items[{index}]")


def _prepare(
    overlay: SnapshotOverlay,
    request: catalog_pb2.UpsertItemsRequest,
    parsed: Sequence[Upsert | InvalidQuery],
    pictures: dict[bytes, bytes],
) -> list[AcceptedItem | InvalidQuery]:
    """Return each item ready to commit, or why it is rejected, with the path of what is wrong."""
    items = [
        (item.item_id, upsert) for item, upsert in zip(request.items, parsed, strict=True) if isinstance(upsert, Upsert)
    ]
    prepared = iter(overlay.intake.prepare(items, pictures.__getitem__))
    outcomes: list[AcceptedItem | InvalidQuery] = []
    for index, upsert in enumerate(parsed):
        if isinstance(upsert, InvalidQuery):
            outcomes.append(upsert)
            continue
        outcome = next(prepared)
        outcomes.append(outcome.at(f"items[{index}]") if isinstance(outcome, InvalidQuery) else outcome)
    return outcomes


def _to_delete_response(overlay: SnapshotOverlay, item_ids: Sequence[str]) -> bytes:
    existing = {item_id for item_id in item_ids if overlay.holds(item_id)}
    missing = []
    for item_id in item_ids:
        if item_id in existing:
            # An id that is listed twice is missing the second time.
            existing.discard(item_id)
        else:
            missing.append(item_id)
    response = catalog_pb2.DeleteItemsResponse(deleted_count=len(item_ids) - len(missing), missing_item_ids=missing)
    return response.SerializeToString()


def _get_items(served: ServedSnapshot, item_ids: Sequence[str], fields: Fields | None) -> catalog_pb2.GetItemsResponse:
    view = served.searcher.view
    response = catalog_pb2.GetItemsResponse(snapshot=served.name)
    for item_id in item_ids:
        try:
            row = view.get_row(item_id)
        except ItemNotFound:
            response.missing_item_ids.append(item_id)
            continue
        item = response.items.add(item_id=item_id, blocks=view.get_stratum(row).blocks)
        put_payload(item.payload, view.payload(row), fields)
    return response
