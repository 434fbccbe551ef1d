"""The lifecycle of a server: listen, verify and open the snapshot, serve, drain."""

import asyncio
import logging
import signal
from pathlib import Path

from grpc import aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from engine.errors import CannotListen
from engine.scoring.answer import Answer
from engine.scoring.query import Query
from engine.search.model_loader import ModelSettings
from engine.search.searcher import Searcher
from engine.server.lazy_event_log import LazyEventLog
from engine.server.live_updates import LiveUpdates
from engine.server.metrics import Metrics
from engine.server.metrics_endpoint import MetricsEndpoint, register_state
from engine.server.recall_monitor import RecallMonitor
from engine.server.rpc_router import Method, RpcRouter, services
from engine.server.services.catalog_service import CatalogService
from engine.server.services.description_service import DescriptionService
from engine.server.services.embedding_service import EmbeddingService
from engine.server.services.event_service import EventService
from engine.server.services.feedback_service import FeedbackService
from engine.server.services.index_service import IndexService
from engine.server.services.profile_service import ProfileService
from engine.server.services.recommend_service import RecommendService
from engine.server.services.search_service import SearchService
from engine.server.settings import ServerSettings
from engine.server.shopper_recommender import ShopperRecommender
from engine.server.snapshot_manager import SnapshotManager
from engine.server.worker_pools import WorkerPools
from engine.snapshot.store import Store

log = logging.getLogger(__name__)


class Server:
    """A gRPC server for one store. Create it on the event loop that it runs on."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.port = 0
        self.metrics = Metrics()
        self.recall_monitor = RecallMonitor(settings.recall_sample, self.metrics)
        self._changes = LiveUpdates(settings.store, settings.poll_s)
        self._events = LazyEventLog(settings.store, settings.events_url)
        model_settings = ModelSettings(
            settings.runtime, settings.max_batch, settings.max_wait_ms, settings.encoder_cache_bytes, self.metrics
        )
        self.snapshots = SnapshotManager(
            Store(settings.store), self._changes, settings.device, settings.poll_s, self._observe, model_settings
        )
        self.pools = WorkerPools(settings)
        self._shoppers = ShopperRecommender(self._events)
        self.router = RpcRouter(self._methods(), self.metrics)
        register_state(self.metrics.registry, self.router, self.pools.all, self.snapshots, self.recall_monitor)
        self._metrics_endpoint: MetricsEndpoint | None = None
        self._health = health.aio.HealthServicer()
        self._server = aio.server(
            options=[
                ("grpc.max_receive_message_length", settings.message_bytes),
                # Otherwise a second server on the same port is not an error, and gets half of the calls.
                ("grpc.so_reuseport", 0),
            ]
        )

    async def listen(self) -> None:
        """Start to listen: health and reflection work, all else is UNAVAILABLE until `open`. Raises CannotListen."""
        self._server.add_generic_rpc_handlers(tuple(self.router.handlers()))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        names = [service.full_name for service in services()]
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], self._server)
        await self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        try:
            self.port = self._server.add_insecure_port(self.settings.address)
        except RuntimeError as error:
            raise CannotListen(f"expected a free address to listen on, got {self.settings.address}") from error
        if self.settings.metrics_address:
            # In a thread, since it may resolve a host name.
            self._metrics_endpoint = await asyncio.to_thread(
                MetricsEndpoint, self.settings.metrics_address, self.metrics.registry
            )
        await self._server.start()

    @property
    def metrics_port(self) -> int:
        """Port of the metrics endpoint, 0 if it is disabled."""
        return 0 if self._metrics_endpoint is None else self._metrics_endpoint.port

    async def open(self) -> None:
        """Serve the current snapshot of the store, and later ones. Raises what `SnapshotManager.open_current` does."""
        self.router.warm_up()
        await asyncio.to_thread(self.snapshots.open_current)
        await asyncio.to_thread(self._shoppers.warm_up, self.snapshots.served.searcher)
        self.snapshots.follow()
        self._changes.follow(lambda: self.snapshots.served.overlay)
        await self._set_health(health_pb2.HealthCheckResponse.SERVING)
        log.info("serving snapshot=%s port=%d store=%s", self.snapshots.served.name, self.port, self.settings.store)

    async def close(self) -> None:
        """Reject new calls, report it to health checks, let running calls finish within the grace period, and stop."""
        await self._health.enter_graceful_shutdown()
        stopping = asyncio.create_task(self._server.stop(self.settings.grace_s))
        drained = asyncio.create_task(self.router.idle())
        await asyncio.wait({stopping, drained}, return_when=asyncio.FIRST_COMPLETED)
        # The last responses may still be on the wire; health.Watch streams never end by themselves.
        await asyncio.wait({stopping}, timeout=min(1.0, self.settings.grace_s))
        await self._server.stop(0)
        await stopping
        drained.cancel()
        await asyncio.to_thread(self.snapshots.close)
        for workers in self.pools.all:
            await asyncio.to_thread(workers.close)
        await asyncio.to_thread(self._changes.close)
        await asyncio.to_thread(self._events.close)
        await asyncio.to_thread(self.recall_monitor.close)
        if self._metrics_endpoint is not None:
            await asyncio.to_thread(self._metrics_endpoint.close)
        log.info("stopped")

    def _methods(self) -> dict[str, Method]:
        """Return the methods of all services by rpc."""
        snapshots, shoppers, pools = self.snapshots, self._shoppers, self.pools
        return {
            **SearchService(snapshots, shoppers, pools.searchers, pools.encoders, pools.readers).methods(),
            **CatalogService(snapshots, self._changes, pools.searchers, pools.writers).methods(),
            **DescriptionService(snapshots, pools.describers, self.settings.writer_options).methods(),
            **EmbeddingService(snapshots, pools.encoders).methods(),
            **IndexService(snapshots, pools.administrators).methods(),
            **RecommendService(snapshots, shoppers, pools.readers, pools.encoders).methods(),
            **ProfileService(snapshots, self._events, pools.readers).methods(),
            **FeedbackService(snapshots, pools.searchers).methods(),
            **EventService(self._events, pools.recorders, pools.administrators).methods(),
        }

    def _observe(self, searcher: Searcher, query: Query, answer: Answer, parse_us: int, total_us: int) -> None:
        self.metrics.count_search(answer, parse_us, total_us)
        self.recall_monitor.observe(searcher, query, answer)

    async def _set_health(self, status: int) -> None:
        for name in ("", *self.router.implemented_services()):
            await self._health.set(name, status)


async def serve(settings: ServerSettings, address_file: Path | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain; a second signal ends the process at once.

    Raises what `Server.listen` and `Server.open` do.

    Args:
        settings: The settings.
        address_file: File to write HOST:PORT to, atomically, once the server is ready.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    signals = (signal.SIGTERM, signal.SIGINT)
    for number in signals:
        loop.add_signal_handler(number, stop.set)
    server = Server(settings)
    stopped = asyncio.create_task(stop.wait())
    try:
        await server.listen()
        opened = asyncio.create_task(server.open())
        await asyncio.wait({opened, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not stop.is_set():
            await opened
            if address_file is not None:
                _write(address_file, f"{settings.address.rpartition(':')[0]}:{server.port}\n")
            await stopped
    finally:
        for number in signals:
            loop.remove_signal_handler(number)
        stopped.cancel()
        await server.close()


def _write(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.new")
    temporary.write_text(text)
    temporary.replace(path)
