"""Recall of live queries: a sample of the searches is repeated exactly, and the results are compared.

An index is tuned at build time on queries made from its own items; real queries may be harder, and drift.
"""

import logging
import threading
from collections import deque
from dataclasses import dataclass, replace
from queue import SimpleQueue
from random import random
from statistics import fmean
from time import perf_counter

import numpy as np

from engine.errors import DiptychError
from engine.indexes.recall import recall_at_k
from engine.scoring.answer import Answer
from engine.scoring.query import Query
from engine.search.depth_planner import MEASURED_K
from engine.search.read_view import ReadView
from engine.search.searcher import Searcher
from engine.search.stratum_search import EXACT_STRATEGY
from engine.server.metrics import Metrics

MAX_WAITING = 8
# The thread sleeps nine times as long as a check took, so it takes at most a tenth of one processor. Its priority stays
# normal: if it were preempted while it holds the interpreter's lock, it would delay all other threads.
SLEEP_FACTOR = 9
WINDOW = 500
MIN_CHECKS = 100
TOLERANCE = 0.02
ROUNDING = 1e-5

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _RecallCheck:
    searcher: Searcher
    view: ReadView
    query: Query
    answer: Answer


@dataclass(frozen=True, slots=True)
class RecallStats:
    """Means over the last checks.

    Attributes:
        checks: Number of checks.
        recall: Measured recall@10.
        expected: Recall that the plans promised.
        target: Recall that the callers requested.
    """

    checks: int
    recall: float
    expected: float
    target: float


class RecallMonitor:
    """Checks the recall of a sample of the searches, in one thread that takes at most a tenth of a processor.

    Args:
        sample: Share of searches to check, 0 for none.
        metrics: Where to count the checks.
    """

    def __init__(self, sample: float, metrics: Metrics) -> None:
        self._sample = sample
        self._metrics = metrics
        self._jobs: SimpleQueue[_RecallCheck | None] = SimpleQueue()
        self._closed = threading.Event()
        self._snapshot = ""
        self._checked: deque[tuple[float, float, float]] = deque(maxlen=WINDOW)
        self._warned = False
        self._thread = threading.Thread(target=self._work, name="watch", daemon=True)
        if sample > 0:
            self._thread.start()

    def observe(self, searcher: Searcher, query: Query, answer: Answer) -> None:
        """Queue an answer for a check, if it is sampled. Thread-safe. Cost: 50 ns if it is not.

        Args:
            searcher: The searcher that gave the answer.
            query: The query.
            answer: Its answer.
        """
        if random() >= self._sample or not _is_checkable(query, answer):
            return
        if self._jobs.qsize() >= MAX_WAITING:
            self._metrics.count_skipped_check("dropped")
        else:
            self._jobs.put(_RecallCheck(searcher, searcher.view, query, answer))

    @property
    def mean(self) -> RecallStats | None:
        """Means over the last checks, all of one snapshot; None before the first."""
        checked = list(self._checked)
        return RecallStats(len(checked), *map(fmean, zip(*checked, strict=True))) if checked else None

    def close(self) -> None:
        """Stop checking, after the current check."""
        self._closed.set()
        self._jobs.put(None)
        if self._thread.is_alive():
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None and not self._closed.is_set():
            started = perf_counter()
            try:
                self._check(job)
            except DiptychError:
                # An item of the query has been deleted, or the snapshot closed: there is nothing to compare with.
                self._metrics.count_skipped_check("failed")
            except Exception:
                self._metrics.count_skipped_check("failed")
                log.exception("failed to check the recall of a search")
            del job
            self._closed.wait(SLEEP_FACTOR * (perf_counter() - started))

    def _check(self, job: _RecallCheck) -> None:
        query, plan = job.query, job.answer.plan
        k = min(query.limit, MEASURED_K)
        # `explain` stays as it is, so that both scores are sums of the same order.
        exact_query = replace(query, recall_target=1.0, budget_ms=None, limit=k, facets=())
        exact = _at_search_time(job).search(exact_query)
        recall = compute_recall(job.answer, exact, query, k)
        self._metrics.count_recall_check(plan.strategy, plan.query_class, recall)
        target = job.searcher.planner.depths.recall_target if query.recall_target is None else query.recall_target
        if job.answer.snapshot != self._snapshot:
            self._snapshot = job.answer.snapshot
            self._checked.clear()
        expected = plan.expected_recall or target
        # A time budget may allow less than the target.
        self._checked.append((recall, expected, min(target, expected)))
        self._compare_with_target()

    def _compare_with_target(self) -> None:
        """Log once if the recall falls below its target, and once when it has recovered."""
        mean = self.mean
        if mean is None or mean.checks < MIN_CHECKS:
            return
        if mean.recall < mean.target - TOLERANCE and not self._warned:
            self._warned = True
            log.warning(
                "recall below target: mean=%.3f expected=%.3f target=%.3f checked=%d snapshot=%s",
                mean.recall, mean.expected, mean.target, mean.checks, self._snapshot,
            )  # fmt: skip
        elif mean.recall >= mean.target - TOLERANCE / 2 and self._warned:
            self._warned = False
            log.info("recall recovered: mean=%.3f target=%.3f snapshot=%s", mean.recall, mean.target, self._snapshot)


def compute_recall(answer: Answer, exact: Answer, query: Query, k: int) -> float:
    """Return the share of the k best hits of an exact answer that another answer has; hits of equal score are equal."""
    pinned = {pin.item_id for pin in query.pins}
    rows = np.full((2, k), -np.inf, np.float32)
    for row, hits in zip(rows, (answer.hits, exact.hits), strict=True):
        # The position of a pinned hit does not depend on the search.
        scores = [hit.score for hit in hits[:k] if hit.item_id not in pinned]
        row[: len(scores)] = sorted(scores, reverse=True)
    # The score of a candidate and that of the same row in an exact search are float32 sums in different orders.
    largest = max((abs(hit.score) for hit in exact.hits[:k]), default=0.0)
    return float(recall_at_k(rows[:1], rows[1:], ROUNDING * max(1.0, largest))[0])


def _at_search_time(job: _RecallCheck) -> Searcher:
    """Return a searcher over the items that existed when the query was answered."""
    if job.searcher.view is job.view:
        return job.searcher
    searcher = Searcher(job.searcher.snapshot, job.searcher.encoder, job.searcher.text_encoder)
    searcher.view = job.view
    return searcher


def _is_checkable(query: Query, answer: Answer) -> bool:
    """Return whether an exact answer can be compared: not if the answer is exact, or diversity orders the hits."""
    is_exact = answer.plan.strategy in (EXACT_STRATEGY, "")
    return not is_exact and query.diversity is None and query.page is None
