"""The comparison with peers at tiny size: its exact answers are the ground truth's, its workers do what is ordered."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets import AGREEING, COMPOSED, Clustered, chunks, clustered, draw
from benchmarks.ground_truth import GroundTruth
from benchmarks.load import LoadFailed
from benchmarks.peers import comparison, filtered
from benchmarks.peers.candidates import CANDIDATES, Tried, best_rung, choose, fits
from benchmarks.peers.process import peer_process
from benchmarks.peers.work import Rows, describe, mixed, write_questions, write_rows
from benchmarks.peers.worker import PEERS, read_queries
from benchmarks.stores import Built, prepare
from engine.errors import InvalidSetting
from engine.scoring.query import Missing, Query

pytestmark = pytest.mark.long

TINY = Clustered(count=2_000, dim=32, clusters=20, categories=4)
WEIGHTS = (0.2, 0.5, 0.8)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clustered(TINY, tmp_path_factory.mktemp("bench-data"))


@pytest.fixture(scope="module")
def built(catalogue: Path) -> Built:
    return prepare(catalogue, None, catalogue.parent)


@pytest.fixture(scope="module")
def rows(catalogue: Path) -> Rows:
    return write_rows(catalogue, catalogue.parent / "peers")


def test_one_inner_product_is_the_fused_score(catalogue: Path, built: Built, rows: Rows) -> None:
    """Rows and query vectors of peers rank as the ground truth does, missing blocks counting as average ones."""
    questions = write_questions(catalogue, built.manifest, rows, COMPOSED, WEIGHTS, 6, 3, 10)
    queries = [
        Query(parts, {"image": image, "text": 1 - image}, Missing.NEUTRAL)
        for parts, image in zip(draw(catalogue, COMPOSED, 6, 3), WEIGHTS * 2, strict=True)
    ]
    truth = GroundTruth(catalogue, built.manifest).grade(queries, 10)
    item_ids = [item_id for chunk in chunks(catalogue) for item_id in chunk.item_ids]
    matrix = np.load(rows.rows)
    assert matrix.shape[1] == 80 == rows.width  # two blocks of 32 and two bits, in pieces of 16
    for place in range(6):
        scores = matrix.astype(np.float64) @ questions.vectors[place]
        best = np.argsort(-scores)[:10]
        assert [item_ids[row] for row in best] == truth.item_ids[place]
        assert scores[best] == pytest.approx(truth.scores[place], abs=1e-4)
        assert questions.cutoff[place] == pytest.approx(scores[best[-1]])


def test_recall_counts_what_is_among_the_exact_best(catalogue: Path, built: Built, rows: Rows) -> None:
    """The exact ten are all of it, five of them and nothing else a half, one of them ten times a tenth."""
    questions = write_questions(catalogue, built.manifest, rows, AGREEING, WEIGHTS, 2, 3, 10)
    matrix = np.load(rows.rows)
    best = np.argsort(-(matrix.astype(np.float64) @ questions.vectors[1]))[:10]
    assert questions.recall(matrix, [1], best[None]) == 1.0
    assert questions.recall(matrix, [1], np.where(np.arange(10) < 5, best, -1)[None]) == 0.5
    assert questions.recall(matrix, [1], np.full((1, 10), best[0])) == 0.1


def test_mixed_queries_take_kinds_and_weights_in_turn(catalogue: Path, built: Built, rows: Rows) -> None:
    """Every kind is asked with every weight."""
    kinds = (AGREEING, COMPOSED, "image")
    of = [write_questions(catalogue, built.manifest, rows, kind, WEIGHTS, 9, 3, 10) for kind in kinds]
    together = mixed("mixed", of)
    asked = list(read_queries(together.path, range(9), 1.0))
    assert [one.weights.get("image") for one in asked] == [0.2, 0.2, 1.0, 0.5, 0.5, 1.0, 0.8, 0.8, 1.0]
    for place in range(9):
        alone = of[place % 3]
        assert np.array_equal(together.vectors[place], alone.vectors[place // 3])
        assert together.cutoff[place] == alone.cutoff[place // 3]


def test_the_fastest_rung_that_reaches_the_target_is_taken() -> None:
    """Fast and wrong loses against slow and right; if none is right the best counts."""
    rungs = [Tried({"ef": 1}, 0.9, 10.0), Tried({"ef": 2}, 0.992, 30.0), Tried({"ef": 3}, 0.991, 20.0)]
    assert best_rung(rungs, 0.99).settings == {"ef": 3}
    assert best_rung(rungs, 0.999).settings == {"ef": 2}


def test_the_build_that_serves_most_kinds_is_taken() -> None:
    """One that reaches the target for both kinds beats a faster one that does so for one alone."""
    fast = {"a": [Tried({}, 1.0, 1.0)], "b": [Tried({}, 0.9, 1.0)]}
    sure = {"a": [Tried({}, 1.0, 5.0)], "b": [Tried({}, 1.0, 5.0)]}
    faster = {"a": [Tried({}, 1.0, 4.0)], "b": [Tried({}, 1.0, 5.0)]}
    assert choose([fast, sure, faster], 0.99).build == 2


@pytest.mark.parametrize("name", PEERS)
def test_every_build_of_every_peer_has_settings_to_choose_from(name: str) -> None:
    """No build is left without a rung that is its own."""
    candidates = CANDIDATES[name]
    for build in candidates.builds:
        assert any(fits(build, rung) for ladder in candidates.ladders for rung in ladder)


def test_a_worker_builds_opens_and_answers(catalogue: Path, built: Built, rows: Rows, tmp_path: Path) -> None:
    """FAISS's graph, asked widely, finds nearly all; it tells times, memory and its version."""
    questions = write_questions(catalogue, built.manifest, rows, COMPOSED, WEIGHTS, 5, 3, 10)
    answers = tmp_path / "answers.npy"
    with peer_process("FAISS HNSW") as process:
        assert any(name.startswith("faiss") for name in process.versions)
        process.order("build", **describe(rows), folder=str(tmp_path), settings={"m": 16, "ef_construction": 80})
        process.order("open", folder=str(tmp_path), k=10)
        told = process.order(
            "ask", queries=str(questions.path), query_indices=[4, 1], settings={"ef": 500}, answers=str(answers)
        )
        with pytest.raises(LoadFailed, match="FAISS HNSW: KeyError: 'ef'"):
            process.order("ask", queries=str(questions.path), query_indices=[0], settings={}, answers=str(answers))
    assert len(told["took_us"]) == 2
    assert told["rss_mib"] > 0
    assert questions.recall(np.load(rows.rows), [4, 1], np.load(answers)) >= 0.95


