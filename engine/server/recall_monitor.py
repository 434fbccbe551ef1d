"""The recall that callers really get: a few of the answered searches are answered again exactly, and compared.

An index is tuned on queries made from its items when it is built; what callers ask may be harder, and drifts.
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
from engine.scoring.query import Answer, Query
from engine.search.depth_planner import MEASURED_K
from engine.search.read_view import ReadView
from engine.search.searcher import Searcher
from engine.search.stratum_search import EXACT_STRATEGY
from engine.server.metrics import Metrics

WAITING_AT_MOST = 8
# The thread rests nine times as long as a check took, so that it never takes more than a tenth of one processor. It
# keeps its priority: one that held the interpreter's lock and was put aside for it would hold up all others.
REST = 9
WINDOW = 500
ENOUGH = 100
TOLERATED = 0.02
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
    """What the last checks found on average, what the plans had promised, and what the callers had asked for."""

    checks: int
    recall: float
    expected: float
    target: float


class RecallMonitor:
    """Checks the recall of a share of the searches, in one thread that takes a tenth of a processor at most.

    sample: the share of searches to check, 0 for none.
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

    def saw(self, searcher: Searcher, query: Query, answer: Answer) -> None:
        """Maybe check an answer later; any thread may call this for every search.

        searcher: the one that answered. Cost: 50 ns where the search is not taken.
        """
        if random() >= self._sample or not _is_telling(query, answer):
            return
        if self._jobs.qsize() >= WAITING_AT_MOST:
            self._metrics.unchecked("dropped")
        else:
            self._jobs.put(_RecallCheck(searcher, searcher.view, query, answer))

    @property
    def mean(self) -> RecallStats | None:
        """What the last checks found, all of one snapshot; None if there was none."""
        checked = list(self._checked)
        return RecallStats(len(checked), *map(fmean, zip(*checked, strict=True))) if checked else None

    def close(self) -> None:
        """Check no more; waits for the check under way."""
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
                # An item that the query named is gone by now, or the snapshot was closed: nothing to compare with.
                self._metrics.unchecked("failed")
            except Exception:
                self._metrics.unchecked("failed")
                log.exception("failed to check the recall of a search")
            del job
            self._closed.wait(REST * (perf_counter() - started))

    def _check(self, job: _RecallCheck) -> None:
        query, plan = job.query, job.answer.plan
        k = min(query.limit, MEASURED_K)
        # Explained or not as it was: the scores of both are then sums made in the same way.
        asked = replace(query, recall_target=1.0, budget_ms=None, limit=k, facets=())
        exact = _as_it_was(job).search(asked)
        recall = recall_of(job.answer, exact, query, k)
        self._metrics.recalled(plan.strategy, plan.query_class, recall)
        target = job.searcher.planner.depths.recall_target if query.recall_target is None else query.recall_target
        if job.answer.snapshot != self._snapshot:
            self._snapshot = job.answer.snapshot
            self._checked.clear()
        expected = plan.expected_recall or target
        # Where a caller's budget allowed less than the target, less was promised.
        self._checked.append((recall, expected, min(target, expected)))
        self._judge()

    def _judge(self) -> None:
        """Say so once if the recall is below what was asked for, and once when it is back."""
        mean = self.mean
        if mean is None or mean.checks < ENOUGH:
            return
        if mean.recall < mean.target - TOLERATED and not self._warned:
            self._warned = True
            log.warning(
                "recall below target: mean=%.3f expected=%.3f target=%.3f checked=%d snapshot=%s",
                mean.recall, mean.expected, mean.target, mean.checks, self._snapshot,
            )  # fmt: skip
        elif mean.recall >= mean.target - TOLERATED / 2 and self._warned:
            self._warned = False
            log.info("recall is back: mean=%.3f target=%.3f snapshot=%s", mean.recall, mean.target, self._snapshot)


def recall_of(answer: Answer, exact: Answer, query: Query, k: int) -> float:
    """Return the share of the k best hits of an exact answer that another answer has, equal scores being as good."""
    pinned = {pin.item_id for pin in query.pins}
    rows = np.full((2, k), -np.inf, np.float32)
    for row, one in zip(rows, (answer, exact), strict=True):
        # A pinned hit stands where it does whatever was found.
        scores = [hit.score for hit in one.hits[:k] if hit.item_id not in pinned]
        row[: len(scores)] = sorted(scores, reverse=True)
    # A candidate's score and the same row's among all of them are float32 sums in different orders.
    largest = max((abs(hit.score) for hit in exact.hits[:k]), default=0.0)
    return float(recall_at_k(rows[:1], rows[1:], ROUNDING * max(1.0, largest))[0])


def _as_it_was(job: _RecallCheck) -> Searcher:
    """Return a searcher of the items that there were when the query was answered."""
    if job.searcher.view is job.view:
        return job.searcher
    searcher = Searcher(job.searcher.snapshot, job.searcher.encoder, job.searcher.text_encoder)
    searcher.view = job.view
    return searcher


def _is_telling(query: Query, answer: Answer) -> bool:
    """Return whether an exact answer would tell anything: not of one that was exact, nor where variety orders hits."""
    exact = answer.plan.strategy in (EXACT_STRATEGY, "")
    return not exact and query.diversity is None and query.page is None
