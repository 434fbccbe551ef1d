"""The benchmarks at tiny size: what they judge by is true, what they write is whole. Timings are never looked at."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks import filters, fusion, latency, recall, report, scale
from benchmarks.datasets import (
    AGREEING,
    COMPOSED,
    ITEM,
    QUERY_KINDS,
    SIGNALS,
    Clustered,
    chunks,
    clustered,
    column,
    draw,
    drawn_rows,
    real,
)
from benchmarks.ground_truth import GroundTruth, Only, Truth
from benchmarks.load import LoadFailed, Order, load_process, read_messages, write_messages
from benchmarks.processes import echo_server
from benchmarks.stores import Built, prepare
from benchmarks.two_lists import TwoLists
from engine.errors import InvalidCatalogue, InvalidQuery, InvalidSetting, ItemNotFound
from engine.indexes.index import EXACT
from engine.scoring.query import Boost, ItemPart, Missing, Query, TextPart, VectorPart

pytestmark = pytest.mark.long

TINY = Clustered(count=3_000, dim=32, clusters=30, categories=5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("bench-data")


@pytest.fixture(scope="module")
def catalogue(data: Path) -> Path:
    return clustered(TINY, data)


@pytest.fixture(scope="module")
def built(catalogue: Path, data: Path) -> Built:
    return prepare(catalogue, None, data / "built")


def random_query(rng: np.random.Generator, item_ids: list[str]) -> Query:
    """A query of any shape the engine answers without an encoder."""
    parts = [
        VectorPart(
            rng.standard_normal(32).astype(np.float32), float(rng.normal()), str(rng.choice(["image", "text", ""]))
        ),
        VectorPart(rng.standard_normal(32).astype(np.float32), float(rng.normal()), str(rng.choice(["image", "text"]))),
        ItemPart(str(rng.choice(item_ids)), float(rng.uniform(0.1, 2.0))),
    ]
    kept = [part for part in parts if rng.random() < 0.6] or [parts[2]]
    weights = {} if rng.random() < 0.3 else {"image": float(rng.uniform(0.1, 1)), "text": float(rng.uniform(0.1, 1))}
    boosts = tuple(Boost(name, float(rng.normal())) for name in SIGNALS if rng.random() < 0.4)
    return Query(tuple(kept), weights, Missing(rng.choice([policy.value for policy in Missing])), boosts)


def test_ground_truth_agrees_with_the_engines_exact_search(catalogue: Path, built: Built) -> None:
    """The slow twin and the engine, which share no formula, rank random queries of every shape alike."""
    rng = np.random.default_rng(3)
    item_ids = [item_id for chunk in chunks(catalogue) for item_id in chunk.item_ids]
    queries = [random_query(rng, item_ids) for _ in range(60)]
    searcher = built.searcher()
    found, given = [], []
    for query in queries:
        scores, rows, *_ = searcher.nearest(searcher.fuse(query, searcher.encode(query.parts)), 10, EXACT)
        found.append([searcher.snapshot.items.item_id(row) for row in rows.tolist()])
        given.append(scores)
    truth = GroundTruth(catalogue, built.manifest).grade(queries, 10, found)
    for place, scores in enumerate(given):
        # The engine keeps its rows, and so an item's own vector, in float16.
        assert truth.found[place] == pytest.approx(scores, abs=2e-2)
        assert truth.scores[place][: len(scores)] == pytest.approx(scores, abs=2e-2)
    assert np.mean([truth.recall(n, ids, truth.found[n]) for n, ids in enumerate(found)]) > 0.98


def test_ground_truth_is_the_formula_worked_out_by_hand(catalogue: Path, built: Built) -> None:
    """Score of one item that lacks its image, for each policy."""
    chunk = next(chunks(catalogue))
    row = int(np.flatnonzero(~chunk.present["image"])[0])
    vector = chunk.blocks["text"][row].astype(np.float32)
    image = np.ones(32, np.float32)
    moments = {(entry.part_kind, entry.block): entry for entry in built.manifest.similarities}["vector", "text"]
    z = (1.0 - moments.mean) / moments.std
    parts = (VectorPart(image, block="image"), VectorPart(vector, block="text"))
    queries = [Query(parts, {"image": 0.75, "text": 0.25}, missing) for missing in Missing]
    truth = GroundTruth(catalogue, built.manifest).grade(queries, 1, [[chunk.item_ids[row]]] * 3)
    assert [worth[0] for worth in truth.found] == pytest.approx([z, 0.25 * z, -np.inf], abs=1e-5)


def test_ground_truth_is_the_same_for_one_query_and_for_many(catalogue: Path, built: Built) -> None:
    """Queries that share vectors are graded each by itself."""
    parts = draw(catalogue, COMPOSED, 3, 1)
    queries = [Query(wished, {"image": w, "text": 1 - w}) for wished in parts for w in (0.2, 0.5, 1.0)]
    truth = GroundTruth(catalogue, built.manifest)
    together = truth.grade(queries, 5)
    for place, query in enumerate(queries):
        alone = truth.grade([query], 5)
        assert alone.item_ids[0] == together.item_ids[place]
        assert alone.scores[0] == pytest.approx(together.scores[place])


def test_ground_truth_refuses_what_it_cannot_know(catalogue: Path, built: Built) -> None:
    """Words need an encoder, and an item has to be there."""
    truth = GroundTruth(catalogue, built.manifest)
    with pytest.raises(InvalidQuery, match="expected parts of vectors and items, got TextPart"):
        truth.grade([Query((TextPart("shoe"),))], 1)
    with pytest.raises(ItemNotFound, match="nothing"):
        truth.grade([Query((ItemPart("nothing"),))], 1)


def test_recall_counts_ties_for_either_and_twins_once() -> None:
    """Three true answers, two of them equal: either will do, the same one twice is one."""
    truth = Truth(np.array([[3.0, 2.0, -np.inf]]), [["a", "b"]], [])
    assert truth.recall(0, ["a", "b"], np.array([3.0, 2.0])) == 1.0
    assert truth.recall(0, ["a", "c"], np.array([3.0, 2.0])) == 1.0
    assert truth.recall(0, ["a", "a"], np.array([3.0, 3.0])) == 0.5
    assert truth.recall(0, ["a", "d"], np.array([3.0, 1.9])) == 0.5
    assert truth.recall(0, [], np.array([])) == 0.0


def test_clustered_catalogues_are_the_same_for_the_same_seed(catalogue: Path, tmp_path: Path) -> None:
    """Made twice the file's content is one; another seed makes another."""
    first = pq.read_table(catalogue)
    assert pq.read_table(clustered(TINY, tmp_path)).equals(first)
    assert not pq.read_table(clustered(Clustered(3_000, 32, 30, 5, seed=2), tmp_path)).equals(first)