def test_a_worker_refuses_orders_before_its_start(tmp_path: Path) -> None:
    """A library that is not there is told by name."""
    if "chromadb" in sys.modules:
        pytest.skip("needs a Python without Chroma")
    with pytest.raises(LoadFailed, match="No module named 'chromadb'"), peer_process("Chroma") as process:
        process.order("open", folder=str(tmp_path), k=10)


def test_peers_are_named_with_ours_beside_them() -> None:
    """All by default; a typo is told with what there is."""
    assert comparison.named("") == tuple(PEERS)
    assert comparison.named("hnswlib, ScaNN") == ("ours", "ours (wire)", "ours (gRPC)", "hnswlib", "ScaNN")
    with pytest.raises(InvalidSetting, match="expected peers out of ours, .*, got 'Faiss'"):
        comparison.named("Faiss")


@pytest.mark.slow
def test_comparison_writes_every_kind(catalogue: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ours in process, from the wire and over gRPC beside FAISS: recall, tails, ratio, cost and settings of each."""
    effort = comparison.Effort(rounds=2, queries=12)
    peers = ("ours", "ours (wire)", "ours (gRPC)", "FAISS HNSW")
    data, path = catalogue.parents[1], tmp_path / "peers.json"
    comparison.run(TINY, effort, peers, json_path=path, data=data, python=sys.executable)
    result = json.loads(path.read_text())
    assert result["question"] == "peers"
    assert [work["missing"] for work in result["works"]] == [0.0, 0.2]
    for work in result["works"]:
        assert work["failed"] == {}
        assert set(work["peers"]) == set(peers)
        for peer in work["peers"].values():
            assert peer["build_s"] > 0
            assert peer["versions"]
            assert set(peer["kinds"]) == set(comparison.KINDS)
            for kind in peer["kinds"].values():
                assert kind["recall_at_10"] >= 0.8
                assert kind["queries"] in (12, 24)
                assert kind["search_us"].keys() == {"p50", "p95", "p99"}
        assert work["peers"]["ours"]["kinds"][COMPOSED]["ratio"]["median"] == 1.0
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    assert "vs. ours" in capsys.readouterr().out


def test_a_filter_is_measured_beside_others(catalogue: Path) -> None:
    """Ours and FAISS, a share of the items that may answer each: nothing short, nothing that is not allowed counted."""
    made = Clustered(count=2_000, dim=32, clusters=20, categories=4, missing=0.0)
    measured = filtered.beside(
        made, (0.5, 0.01), 8, ("ours", "hnswlib"), data=catalogue.parents[1], python=sys.executable
    )
    assert [(one["peer"], one["share"]) for one in measured[:2]] == [("ours", 0.5), ("ours", 0.01)]
    for one in measured[:2]:
        assert one["recall_at_10"] >= 0.8
        assert one["short_answers"] == 0
    assert "No module named 'hnswlib'" in measured[2]["failed"]
    assert len(filtered.table(made, measured).rows) == 2
