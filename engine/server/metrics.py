"""What a server tells of itself in numbers, for Prometheus to fetch: of calls, never of callers or of what they ask.

What happens often is counted by children that are looked up once; what is known anyway is read when it is fetched.
"""

from collections.abc import Callable

import grpc
from prometheus_client import CollectorRegistry, Counter, ProcessCollector

from engine.scoring.query import Answer
from engine.server.histograms import Histograms

MICROSECONDS = (50, 100, 200, 300, 500, 750, *(step * 10**power for power in range(3, 7) for step in (1, 2, 5)), 10**7)
"""Bounds of what is timed: fine where a search from memory lies, up to 10 s."""

BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)
RECALLS = (0.0, 0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


class Rpc:
    """One rpc's calls."""

    __slots__ = ("_by_code", "_count", "_name", "_observe")

    def __init__(self, name: str, count: Counter, seconds: Histograms) -> None:
        self._name = name
        self._count = count
        self._by_code: dict[int, Callable[[], None]] = {}
        self._observe = seconds.labels(name).observe

    def ended(self, code: int, took_us: float) -> None:
        """Count one call that ended with a gRPC code."""
        inc = self._by_code.get(code)
        if inc is None:
            inc = self._by_code[code] = self._count.labels(self._name, _CODES.get(code, "UNKNOWN")).inc
        inc()
        self._observe(took_us)


class Metrics:
    """All numbers of one server, in a registry of their own: several servers fit into one process.

    Every method may be called by any thread, and costs a few microseconds at most.
    """

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        self._calls = Counter("diptych_calls", "Calls answered or refused.", ("rpc", "code"), registry=registry)
        self._call_seconds = Histograms(
            "diptych_call_seconds",
            "From a call's arrival to its answer.",
            ("rpc",),
            MICROSECONDS,
            registry,
            scale=1e-6,
        )
        stages = Histograms(
            "diptych_stage_seconds", "Stages of a search.", ("stage",), MICROSECONDS, registry, scale=1e-6
        )
        self._parse = stages.labels("parse").observe
        self._encode = stages.labels("encode").observe
        self._plan = stages.labels("plan").observe
        self._search = stages.labels("search").observe
        self._score = stages.labels("score").observe
        self._total = stages.labels("total").observe
        self._plans = Counter(
            "diptych_plans", "Searches answered, by how.", ("strategy", "query_class"), registry=registry
        )
        self._by_plan: dict[tuple[str, str], Callable[[], None]] = {}
        self._degraded = Counter(
            "diptych_degraded", "Searches that gave up the recall asked for, for the sake of time.", registry=registry
        )
        self._batches = Histograms(
            "diptych_encoder_batch_size", "Inputs that a model encoded at once.", ("kind",), BATCH_SIZES, registry
        )
        self._lookups = Counter(
            "diptych_encoder_cache", "Inputs looked up before they are encoded.", ("kind", "outcome"), registry=registry
        )
        self._recall = Histograms(
            "diptych_recall",
            "Recall@10 of searches that were answered again exactly.",
            ("strategy", "query_class"),
            RECALLS,
            registry,
        )
        self._checks = Counter(
            "diptych_recall_checks", "Searches taken for a check of their recall.", ("outcome",), registry=registry
        )

    def rpc(self, name: str) -> Rpc:
        """Return what counts the calls of one rpc; keep it."""
        return Rpc(name, self._calls, self._call_seconds)

    def searched(self, answer: Answer, parse_us: int, total_us: int) -> None:
        """Count one search that was answered."""
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
        """Count one batch of texts or of images that went through a model."""
        self._batches.labels(kind).observe(size)

    def looked_up(self, kind: str, hits: int, misses: int) -> None:
        """Count texts or images of which the vectors were in the cache, and those of which they were not."""
        self._lookups.labels(kind, "hit").inc(hits)
        self._lookups.labels(kind, "miss").inc(misses)

    def recalled(self, strategy: str, query_class: str, recall: float) -> None:
        """Count one search whose recall was checked."""
        self._checks.labels("checked").inc()
        self._recall.labels(strategy, query_class).observe(recall)

    def unchecked(self, outcome: str) -> None:
        """Count one search whose recall was to be checked and was not: "dropped" or "failed"."""
        self._checks.labels(outcome).inc()
