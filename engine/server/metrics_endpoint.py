"""The page that Prometheus fetches: what was counted, and what is read of the server at that moment."""

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
from engine.server.served_snapshot import SnapshotManager
from engine.server.workers import Workers

log = logging.getLogger(__name__)


class MetricsEndpoint:
    """A page of metrics on HTTP, answered by threads of its own, until `close`."""

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
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def show(
    registry: CollectorRegistry,
    edge: RpcRouter,
    pools: Sequence[Workers],
    snapshots: SnapshotManager,
    watch: RecallMonitor,
) -> None:
    """Have the registry tell of the calls under way, of those that wait, of what is served and of its recall."""
    Gauge("diptych_calls_in_flight", "Calls being answered.", registry=registry).set_function(lambda: edge.in_flight)
    waiting = Gauge("diptych_waiting", "Calls waiting for a thread.", ("pool",), registry=registry)
    limit = Gauge(
        "diptych_waiting_limit", "Waiting calls from which on others are refused.", ("pool",), registry=registry
    )
    for pool in pools:
        waiting.labels(pool.name).set_function(pool.waiting)
        limit.labels(pool.name).set(pool.waiting_limit)
    registry.register(_ServedCollector(snapshots))
    registry.register(_RecallCollector(watch))


class _RecallCollector(Collector):
    """The running mean of the recall, and beside it what was measured when the snapshot was built."""

    def __init__(self, watch: RecallMonitor) -> None:
        self._watch = watch

    def describe(self) -> Iterable[Metric]:
        return [GaugeMetricFamily("diptych_recall_mean", "")]

    def collect(self) -> Iterator[Metric]:
        mean = self._watch.mean
        if mean is None:
            return
        yield GaugeMetricFamily("diptych_recall_mean", "Recall@10 of the last checked searches.", mean.recall)
        yield GaugeMetricFamily("diptych_recall_expected", "Recall@10 measured for such searches.", mean.expected)
        yield GaugeMetricFamily("diptych_recall_target", "Recall@10 that they asked for.", mean.target)
        yield GaugeMetricFamily("diptych_recall_window", "Searches that these are means of.", mean.checks)


class _ServedCollector(Collector):
    """What is served, read from the snapshots themselves, so that it is true after a reload too."""

    def __init__(self, snapshots: SnapshotManager) -> None:
        self._snapshots = snapshots

    def describe(self) -> Iterable[Metric]:
        return [InfoMetricFamily("diptych_snapshot", "What is served.")]

    def collect(self) -> Iterator[Metric]:
        snapshots = self._snapshots
        reloads = CounterMetricFamily("diptych_reloads", "Tries to serve another snapshot.", labels=("outcome",))
        reloads.add_metric(("served",), snapshots.reloads)
        reloads.add_metric(("refused",), snapshots.refusals)
        yield reloads
        yield GaugeMetricFamily(
            "diptych_reload_refused", "1 while the store's current snapshot is refused.", float(bool(snapshots.refused))
        )
        served = snapshots.current
        if served is None:
            return
        manifest = served.snapshot.manifest
        told = {
            "snapshot": manifest.snapshot,
            "model": "" if manifest.model is None else manifest.model.model,
            "strategy": served.searcher.strategy,
        }
        yield InfoMetricFamily("diptych_snapshot", "What is served.", told)
        yield GaugeMetricFamily("diptych_snapshot_items", "Items of the snapshot.", manifest.item_count)
        yield GaugeMetricFamily("diptych_items", "Items that can be found, live ones too.", len(served.searcher.view))
        delta = served.overlay.delta
        yield GaugeMetricFamily("diptych_live_sequence", "Number of the last live change that is searched.", delta.seq)
        yield GaugeMetricFamily("diptych_live_items", "Items added or replaced live.", delta.alive_count)
        yield GaugeMetricFamily("diptych_live_hidden", "Items of the snapshot replaced or deleted.", delta.hidden_count)
        yield GaugeMetricFamily(
            "diptych_snapshot_created_timestamp_seconds",
            "When the snapshot was built.",
            datetime.fromisoformat(manifest.create_time).timestamp(),
        )
        yield GaugeMetricFamily("diptych_snapshot_bytes", "Size of the snapshot's files.", manifest.size_bytes)
