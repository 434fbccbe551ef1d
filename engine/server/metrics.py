"""Prometheus metrics of a server: about calls, never about callers or the content of their requests.

Frequent events are counted by children that are looked up once; current state is read when Prometheus fetches it.
"""

from collections.abc import Callable

import grpc
from prometheus_client import CollectorRegistry, Counter, ProcessCollector

from engine.scoring.answer import Answer
from engine.server.histograms import Histograms

MICROSECONDS = (50, 100, 200, 300, 500, 750, *(step * 10**power for power in range(3, 7) for step in (1, 2, 5)), 10**7)
"""Bounds of duration histograms: fine around the time of a search in memory, up to 10 s."""

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
RECALLS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class RpcMetrics:
    """Metrics of the calls of one rpc."""

    __slots__ = ("_by_code", "_count", "_name", "_observe")

    def __init__(self, name: str, count: Counter, seconds: Histograms) -> None:
        self._name = name
        self._count = count
        self._by_code: dict[int, Callable[[], None]] = {}
        self._observe = seconds.labels(name).observe

    def observe(self, code: int, duration_us: float) -> None:
        """Count one call that ended with a gRPC code."""
        inc = self._by_code.get(code)
        if inc is None:
            inc = self._by_code[code] = self._count.labels(self._name, _CODES.get(code, "UNKNOWN")).inc
        inc()
        self._observe(duration_us)


class Metrics:
    """All metrics of one server, in a registry of their own, so that a process can run several servers.

    Thread-safe; every method takes a few microseconds at most.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._calls = Counter("diptych_calls", "Calls, by result.", ("rpc", "code"), registry=registry)
        self._call_seconds = Histograms(
            "diptych_call_seconds",
            "Time from the arrival of a call to its response.",
            ("rpc",),
            MICROSECONDS,
            registry,
            scale=1e-6,
        )
        stages = Histograms(
            "diptych_stage_seconds",
            "Duration of the stages of a search.",
            ("stage",),
            MICROSECONDS,
            registry,
            scale=1e-6,
        )
        self._parse = stages.labels("parse").observe
        self._encode = stages.labels("encode").observe
        self._plan = stages.labels("plan").observe
        self._search = stages.labels("search").observe
        self._score = stages.labels("score").observe
        self._total = stages.labels("total").observe
        self._plans = Counter("diptych_plans", "Searches, by plan.", ("strategy", "query_class"), registry=registry)
        self._by_plan: dict[tuple[str, str], Callable[[], None]] = {}
        self._degraded = Counter(
            "diptych_degraded", "Searches that missed their target recall for lack of time.", registry=registry
        )
        self._batches = Histograms(
            "diptych_encoder_batch_size", "Inputs per encoder batch.", ("kind",), BATCH_SIZES, registry
        )
        self._lookups = Counter(
            "diptych_encoder_cache", "Lookups in the encoder cache.", ("kind", "outcome"), registry=registry
        )
        self._recall = Histograms(
            "diptych_recall",
            "Recall@10 of searches that were repeated exactly.",
            ("strategy", "query_class"),
            RECALLS,
            registry,
        )
        self._checks = Counter(
            "diptych_recall_checks", "Searches sampled for a recall check.", ("outcome",), registry=registry
        )

    def rpc(self, name: str) -> RpcMetrics:
        """Return the metrics of one rpc, to keep."""
        return RpcMetrics(name, self._calls, self._call_seconds)

    def count_search(self, answer: Answer, parse_us: int, total_us: int) -> None:
        """Count one successful search."""
        timings, plan = answer.timings, answer.plan
        self._parse(parse_us)
        if timings.encode_us:
            self._encode(timings.encode_us)
        self._plan(timings.plan_us)
        self._search(timings.search_us)
        self._score(timings.score_us)
        self._total(total_us)
        inc = self._by_plan.get((plan.strategy, plan.query_class))
        if inc is None:
            inc = self._plans.labels(plan.strategy, plan.query_class).inc
            self._by_plan[plan.strategy, plan.query_class] = inc
        inc()
        if answer.degraded:
            self._degraded.inc()

    def encoded(self, kind: str, size: int) -> None:
        """Count one encoder batch of texts or images."""
        self._batches.labels(kind).observe(size)

    def looked_up(self, kind: str, hits: int, misses: int) -> None:
        """Count cache hits and misses of texts or images."""
        self._lookups.labels(kind, "hit").inc(hits)
        self._lookups.labels(kind, "miss").inc(misses)

    def count_recall_check(self, strategy: str, query_class: str, recall: float) -> None:
        """Count one search whose recall was checked."""
        self._checks.labels("checked").inc()
        self._recall.labels(strategy, query_class).observe(recall)

    def count_skipped_check(self, outcome: str) -> None:
        """Count one search that was sampled but not checked: "dropped" or "failed"."""
        self._checks.labels(outcome).inc()