def test_clustered_catalogues_are_written_once(catalogue: Path, data: Path) -> None:
    """The second call finds the file of the first."""
    before = catalogue.stat().st_mtime_ns
    assert clustered(TINY, data) == catalogue
    assert catalogue.stat().st_mtime_ns == before


def test_clustered_items_are_as_asked(catalogue: Path) -> None:
    """A fifth lacks one block, half of those the image; none lacks both; vectors have length 1."""
    chunk = next(chunks(catalogue))
    image, text = chunk.present["image"], chunk.present["text"]
    assert np.mean(~image) == pytest.approx(0.1, abs=0.02)
    assert np.mean(~text) == pytest.approx(0.1, abs=0.02)
    assert np.all(image | text)
    assert np.linalg.norm(chunk.blocks["image"][image], axis=1) == pytest.approx(1.0)
    assert not chunk.blocks["image"][~image].any()
    assert np.isnan(chunk.signals["popularity"]).any()


def test_a_catalogue_without_vectors_is_refused(tmp_path: Path) -> None:
    """A file that is no Parquet, and parameters that make no sense."""
    (tmp_path / "broken.parquet").write_text("no parquet")
    with pytest.raises(InvalidCatalogue, match="expected a Parquet catalogue"):
        next(chunks(tmp_path / "broken.parquet"))
    with pytest.raises(InvalidSetting, match="missing=2"):
        clustered(Clustered(missing=2.0), tmp_path)


