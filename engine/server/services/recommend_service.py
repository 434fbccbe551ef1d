"""RecommendationService, as far as it recommends: a shopper's events read, and what they say asked of the snapshot."""

from functools import partial
from time import perf_counter_ns

from engine.recommend.recommend_request import RecommendRequest
from engine.server.codec.recommend_messages import to_bytes, to_wish
from engine.server.rpc_router import Method
from engine.server.served_snapshot import ServedSnapshot, SnapshotManager
from engine.server.shoppers import ShopperService
from engine.server.workers import CallDeadline, Workers
from engine.v1 import recommendation_pb2


class RecommendService:
    """Recommends in the threads of `readers`; what needs a model waits for `encoders`."""

    def __init__(
        self, snapshots: SnapshotManager, shoppers: ShopperService, readers: Workers, encoders: Workers
    ) -> None:
        self._snapshots = snapshots
        self._shoppers = shoppers
        self._readers = readers
        self._encoders = encoders

    def methods(self) -> dict[str, Method]:
        """Return what answers which rpc."""
        return {"engine.v1.RecommendationService/Recommend": self.recommend}

    async def recommend(self, request: recommendation_pb2.RecommendRequest, call: CallDeadline) -> bytes:
        """Recommend items to a shopper or a session."""
        wish = to_wish(request)
        parse_us = (perf_counter_ns() - call.arrived_ns) // 1000
        work = partial(self._recommend, self._snapshots.served, request.user_id, wish, call.arrived_ns, parse_us)
        if wish.image:
            return await self._encoders.run("recommend like a picture", work, call)
        return await self._readers.run("recommend", work, call)

    def _recommend(
        self, served: ServedSnapshot, user_id: str, wish: RecommendRequest, arrived_ns: int, parse_us: int
    ) -> bytes:
        recommended = self._shoppers.recommend(served.searcher, user_id, wish)
        return to_bytes(recommended, parse_us, (perf_counter_ns() - arrived_ns) // 1000)
