"""RecommendationService.Recommend: recommendations for shoppers and sessions."""

from functools import partial
from time import perf_counter_ns

from engine.recommend.recommend_request import RecommendRequest
from engine.server.codec.recommend_messages import from_request, to_bytes
from engine.server.rpc_router import Method
from engine.server.served_snapshot import ServedSnapshot
from engine.server.shopper_recommender import ShopperRecommender
from engine.server.snapshot_manager import SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.v1 import recommendation_pb2


class RecommendService:
    """Recommends in the threads of `readers`, or of `encoders` for requests with an image."""

    def __init__(
        self, snapshots: SnapshotManager, shoppers: ShopperRecommender, readers: Workers, encoders: Workers
    ) -> None:
        self._snapshots = snapshots
        self._shoppers = shoppers
        self._readers = readers
        self._encoders = encoders

    def methods(self) -> dict[str, Method]:
        """Return the methods by rpc."""
        return {"engine.v1.RecommendationService/Recommend": self.recommend}

    async def recommend(self, request: recommendation_pb2.RecommendRequest, call: CallDeadline) -> bytes:
        """Recommend items to a shopper or a session."""
        recommend = from_request(request)
        parse_us = (perf_counter_ns() - call.arrived_ns) // 1000
        work = partial(self._recommend, self._snapshots.served, request.user_id, recommend, call.arrived_ns, parse_us)
        if recommend.image:
            return await self._encoders.run("recommend by image", work, call)
        return await self._readers.run("recommend", work, call)

    def _recommend(
        self, served: ServedSnapshot, user_id: str, request: RecommendRequest, arrived_ns: int, parse_us: int
    ) -> bytes:
        recommended = self._shoppers.recommend(served.searcher, user_id, request)
        return to_bytes(recommended, parse_us, (perf_counter_ns() - arrived_ns) // 1000)
