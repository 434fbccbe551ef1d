"""Measured recall is what an independent count finds, the planner takes the cheapest that reaches, gates catch lies."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.indexes.index import EXACT
from engine.indexes.index_writer import write_index
from engine.scoring.fusion import FusedQuery, standardise
from engine.scoring.vectors import to_unit
from engine.search.depth_planner import (
    AGREEING,
    BOOSTED,
    COMPOSED,
    FILTERED,
    QUERY_CLASSES,
    SINGLE,
    DepthPlanner,
    at_size,
    headroom,
)
from engine.search.searcher import Searcher
from engine.snapshot.manifest import Manifest, PointRecord
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.gates import GateInputs, recall_gate, self_retrieval_gate
from indexer.build.recall_measurement import exact_scores, measure
from indexer.build.sample_queries import QuerySampler
from indexer.build.tune import QUERIES, tune
from indexer.progress import no_progress
from tests.support.catalogs import clustered, write_parquet

pytestmark = pytest.mark.long

ITEMS = 5_000
DIM = 32
FACTORY = "IVF64,PQ17x4fs"
SEED = 11


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """5,000 clustered items in cells, with a signal."""
    directory = tmp_path_factory.mktemp("tuned")
    catalogue = write_parquet(directory / "catalogue.parquet", clustered(ITEMS, dim=DIM))
    config = BuildConfig(catalogue, directory / "store", signals=("price",), index=FACTORY)
    build(config, no_progress)
    return Store(directory / "store")


@pytest.fixture(scope="module")
def snapshot(store: Store) -> Snapshot:
    """The one that is served."""
    return open_snapshot(store, str(store.current()))


def all_scores(snapshot: Snapshot, query: FusedQuery) -> NDArray[np.float64]:
    """Return the fused score of every item, from the catalogue's own columns: nothing of the index is used."""
    vectors = clustered(ITEMS, dim=DIM)
    scores = np.zeros(ITEMS)
    for block, rows in (("image", vectors.image), ("text", vectors.text)):
        if block in query.vectors:
            scores += rows.astype(np.float16).astype(np.float64) @ query.vectors[block].astype(np.float64)
            scores += query.offsets[block]
    prices = np.random.default_rng(1).uniform(1, 100, ITEMS).astype(np.float32)
    return scores + query.boosts.get("price", 0.0) * standardise(prices, snapshot.calibration.signals["price"])