@pytest.mark.parametrize("kind", QUERY_KINDS)
def test_queries_are_the_same_for_the_same_seed(catalogue: Path, kind: str) -> None:
    """Every kind can be drawn, and drawn again."""
    first, again = (draw(catalogue, kind, 5, 9) for _ in range(2))
    assert len(first) == 5
    for parts, others in zip(first, again, strict=True):
        for part, other in zip(parts, others, strict=True):
            if isinstance(part, VectorPart) and isinstance(other, VectorPart):
                assert part.block == other.block
                assert np.array_equal(part.values, other.values)
                assert np.linalg.norm(part.values) == pytest.approx(1.0, abs=1e-5)
            else:
                assert part == other


def test_query_vectors_lie_near_their_items(catalogue: Path, built: Built) -> None:
    """Agreeing parts find one item first in both blocks; without noise the cosine is 1."""
    chunk = next(chunks(catalogue))
    for image, text in draw(catalogue, AGREEING, 5, 1, noise=0.0):
        assert isinstance(image, VectorPart)
        assert isinstance(text, VectorPart)
        cosines = {part.block: chunk.blocks[part.block] @ part.values for part in (image, text)}
        assert cosines["image"].argmax() == cosines["text"].argmax()
        assert cosines["image"].max() == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(InvalidSetting, match="expected a kind of query out of agreeing"):
        draw(catalogue, "any", 1, 1)


def test_packed_pictures_are_unpacked_beside_the_catalogue(tmp_path: Path) -> None:
    """A folder with tar files becomes one with pictures; a folder without them is taken as it is."""
    import tarfile

    source = tmp_path / "shop"
    source.mkdir()
    (source / "catalog.csv").write_text("item_id,title\n1,shoe\n")
    assert real(source, tmp_path / "out") == source / "catalog.csv"
    (tmp_path / "a.jpg").write_bytes(b"picture")
    with tarfile.open(source / "images-0.tar", "w") as archive:
        archive.add(tmp_path / "a.jpg", "images/a.jpg")
    unpacked = real(source, tmp_path / "out")
    assert unpacked.read_text() == "item_id,title\n1,shoe\n"
    assert (unpacked.parent / "images/a.jpg").read_bytes() == b"picture"
    with pytest.raises(InvalidCatalogue, match=r"expected a catalog\.csv"):
        real(tmp_path, tmp_path / "out")


@pytest.mark.real
def test_real_catalogues_are_found(tmp_path: Path) -> None:
    """The grocery store is read in place, the pictures of the fashion shop are unpacked."""
    folder = Path(__file__).parents[2] / "shared/data"
    if not folder.is_dir():
        pytest.skip("needs the real catalogues")
    assert real(folder / "grocery_store", tmp_path).parent == folder / "grocery_store"
    assert len(list(real(folder / "fashion_products", tmp_path).parent.rglob("*.jpg"))) == 4_500


def test_a_store_of_another_catalogue_is_refused(built: Built, tmp_path: Path) -> None:
    """Recall against the wrong catalogue would be a number without meaning."""
    other = clustered(Clustered(200, 8, 4, 2), tmp_path)
    with pytest.raises(InvalidSetting, match="expected a store built from"):
        prepare(other, built.store, tmp_path)
    with pytest.raises(InvalidSetting, match="expected a published snapshot"):
        prepare(other, tmp_path / "none", tmp_path)


def test_two_lists_deep_enough_find_everything(catalogue: Path, built: Built, tmp_path: Path) -> None:
    """A union of both whole lists, rescored, is the true ranking: the baseline loses nothing by its own making."""
    truth = GroundTruth(catalogue, built.manifest)
    lists = TwoLists(catalogue, truth, tmp_path, "Flat")
    queries = [
        Query(parts, {"image": 0.5, "text": 0.5}, missing)
        for parts in draw(catalogue, COMPOSED, 4, 2)
        for missing in Missing
    ]
    wishes = truth.wishes(queries)
    found = [lists.union(query, wish, TINY.count) for query, wish in zip(queries, wishes, strict=True)]
    graded = truth.grade(queries, 10, found)
    assert np.mean([graded.recall(n, ids, graded.found[n]) for n, ids in enumerate(found)]) > 0.98


