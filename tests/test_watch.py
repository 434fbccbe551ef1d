"""The watch of the recall: what it compares, what it passes over, and when it speaks."""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

import pytest
from prometheus_client import generate_latest

from engine.scoring.answer import Answer, Hit, Plan, Timings
from engine.scoring.query import Diversity, ItemPart, Page, Pin, Query, VectorPart
from engine.search.searcher import Searcher
from engine.server import recall_monitor as watching
from engine.server.metrics import Metrics
from engine.server.recall_monitor import MAX_WAITING, MIN_CHECKS, RecallMonitor, compute_recall
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from tests.support.catalogs import Prepared, clustered
from tests.support.metrics import Samples, samples

VECTORS = clustered(60)
QUERY = Query((VectorPart(VECTORS.image[3], block="image"),))
APPROXIMATE = Plan("ivf", "single", 4, 100, 1.0, 0.995)


@pytest.fixture(scope="module")
def searcher(tmp_path_factory: pytest.TempPathFactory) -> Searcher:
    """A snapshot of 60 items that answers."""
    root = tmp_path_factory.mktemp("prepared")
    prepared = Prepared.build(root, VECTORS)
    return Searcher(open_snapshot(Store(root / "store"), prepared.manifest.snapshot), None)


@pytest.fixture
def metrics() -> Metrics:
    """Numbers that start from zero."""
    return Metrics()


@pytest.fixture
def watch(metrics: Metrics) -> Iterator[RecallMonitor]:
    """A watch of every search."""
    made = RecallMonitor(1.0, metrics)
    yield made
    made.close()


def found_by(searcher: Searcher, query: Query, missing: int) -> Answer:
    """Return what an index would answer that misses the first few of the best."""
    exact = searcher.search(replace(query, limit=query.limit + missing))
    return replace(exact, hits=exact.hits[missing:], plan=APPROXIMATE)


def told(metrics: Metrics) -> Samples:
    return samples(generate_latest(metrics.registry).decode())


def wait_for(true: Callable[[], object]) -> bool:
    """Return whether something is true within 10 s."""
    until = time.monotonic() + 10
    while not true() and time.monotonic() < until:
        time.sleep(0.005)
    return bool(true())


def answer(*scores: float, plan: Plan = APPROXIMATE) -> Answer:
    """Return an answer of hits a, b, c … with these scores."""
    hits = tuple(Hit("abcdefgh"[place], score, place, {}) for place, score in enumerate(scores))
    return Answer(hits, "s", plan, Timings(0, 0, 0, 0), bytes)


@pytest.mark.parametrize(
    ("found", "exact", "k", "recall"),
    [
        ((5, 4, 3, 2), (5, 4, 3, 2), 4, 1.0),
        ((5, 3, 2, 1), (5, 4, 3, 2), 4, 0.75),
        ((5, 3, 1), (5, 4, 3, 2), 4, 0.5),
        ((), (5, 4), 2, 0.0),
        ((), (), 2, 1.0),
        ((5, 4, 9), (5, 4, 3), 2, 1.0),
    ],
)
def test_recall_is_the_share_of_the_best_that_was_found(
    found: tuple[float, ...], exact: tuple[float, ...], k: int, recall: float
) -> None:
    """By scores: a hit counts if it is as good as the last of the exact ones; only the first k are looked at."""
    assert compute_recall(answer(*found), answer(*exact), QUERY, k) == recall


def test_pinned_hits_say_nothing_of_recall() -> None:
    """A bad item that was pinned would make every hit look good enough, so it is left out on both sides."""
    exact, found = answer(9, 8, 7, 0.1), answer(9, 2, 1, 0.1)
    assert compute_recall(found, exact, QUERY, 4) == 1.0
    assert compute_recall(found, exact, replace(QUERY, pins=(Pin("d", 3),)), 4) == pytest.approx(1 / 3)


def test_a_search_is_checked_against_the_exact_answer(
    searcher: Searcher, metrics: Metrics, watch: RecallMonitor
) -> None:
    """An answer that misses the three best of ten has recall .7, told by strategy and class and in the mean."""
    watch.observe(searcher, QUERY, found_by(searcher, QUERY, 3))
    watch.observe(searcher, replace(QUERY, limit=40), found_by(searcher, replace(QUERY, limit=40), 0))
    assert wait_for(lambda: watch.mean and watch.mean.checks == 2)
    assert watch.mean.recall == pytest.approx(0.85)
    assert (watch.mean.expected, watch.mean.target) == (0.995, searcher.planner.depths.recall_target)
    found = told(metrics)
    assert found["diptych_recall_sum", "single", "ivf"] == pytest.approx(1.7)
    assert found["diptych_recall_bucket", "0.7", "single", "ivf"] == 1
    assert found["diptych_recall_checks_total", "checked"] == 2


def test_searches_that_tell_nothing_are_passed_over(searcher: Searcher, metrics: Metrics, watch: RecallMonitor) -> None:
    """Exact answers, answers ordered by variety and later pages are not checked; neither is anything with sample 0."""
    missed = found_by(searcher, QUERY, 3)
    watch.observe(searcher, QUERY, searcher.search(QUERY))
    watch.observe(searcher, replace(QUERY, diversity=Diversity()), missed)
    watch.observe(searcher, replace(QUERY, page=Page(10, 10)), missed)
    off = RecallMonitor(0.0, metrics)
    off.observe(searcher, QUERY, missed)
    off.close()
    watch.close()
    assert (watch.mean, off.mean) == (None, None)
    assert not any(name[0] == "diptych_recall_checks_total" for name in told(metrics))