@pytest.mark.parametrize("name", QUERY_CLASSES)
def test_measured_recall_is_the_share_of_the_true_ten(snapshot: Snapshot, name: str) -> None:
    """Counting ids gives the recall on record, that of the worst weights: at a shallow, a middle, a deep point."""
    searcher = Searcher(snapshot, None)
    sampler = QuerySampler(snapshot, SEED)
    queries = sampler.draw(name, QUERIES)
    some = sampler.select(name)
    assert (some is not None) == (name == FILTERED)
    out = 0.0 if some is None or some.rows[0] is None else np.where(some.rows[0].mask, 0.0, -np.inf)
    truth = [set(np.argsort(-(all_scores(snapshot, query) + out))[:10].tolist()) for query in queries]
    records = [record for record in snapshot.manifest.operating_points if record.query_class == name and record.nprobe]
    assert len(records) >= 3
    for record in (records[0], records[len(records) // 2], records[-1]):
        found = [searcher.nearest(query, 10, record.point, some).rows.tolist() for query in queries]
        groups: dict[tuple[object, ...], list[float]] = {}
        for query, true, rows in zip(queries, truth, found, strict=True):
            key = (query.missing, *sorted(query.weights.items()))
            groups.setdefault(key, []).append(len(true & set(rows)) / 10)
        # A few of a thousand may differ: items whose scores differ by a rounding of float16.
        assert record.recall == pytest.approx(min(np.mean(shares) for shares in groups.values()), abs=8e-3)


def test_the_oracle_is_right(snapshot: Snapshot) -> None:
    """The exact scores that recall is measured against are those of the formula."""
    for name in QUERY_CLASSES:
        queries = QuerySampler(snapshot, 3).draw(name, 5)
        expected = [np.sort(all_scores(snapshot, query))[::-1][:10] for query in queries]
        np.testing.assert_allclose(exact_scores(snapshot, queries), expected, rtol=0, atol=5e-3)


def test_every_class_has_its_exact_point(snapshot: Snapshot) -> None:
    """So a planner always has an answer, whatever recall is asked for."""
    for name in QUERY_CLASSES:
        exact = [r for r in snapshot.manifest.operating_points if r.query_class == name and r.point == EXACT]
        assert [record.recall for record in exact] == [1.0]
        assert exact[0].microseconds > 0


def test_deeper_finds_more(snapshot: Snapshot) -> None:
    """The deepest point on record, most cells and most candidates, misses less than the shallowest."""
    for name in QUERY_CLASSES:
        records = [r for r in snapshot.manifest.operating_points if r.query_class == name and r.nprobe]
        by_depth = sorted(records, key=lambda record: (record.k_factor, record.nprobe))
        assert by_depth[0].recall < by_depth[-1].recall


@pytest.mark.parametrize("target", [0.5, 0.9, 0.95, 0.99, 0.999])
def test_the_planner_takes_the_cheapest_that_reaches(snapshot: Snapshot, target: float) -> None:
    """No point on record is both cheaper and good enough."""
    planner = DepthPlanner(snapshot.manifest.operating_points, snapshot.manifest.recall_target, ITEMS)
    for name in QUERY_CLASSES:
        good = [
            record
            for record in snapshot.manifest.operating_points
            if record.query_class == name and record.recall >= headroom(target)
        ]
        choice = planner.choose(name, target)
        assert choice.point == min(good, key=lambda record: record.microseconds).point
        assert choice.expected_recall >= target


def test_queries_are_drawn_again_the_same(snapshot: Snapshot) -> None:
    """The same seed draws the same queries, another one others."""
    first, second = (QuerySampler(snapshot, 1).draw(COMPOSED, 3) for _ in range(2))
    other = QuerySampler(snapshot, 2).draw(COMPOSED, 3)
    for one, two, three in zip(first, second, other, strict=True):
        np.testing.assert_array_equal(one.vectors["image"], two.vectors["image"])
        assert not np.array_equal(one.vectors["image"], three.vectors["image"])


def test_queries_are_of_their_class(snapshot: Snapshot) -> None:
    """A single one asks one block, a boosted one has a boost, an agreeing one asks both of one item."""
    draw = QuerySampler(snapshot, 1).draw
    assert {len(query.weights) for query in draw(SINGLE, 10)} == {1}
    assert all(query.boosts["price"] != 0 for query in draw(BOOSTED, 10))
    assert all(set(query.weights) == {"image", "text"} and not query.boosts for query in draw(AGREEING, 10))


@pytest.fixture(scope="module")
def shuffled(store: Store, snapshot: Snapshot, tmp_path_factory: pytest.TempPathFactory) -> tuple[Manifest, Path]:
    """The snapshot's manifest and files, its index with the code of another item in each place."""
    other = tmp_path_factory.mktemp("other")
    rows = snapshot.strata[0].index.rows(np.random.default_rng(0).permutation(ITEMS))
    write_index(rows, other, FACTORY, "cpu", lambda done, total: None)
    copy = Path(shutil.copytree(store.directory(snapshot.name), other / "copy"))
    shutil.copy(other / "index.faiss", copy / snapshot.manifest.strata[0].directory / "index.faiss")
    return snapshot.manifest, copy


def test_the_gates_pass_a_sound_index(snapshot: Snapshot) -> None:
    """All five classes, and items found by themselves."""
    searcher = Searcher(snapshot, None)
    records = recall_gate(GateInputs(searcher))
    assert [record.name for record in records] == [f"recall@10 {name}" for name in QUERY_CLASSES]
    assert all(record.passed for record in records)
    (record,) = self_retrieval_gate(GateInputs(searcher))
    assert record.passed


def test_the_gates_catch_shuffled_codes(shuffled: tuple[Manifest, Path]) -> None:
    """An index that answers with the wrong items fails every recall gate and self-retrieval."""
    searcher = Searcher(Snapshot(*shuffled), None)
    searched = [name for name in QUERY_CLASSES if not searcher.planner.depths.choose(name, None).point.exact]
    assert len(searched) >= 4
    assert [record.name.split()[1] for record in recall_gate(GateInputs(searcher)) if not record.passed] == searched
    (found,) = self_retrieval_gate(GateInputs(searcher))
    assert not found.passed
    assert found.value < 0.5


@pytest.mark.slow
def test_tuning_a_broken_index_leaves_exact_alone(shuffled: tuple[Manifest, Path]) -> None:
    """Measured anew, no point reaches the target, so the planner compares every row, and answers are right."""
    manifest, directory = shuffled
    points = tune(Snapshot(manifest, directory), lambda done, total: None)
    planner = DepthPlanner(points, 0.99, ITEMS)
    depths = [at_size(planner.choose(name, None).point, 10, ITEMS, ITEMS) for name in QUERY_CLASSES]
    assert depths == [EXACT] * len(QUERY_CLASSES)
    measured = manifest.model_copy(update={"operating_points": tuple(points)})
    (record,) = self_retrieval_gate(GateInputs(Searcher(Snapshot(measured, directory), None)))
    assert record.passed


def test_the_gates_catch_a_point_that_promises_too_much(snapshot: Snapshot) -> None:
    """One cell of 64 is no recall of 1, whatever the record says."""
    searcher = Searcher(snapshot, None)
    lies = [PointRecord(query_class=name, nprobe=1, k_factor=1, recall=1.0, microseconds=1.0) for name in QUERY_CLASSES]
    searcher.planner.depths = DepthPlanner(lies, 0.99, ITEMS)
    assert [record.passed for record in recall_gate(GateInputs(searcher))] == [False] * 5


def test_measuring_counts_ties_for_either(snapshot: Snapshot) -> None:
    """The exact point against the oracle is 1, though the two sum in another order."""
    searcher = Searcher(snapshot, None)
    for name in QUERY_CLASSES:
        queries = QuerySampler(snapshot, 5).draw(name, 20)
        recalls, took = measure(searcher, queries, exact_scores(snapshot, queries), EXACT)
        assert (recalls == 1.0).all()
        assert took > 0


def test_some_queries_are_one_vector_for_every_block_of_its_dimension(snapshot: Snapshot) -> None:
    """A caller's vector addresses both blocks, and is near the items of one of them only: tuning has to see that."""
    queries = QuerySampler(snapshot, 5).draw("agreeing", 60)
    cosines = [float(to_unit(query.vectors["image"]) @ to_unit(query.vectors["text"])) for query in queries]
    assert 20 <= sum(cosine > 0.999 for cosine in cosines) < 60