def test_rank_fusion_votes_as_its_formula_says(catalogue: Path, built: Built, tmp_path: Path) -> None:
    """An item's place in both lists decides, weighted by block."""
    truth = GroundTruth(catalogue, built.manifest)
    lists = TwoLists(catalogue, truth, tmp_path, "Flat")
    query = Query(draw(catalogue, COMPOSED, 1, 2)[0], {"image": 0.8, "text": 0.2})
    (wishes,) = truth.wishes([query])
    near = {block: places.tolist() for block, places in lists.near(query, wishes, 50, exact=True).items()}
    votes = {
        place: sum(
            weight / (60 + 1 + near[block].index(place))
            for block, weight in query.modality_weights.items()
            if place in near[block]
        )
        for place in {*near["image"], *near["text"]}
    }
    expected = sorted(votes, key=lambda place: (-votes[place], place))[:10]
    assert lists.ranks(query, wishes, 50) == [lists.item_ids[place] for place in expected]


def assert_whole(path: Path, question: str) -> dict[str, Any]:
    """A result file names its question, machine, versions and data, and has a table and a picture beside it."""
    result: dict[str, Any] = json.loads(path.read_text())
    assert result["question"] == question
    assert {"date", "commit", "dirty", "cpu", "cores", "memory_gib", "python", "versions"} <= result[
        "environment"
    ].keys()
    assert {"numpy", "grpcio"} <= result["environment"]["versions"].keys()
    assert {"settings", "dataset", "snapshot"} <= result.keys()
    assert path.with_suffix(".md").read_text().startswith("**")
    assert path.with_suffix(".png").read_bytes().startswith(b"\x89PNG")
    return result


