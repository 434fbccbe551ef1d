"""RecommendationService.GetProfile: profiles of shoppers."""

import threading
from functools import partial

from engine.errors import UserNotFound
from engine.profiles.population import Population, open_population
from engine.profiles.profile_builder import load_profile
from engine.server.codec.profile_messages import to_response
from engine.server.codec.validation import check
from engine.server.lazy_event_log import LazyEventLog
from engine.server.rpc_router import Method
from engine.server.snapshot_manager import SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.snapshot.snapshot import Snapshot
from engine.v1 import recommendation_pb2


class ProfileService:
    """Builds profiles in the threads of `readers`, from the event log and the served snapshot."""

    def __init__(self, snapshots: SnapshotManager, events: LazyEventLog, readers: Workers) -> None:
        self._snapshots = snapshots
        self._events = events
        self._readers = readers
        self._lock = threading.Lock()
        self._population: tuple[Snapshot, Population] | None = None

    def methods(self) -> dict[str, Method]:
        """Return the methods by rpc."""
        return {"engine.v1.RecommendationService/GetProfile": self.get_profile}

    async def get_profile(
        self, request: recommendation_pb2.GetProfileRequest, call: CallDeadline
    ) -> recommendation_pb2.GetProfileResponse:
        """Return a shopper's profile."""
        check(request)
        return await self._readers.run("profile", partial(self._profile, request.user_id), call)

    def _profile(self, user_id: str) -> recommendation_pb2.GetProfileResponse:
        view = self._snapshots.served.searcher.view
        log = self._events.existing()
        now_s = None if log is None else log.find_now_s()
        if log is None or now_s is None:
            raise UserNotFound("user_id")
        profile = load_profile(log, user_id, view, self._get_population(view.snapshot), now_s)
        if profile is None:
            raise UserNotFound("user_id")
        return to_response(profile)

    def _get_population(self, snapshot: Snapshot) -> Population:
        """Return the population statistics of the snapshot, read once."""
        with self._lock:
            if self._population is None or self._population[0] is not snapshot:
                self._population = snapshot, open_population(snapshot)
            return self._population[1]