def test_what_cannot_be_asked_again_is_counted(
    searcher: Searcher, metrics: Metrics, watch: RecallMonitor, caplog: pytest.LogCaptureFixture
) -> None:
    """An item that is gone by now is no recall of 0, and the watch goes on after it."""
    watch.observe(searcher, Query((ItemPart("gone"),)), found_by(searcher, QUERY, 0))
    watch.observe(searcher, QUERY, found_by(searcher, QUERY, 0))
    assert wait_for(lambda: watch.mean)
    assert watch.mean.recall == 1.0
    assert told(metrics)["diptych_recall_checks_total", "failed"] == 1
    assert caplog.records == []


def test_checks_that_come_too_fast_are_dropped(searcher: Searcher, metrics: Metrics, watch: RecallMonitor) -> None:
    """While one check takes its time a few wait, and the rest are counted as dropped; saw never waits."""
    free, busy = threading.Event(), threading.Event()

    class Slow(Searcher):
        """A searcher that answers once it may."""

        def search(self, query: Query) -> Answer:
            busy.set()
            free.wait(10)
            return super().search(query)

    slow = Slow(searcher.snapshot, None)
    missed = found_by(searcher, QUERY, 0)
    watch.observe(slow, QUERY, missed)
    assert busy.wait(10)
    for _ in range(MAX_WAITING + 5):
        watch.observe(searcher, QUERY, missed)
    assert told(metrics)["diptych_recall_checks_total", "dropped"] == 5
    free.set()


def test_a_share_of_the_searches_is_taken(
    searcher: Searcher, metrics: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With sample .1 about one search in ten is taken: here they are dropped, so that all are counted."""
    monkeypatch.setattr(watching, "MAX_WAITING", 0)
    some = RecallMonitor(0.1, metrics)
    missed = found_by(searcher, QUERY, 0)
    for _ in range(5_000):
        some.observe(searcher, QUERY, missed)
    some.close()
    assert 350 < told(metrics)["diptych_recall_checks_total", "dropped"] < 650


def test_a_low_recall_is_told_once_and_so_is_its_return(
    searcher: Searcher, metrics: Metrics, caplog: pytest.LogCaptureFixture
) -> None:
    """After enough checks a mean below the target by more than .02 is a warning; a better one takes it back."""
    caplog.set_level(logging.INFO)
    watch = RecallMonitor(0.0, metrics)

    def check(missing: int, times: int) -> None:
        found = found_by(searcher, QUERY, missing)
        for _ in range(times):
            watch._check(watching._RecallCheck(searcher, searcher.view, QUERY, found))

    check(1, MIN_CHECKS - 1)
    assert caplog.records == []
    check(1, 20)
    (warning,) = caplog.records
    assert warning.levelno == logging.WARNING
    assert "mean=0.900 expected=0.995 target=0.990 checked=100" in warning.message
    check(0, watching.WINDOW)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
    assert watch.mean.checks == watching.WINDOW


def test_another_snapshot_begins_anew(searcher: Searcher, metrics: Metrics) -> None:
    """What was checked of a snapshot that is served no more is no part of the mean."""
    watch = RecallMonitor(0.0, metrics)
    found = found_by(searcher, QUERY, 5)
    watch._check(watching._RecallCheck(searcher, searcher.view, QUERY, found))
    assert watch.mean.recall == 0.5
    watch._check(
        watching._RecallCheck(searcher, searcher.view, QUERY, replace(found_by(searcher, QUERY, 0), snapshot="next"))
    )
    assert (watch.mean.checks, watch.mean.recall) == (1, 1.0)


def test_a_target_that_was_given_up_for_time_is_not_held_against_the_index(
    searcher: Searcher, metrics: Metrics
) -> None:
    """Where a budget allowed only a depth of recall .8, .8 is what the mean is compared with."""
    watch = RecallMonitor(0.0, metrics)
    found = replace(found_by(searcher, QUERY, 2), plan=APPROXIMATE._replace(expected_recall=0.8))
    watch._check(watching._RecallCheck(searcher, searcher.view, replace(QUERY, budget_ms=0.1), found))
    assert (watch.mean.recall, watch.mean.target) == (0.8, 0.8)
    watch._check(
        watching._RecallCheck(searcher, searcher.view, replace(QUERY, recall_target=0.5), found_by(searcher, QUERY, 2))
    )
    assert watch.mean.target == pytest.approx((0.8 + 0.5) / 2)


def test_the_watch_takes_a_tenth_of_a_processor(searcher: Searcher, metrics: Metrics, watch: RecallMonitor) -> None:
    """After a check of 20 ms the next one begins 180 ms later."""
    begun: list[float] = []

    class Timed(Searcher):
        """A searcher whose every answer takes 20 ms, and that notes when it was asked."""

        def search(self, query: Query) -> Answer:
            begun.append(time.perf_counter())
            time.sleep(0.02)
            return super().search(query)

    timed = Timed(searcher.snapshot, None)
    for _ in range(3):
        watch.observe(timed, QUERY, found_by(searcher, QUERY, 0))
    assert wait_for(lambda: len(begun) == 3)
    gaps = [later - earlier for earlier, later in pairwise(begun)]
    assert min(gaps) > 0.2 * 0.99