def test_recall_writes_every_cell(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three kinds of query, five weights, three policies, each with recall, tails and the error of the scores."""
    recall.run(TINY, 6, json_path=tmp_path / "recall.json", data=data)
    result = assert_whole(tmp_path / "recall.json", "recall")
    assert len(result["cells"]) == 3 * 5 * 3
    assert {cell["kind"] for cell in result["cells"]} == {AGREEING, COMPOSED, ITEM}
    for cell in result["cells"]:
        assert 0.8 <= cell["recall_at_10"] <= 1
        assert cell["max_score_error"] < 0.02
        assert cell["search_us"].keys() == {"p50", "p95", "p99"}
    assert result["summary"]["cells"] == 45
    assert result["snapshot"]["build_s"] > 0
    assert "recall@10" in capsys.readouterr().out


def test_fusion_writes_every_method(data: Path, built: Built, tmp_path: Path) -> None:
    """Boosted cells have the late boost beside the four methods; beta is the boost over the similarity's spread."""
    fusion.run(TINY, 5, built.store, json_path=tmp_path / "fusion.json", data=data)
    result = assert_whole(tmp_path / "fusion.json", "fusion")
    assert len(result["cells"]) == 2 * (5 + 2 + 2 * 3)
    std = result["settings"]["similarity_std"]
    for cell in result["cells"]:
        assert set(cell["methods"]) == {name for name in fusion.METHODS if cell["boost"] or name != fusion.LATE}
        assert cell["beta"] == pytest.approx(cell["boost"] / std, rel=1e-2)
        assert cell["methods"][fusion.OURS]["recall_at_10"] >= 0.8
    assert result["two_lists"]["recall_at_100"].keys() == {"image", "text"}


def test_latency_writes_every_load(data: Path, built: Built, tmp_path: Path) -> None:
    """Closed and open loops of raw FAISS, echo and the real server, recall beside them, and the ratio."""
    effort = latency.Effort(rounds=2, requests=20, callers=(1, 3), rates=(200.0,))
    latency.run(TINY, 8, effort, built.store, json_path=tmp_path / "latency.json", data=data)
    result = assert_whole(tmp_path / "latency.json", "latency")
    assert [load["callers"] for load in result["closed"]] == [1, 3]
    for load in result["closed"]:
        assert set(load["targets"]) == set(latency.TARGETS)
        assert load["ratio"].keys() == {"p50", "wall_per_request", "cpu_per_request"}
        assert (load["ratio"]["p50"] is None) == (load["callers"] > 1)
        assert load["targets"][latency.SERVER]["requests"] == 40
        assert load["targets"][latency.SERVER]["recall_at_10"] == load["targets"][latency.RAW]["recall_at_10"] >= 0.8
        assert load["targets"][latency.ECHO]["recall_at_10"] is None
    assert [load["rate"] for load in result["open"]] == [200.0]
    assert result["server_private_mib"] > 0


def test_items_that_stand_together_on_the_shelf_are_alike(catalogue: Path) -> None:
    """Both columns of numbers are even in [0, 1), the shelf alone puts clusters in order."""
    shuffle, shelf, cluster = (column(catalogue, name) for name in ("shuffle", "shelf", "cluster"))
    for numbers in (shuffle, shelf):
        assert 0 <= numbers.min() <= numbers.max() < 1
        assert np.quantile(numbers, [0.25, 0.5, 0.75]) == pytest.approx([0.25, 0.5, 0.75], abs=0.05)
    changes = np.count_nonzero(np.diff(cluster[np.argsort(shelf)]))
    assert changes == len(np.unique(cluster)) - 1
    assert np.count_nonzero(np.diff(cluster[np.argsort(shuffle)])) > len(cluster) // 2


def test_queries_are_drawn_from_the_rows_that_are_told(catalogue: Path) -> None:
    """Without noise a query's first part is the row's own vector."""
    rows = drawn_rows(catalogue, COMPOSED, 4, 2)
    chunk = next(chunks(catalogue))
    for parts, row in zip(draw(catalogue, COMPOSED, 4, 2, noise=0.0), rows.tolist(), strict=True):
        assert isinstance(parts[0], VectorPart)
        assert parts[0].values == pytest.approx(chunk.blocks["image"][row], abs=1e-6)


def test_ground_truth_keeps_to_the_items_that_may_answer(catalogue: Path, built: Built) -> None:
    """A window of eleven items holds the ten best of these; one of none has no answer."""
    shuffle = np.sort(column(catalogue, "shuffle"))
    parts = draw(catalogue, AGREEING, 1, 1)[0]
    numbers = column(catalogue, "shuffle")
    only = [Only(numbers, shuffle[100], shuffle[111]), Only(numbers, 2.0, 3.0)]
    graded = GroundTruth(catalogue, built.manifest).grade([Query(parts)] * 2, 10, only=only)
    item_ids = [item_id for chunk in chunks(catalogue) for item_id in chunk.item_ids]
    inside = {item_ids[row] for row in np.flatnonzero((numbers >= shuffle[100]) & (numbers < shuffle[111]))}
    assert len(inside) == 11
    assert len(graded.item_ids[0]) == 10
    assert set(graded.item_ids[0]) < inside
    assert graded.item_ids[1] == []


@pytest.mark.parametrize("place", filters.PLACES)
def test_windows_keep_the_share_they_say(catalogue: Path, place: str) -> None:
    """A tenth of the items, around the query, far from it or anywhere; the query's own item is kept only when near."""
    rows = drawn_rows(catalogue, AGREEING, 20, 1)
    around = column(catalogue, "shelf")[rows]
    numbers = column(catalogue, "shuffle" if place == filters.ANYWHERE else "shelf")
    kept = filters.windows(place, 0.1, around, 3)
    shares = [np.mean((numbers >= window.low) & (numbers < window.high)) for window in kept]
    assert np.mean(shares) == pytest.approx(0.1, abs=0.02)
    inside = [window.low <= numbers[row] < window.high for window, row in zip(kept, rows.tolist(), strict=True)]
    expected = {filters.NEAR: {True}, filters.FAR: {False}, filters.ANYWHERE: {True, False}}
    assert set(inside) <= expected[place]
    assert str(filters.Window("shelf", 0.25, 0.5)) == "shelf >= 0.25 AND shelf < 0.5"


def test_filters_write_every_cell(data: Path, tmp_path: Path) -> None:
    """Every share of every place: recall, short answers, times of the first and the second asking, and the plans."""
    filters.run(TINY, 4, (0.5, 0.001), json_path=tmp_path / "filters.json", data=data)
    result = assert_whole(tmp_path / "filters.json", "filters")
    assert len(result["cells"]) == 5 * 3 * 2
    for cell in result["cells"]:
        assert 0.8 <= cell["recall_at_10"] <= 1
        assert cell["short_answers"] == 0
        assert cell["first_us"].keys() == cell["again_us"].keys() == {"p50", "p95", "p99"}
        assert sum(cell["strategies"].values()) == 4
    assert result["summary"]["cells"] == 30


@pytest.mark.slow
def test_scale_writes_every_size(data: Path, tmp_path: Path) -> None:
    """Two sizes: what they cost above a single item, how that grows, and which limits are kept."""
    made = Clustered(1, 32)
    scale.run(made, (3_000, 300), 6, 20, json_path=tmp_path / "scale.json", data=data)
    result = assert_whole(tmp_path / "scale.json", "scale")
    assert [size["items"] for size in result["sizes"]] == [300, 3_000]
    for size in result["sizes"]:
        assert size["recall_at_10"] >= 0.8
        assert size["build_s"] > 0
        assert size["ready_s"] > 0
        assert size["private_bytes_an_item"] * size["items"] == pytest.approx(size["private_bytes"], rel=0.01, abs=99)
        assert sum(size["served"]["mappings_mib"].values()) == pytest.approx(size["served"]["private_mib"], rel=0.1)
    assert all(len(powers) == 1 for powers in result["growth"].values())
    assert result["growth"]["size_bytes"][0] == pytest.approx(1, abs=0.3)
    assert result["kept"].keys() == scale.LIMITS.keys()
    again = scale.run(made, (300,), 6, 20, data=data)
    assert again["sizes"][0]["build_s"] == result["sizes"][0]["build_s"]


def test_load_counts_from_when_a_request_was_meant_to_leave(tmp_path: Path) -> None:
    """An open loop far above what can be served queues up, and the latencies say so."""
    messages = tmp_path / "messages"
    write_messages(messages, [b"a", b"bc", b""])
    with echo_server([b"a", b"bc", b""], [b"1", b"", b"23"]) as served, load_process() as load:
        order = Order(
            served.target, "/benchmarks.Echo/Answer", str(messages), 200, rate=1e6, answers=str(tmp_path / "answers")
        )
        flood = load.run(order)
        assert read_messages(tmp_path / "answers") == [b"1", b"", b"23"]
        assert len(flood.latency_us) == 200
        assert max(flood.latency_us) > 0.5 * flood.wall_s * 1e6
        assert np.all(np.array(flood.latency_us) >= flood.late_us)
        with pytest.raises(LoadFailed, match="expected an answer, got UNIMPLEMENTED"):
            load.run(Order(served.target, "/benchmarks.Echo/Other", str(messages), 1, callers=1))
        with pytest.raises(LoadFailed, match="either callers or a rate"):
            load.run(Order(served.target, "/benchmarks.Echo/Answer", str(messages), 1))


def test_a_latency_is_never_shown_without_recall() -> None:
    """A table of times alone cannot be made."""
    with pytest.raises(InvalidSetting, match="expected a column of recall beside p50 µs"):
        report.Table("times", ("of", "p50 µs"), [("a", "1")])
    table = report.Table("times", ("of", "recall@10", "p50 µs"), [("a", "1.0", "7")])
    assert table.to_markdown() == "**times**\n\n| of | recall@10 | p50 µs |\n| --- | --- | --- |\n| a | 1.0 | 7 |\n"


def test_spread_is_the_median_and_the_tails() -> None:
    """Of 1 … 101 the 50th, 95th and 99th per cent are 51, 96 and 100."""
    assert report.spread(list(range(1, 102))) == {"p50": 51.0, "p95": 96.0, "p99": 100.0}


def test_help_is_there_at_once() -> None:
    """`python -m benchmarks --help` names the questions and loads nothing heavy."""
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "benchmarks", "--help"], capture_output=True, text=True, check=True)
    assert all(verb in done.stdout for verb in ("recall", "fusion", "latency", "peers", "filters", "scale"))
    assert time.monotonic() - started < 20
    heavy = "{'faiss', 'grpc', 'torch', 'numpy', 'pyarrow'}"
    code = f"import sys, benchmarks.__main__; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_wrong_options_are_told_plainly() -> None:
    """A usage error exits with 2, a refusal with 1 and one line."""
    run = [sys.executable, "-m", "benchmarks"]
    usage = subprocess.run([*run, "latency", "--callers", "1,x"], capture_output=True, text=True, check=False)
    assert usage.returncode == 2
    assert "expected comma-separated numbers" in usage.stderr
