"""CatalogService: the items as they are served."""

from collections.abc import Sequence
from functools import partial

from engine.convert.payloads import Fields, put_payload, to_fields
from engine.convert.rules import check
from engine.errors import ItemNotFound
from engine.server.edge import Method
from engine.server.snapshots import Served, Snapshots
from engine.server.workers import Call, Workers
from engine.v1 import catalog_pb2


class CatalogService:
    """Reads items; changing them live is not answered yet."""

    def __init__(self, snapshots: Snapshots, searchers: Workers) -> None:
        self._snapshots = snapshots
        self._searchers = searchers

    def methods(self) -> dict[str, Method]:
        """Return what answers which rpc."""
        return {"engine.v1.CatalogService/GetItems": self.get_items}

    async def get_items(self, request: catalog_pb2.GetItemsRequest, call: Call) -> catalog_pb2.GetItemsResponse:
        """Return the items that are there, and the ids of those that are not."""
        check(request)
        fields = to_fields(request.read_mask)
        work = partial(_items, self._snapshots.served, request.item_ids, fields)
        return await self._searchers.run("items", work, call)


def _items(served: Served, item_ids: Sequence[str], fields: Fields | None) -> catalog_pb2.GetItemsResponse:
    snapshot = served.snapshot
    response = catalog_pb2.GetItemsResponse(snapshot=snapshot.name)
    for item_id in item_ids:
        try:
            row = snapshot.items.row_of(item_id)
        except ItemNotFound:
            response.missing_item_ids.append(item_id)
            continue
        item = response.items.add(item_id=item_id, blocks=snapshot.stratum_of(row).blocks)
        put_payload(item.payload, snapshot.items.payload(row), fields)
    return response
