"""Which depth of search a query gets."""

import numpy as np
import pytest

from engine.indexes.index import EXACT, OperatingPoint
from engine.scoring.fusion import EncodedPart, FusedQuery
from engine.scoring.query import Missing
from engine.search.depth_planner import (
    AGREEING,
    BOOSTED,
    COMPOSED,
    FILTERED,
    SINGLE,
    DepthPlanner,
    SearchDepth,
    at_size,
    headroom,
    is_strong,
    query_class,
)
from engine.snapshot.manifest import PointRecord

ONE = np.ones(2, np.float32)


def fused(blocks: str, **boosts: float) -> FusedQuery:
    return FusedQuery(
        dict.fromkeys(blocks, ONE), dict.fromkeys(blocks, 0.0), dict.fromkeys(blocks, 0.5), boosts, Missing.DROP
    )


def part(blocks: str) -> EncodedPart:
    return EncodedPart("vector", 1.0, dict.fromkeys(blocks, ONE))


@pytest.mark.parametrize(
    ("query", "parts", "name"),
    [
        (fused("it"), [part("it")], AGREEING),
        (fused("it"), [part("i"), part("t")], COMPOSED),
        (fused("it"), [part("it"), part("it")], COMPOSED),
        (fused("i"), [part("it")], SINGLE),
        (fused("i"), [part("i"), part("i")], SINGLE),
        (fused("it", rating=0.1), [part("it")], BOOSTED),
        (fused("i", rating=-0.1), [part("i")], BOOSTED),
        (fused("it", rating=0.0), [part("it")], AGREEING),
    ],
)
def test_the_class_of_a_query(query: FusedQuery, parts: list[EncodedPart], name: str) -> None:
    """One wish for all blocks agrees; several may not; one block is single; a boost that weighs anything decides."""
    assert query_class(query, parts) == name


@pytest.mark.parametrize(
    ("query", "weight", "strong"),
    [
        (fused("it"), 1.0, False),
        (fused("it", rating=0.3, margin=-0.2), 1.0, False),  # likeness weighs .5 + .5
        (fused("it", rating=0.3, margin=-0.3), 1.0, True),
        (fused("it", rating=-0.6), -2.0, False),
        (fused("i", rating=0.3), 1.0, True),
        (fused("", rating=0.1), 0.0, True),
    ],
)
def test_a_boost_is_strong_beside_what_likeness_weighs(query: FusedQuery, weight: float, strong: bool) -> None:
    """All boosts together, against the weights of blocks and the heaviest part."""
    assert is_strong(query, [EncodedPart("vector", weight, query.vectors)]) == strong


def record(nprobe: int, recall: float, microseconds: float, name: str = AGREEING) -> PointRecord:
    return PointRecord(query_class=name, nprobe=nprobe, k_factor=10, recall=recall, microseconds=microseconds)


PLANNER = DepthPlanner(
    [record(64, 1.0, 300), record(8, 0.985, 90), record(4, 0.9, 50), record(16, 0.996, 120)], 0.99, 100_000
)


@pytest.mark.parametrize(
    ("target", "nprobe", "recall"), [(None, 16, 0.996), (0.8, 4, 0.9), (0.9, 8, 0.985), (0.995, 64, 1.0)]
)
def test_the_cheapest_point_that_reaches_the_target(target: float | None, nprobe: int, recall: float) -> None:
    """A quarter of the way from the target to 1 is asked of what was measured; None is the snapshot's target."""
    choice = PLANNER.choose(AGREEING, target)
    assert (choice.point, choice.expected_recall) == (OperatingPoint(nprobe, 10), recall)


def test_exact_when_no_point_reaches_the_target() -> None:
    """A class that was not measured, or never reached the target, is answered exactly."""
    assert PLANNER.choose(COMPOSED, 0.5).point == EXACT
    assert DepthPlanner([record(4, 0.9, 50)], 0.99, 100_000).choose(AGREEING, None).point == EXACT


def test_headroom_by_hand() -> None:
    """A quarter of what the target leaves open."""
    assert headroom(0.99) == pytest.approx(0.9925)
    assert headroom(0.5) == pytest.approx(0.625)


