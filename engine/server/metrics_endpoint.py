"""The HTTP endpoint that Prometheus fetches, and the gauges that are read at that moment."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from threading import Thread
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Gauge, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from engine.errors import CannotListen
from engine.server.recall_monitor import RecallMonitor
from engine.server.rpc_router import RpcRouter
from engine.server.snapshot_manager import SnapshotManager
from engine.server.workers import Workers

log = logging.getLogger(__name__)


class MetricsEndpoint:
    """Serves metrics over HTTP in threads of its own, until `close`."""

    def __init__(self, address: str, registry: CollectorRegistry) -> None:
        """Listen on HOST:PORT. Raises CannotListen."""
        host, _, port = address.rpartition(":")
        try:
            started: tuple[WSGIServer, Thread] = start_http_server(int(port), host.strip("[]"), registry)
        except (OSError, OverflowError) as error:
            raise CannotListen(f"expected a free address for metrics, got {address}: {error}") from error
        self._server, self._thread = started
        self.port: int = self._server.server_port
        log.info("metrics port=%d", self.port)

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def register_state(
    registry: CollectorRegistry,
    router: RpcRouter,
    pools: Sequence[Workers],
    snapshots: SnapshotManager,
    monitor: RecallMonitor,
) -> None:
    """Register gauges for the running and waiting calls, the served snapshot and its recall."""
    Gauge("diptych_calls_in_flight", "Running calls.", registry=registry).set_function(lambda: router.in_flight)
    waiting = Gauge("diptych_waiting", "Calls waiting for a thread.", ("pool",), registry=registry)
    limit = Gauge(
        "diptych_waiting_limit",
        "Maximum number of waiting calls; further calls are rejected.",
        ("pool",),
        registry=registry,
    )
    for pool in pools:
        waiting.labels(pool.name).set_function(pool.waiting)
        limit.labels(pool.name).set(pool.waiting_limit)
    registry.register(_ServedCollector(snapshots))
    registry.register(_RecallCollector(monitor))


class _RecallCollector(Collector):
    """The running mean of the recall, with the recall measured at build time for comparison."""

    def __init__(self, monitor: RecallMonitor) -> None:
        self._monitor = monitor

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily("diptych_recall_mean", "")]

    def collect(self) -> Iterator[Metric]:
        mean = self._monitor.mean
        if mean is None:
            return
        yield GaugeMetricFamily("diptych_recall_mean", "Mean recall@10 of the last checked searches.", mean.recall)
        yield GaugeMetricFamily(
            "diptych_recall_expected", "Mean recall@10 measured at build time for such searches.", mean.expected
        )
        yield GaugeMetricFamily("diptych_recall_target", "Mean target recall@10 of these searches.", mean.target)
        yield GaugeMetricFamily("diptych_recall_window", "Number of searches in these means.", mean.checks)


class _ServedCollector(Collector):
    """The served snapshot, read from the manager on each fetch, so that it is right after a reload too."""

    def __init__(self, snapshots: SnapshotManager) -> None:
        self._snapshots = snapshots

    def describe(self) -> Iterable[Metric]:
        return [InfoMetricFamily("diptych_snapshot", "The served snapshot.")]

    def collect(self) -> Iterator[Metric]:
        snapshots = self._snapshots
        reloads = CounterMetricFamily("diptych_reloads", "Attempts to serve another snapshot.", labels=("outcome",))
        reloads.add_metric(("served",), snapshots.reloads)
        reloads.add_metric(("refused",), snapshots.refusals)
        yield reloads
        yield GaugeMetricFamily(
            "diptych_reload_refused",
            "1 while the store's current snapshot cannot be served.",
            float(bool(snapshots.refused)),
        )
        served = snapshots.current
        if served is None:
            return
        manifest = served.snapshot.manifest
        info = {
            "snapshot": manifest.snapshot,
            "model": "" if manifest.model is None else manifest.model.model,
            "strategy": served.searcher.strategy,
        }
        yield InfoMetricFamily("diptych_snapshot", "The served snapshot.", info)
        yield GaugeMetricFamily("diptych_snapshot_items", "Items of the snapshot.", manifest.item_count)
        yield GaugeMetricFamily("diptych_items", "Searchable items, including live ones.", len(served.searcher.view))
        delta = served.overlay.delta
        yield GaugeMetricFamily("diptych_live_sequence", "Sequence number of the last live change applied.", delta.seq)
        yield GaugeMetricFamily("diptych_live_items", "Live items added or replaced.", delta.alive_count)
        yield GaugeMetricFamily("diptych_live_hidden", "Items of the snapshot replaced or deleted.", delta.hidden_count)
        yield GaugeMetricFamily(
            "diptych_snapshot_created_timestamp_seconds",
            "When the snapshot was built.",
            datetime.fromisoformat(manifest.create_time).timestamp(),
        )
        yield GaugeMetricFamily("diptych_snapshot_bytes", "Size of the snapshot's files.", manifest.size_bytes)