@pytest.mark.parametrize(
    ("k", "rows", "nprobe"),
    [(10, 100_000, 20), (40, 100_000, 40), (10, 25_000, 10), (40, 25_000, 20), (10, 201, 1), (5, 100_000, 20)],
)
def test_the_depth_goes_with_the_roots_of_rows_and_answers(k: int, rows: int, nprobe: int) -> None:
    """By hand, for a point of 20 cells measured for 10 answers out of 100,000 rows."""
    assert at_size(OperatingPoint(20, 10), k, rows, 100_000) == OperatingPoint(nprobe, 10)


@pytest.mark.parametrize(("k", "rows"), [(10, 200), (1_000, 20_000), (10, 0)])
def test_a_stratum_that_would_be_rescored_anyway_is_exact(k: int, rows: int) -> None:
    """With half its rows or more as candidates, comparing all is cheaper; an empty one is no trouble."""
    assert at_size(OperatingPoint(20, 10), k, rows, 100_000) == EXACT
    assert at_size(EXACT, 10, 100_000, 100_000) == EXACT


def exact(microseconds: float, name: str = AGREEING) -> PointRecord:
    return PointRecord(query_class=name, nprobe=0, k_factor=0, recall=1.0, microseconds=microseconds)


# Comparing a row takes .08 µs; among a tenth of the items four times the cells are needed.
MEASURED = DepthPlanner([exact(8_000), record(16, 0.996, 120), record(64, 0.996, 300, FILTERED)], 0.99, 100_000)


@pytest.mark.parametrize(
    ("matching", "point"),
    [
        (100_000, OperatingPoint(16, 10)),
        (10_000, OperatingPoint(64, 10)),  # comparing takes .08 * (10,000 + .03 * 100,000) = 1,040 µs, cells 480
        (31_623, OperatingPoint(32, 10)),  # half the way, by logarithms: twice the cells
        (2_000, EXACT),  # .08 * 2 * 2,000 = 320 µs, and the cells would take 1,240
        (200, EXACT),
        (1, EXACT),
    ],
)
def test_the_depth_where_some_rows_may_answer(matching: int, point: OperatingPoint) -> None:
    """More cells the fewer rows may answer, until comparing them all is cheaper, or not much dearer and sure."""
    choice = MEASURED.choose(AGREEING, None)
    assert MEASURED.scale(choice, 10, 100_000, matching) == point
    assert MEASURED.scale(choice, 10, 100_000) == OperatingPoint(16, 10)


def test_a_budget_takes_the_best_depth_that_it_allows() -> None:
    """What was measured to take no longer; nothing is said to be degraded that reaches the target."""
    asked = PLANNER.choose(AGREEING, 0.995, budget_ms=0.2)
    assert (asked.point.nprobe, asked.expected_recall, asked.degraded) == (16, 0.996, True)
    assert PLANNER.choose(AGREEING, 0.9, budget_ms=0.2) == SearchDepth(
        AGREEING, OperatingPoint(8, 10), 0.985, 90, pytest.approx(10**0.5), 200.0, False
    )


def test_a_budget_below_all_takes_the_cheapest() -> None:
    """An answer comes all the same, and says what to expect of it."""
    asked = PLANNER.choose(AGREEING, None, budget_ms=0.001)
    assert (asked.point.nprobe, asked.expected_recall, asked.degraded) == (4, 0.9, True)


def test_a_budget_holds_where_some_rows_may_answer() -> None:
    """Cells are left out until the time that is expected fits."""
    choice = MEASURED.choose(AGREEING, None, budget_ms=0.24)
    assert MEASURED.scale(choice, 10, 100_000, 10_000) == OperatingPoint(32, 10)


def test_a_target_of_one_is_exact_unless_there_is_no_time() -> None:
    """A promise that a sample cannot keep."""
    assert MEASURED.choose(AGREEING, 1.0).point == EXACT
    asked = MEASURED.choose(AGREEING, 1.0, budget_ms=0.2)
    assert (asked.point, asked.expected_recall, asked.degraded) == (OperatingPoint(16, 10), 0.996, True)
