"""The judged benchmark: its measures worked out by hand, and all of it at the size of eight products."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from benchmarks.relevance import OURS, WORDS, Judged, find_catalogue, measure, read_judged, run
from engine.encoder import ModelSpec
from engine.errors import InvalidCatalogue
from engine.lexical import Lexical, write_lexical
from engine.store import Store
from indexer.catalog import CatalogSpec, Product, read
from indexer.evaluate.metrics import ndcg

TITLES = ("red shoe", "blue shoe", "red hat", "smart watch", "smartwatch", "garden hose", "garden table", "oak table")
REAL = Path(__file__).parents[2] / "shared/data/icecat_search"


def write_data(folder: Path) -> Path:
    """Write eight products and the judgments of three queries, one of them without anything relevant."""
    folder.mkdir(exist_ok=True)
    rows = [json.dumps({"item_id": f"i{place}", "title": title}) for place, title in enumerate(TITLES)]
    (folder / "catalog.jsonl").write_text("\n".join(rows) + "\n")
    (folder / "queries.csv").write_text("query_id,query\nq1,red shoe\nq2,smart watch\nq3,books\n")
    (folder / "judgments.csv").write_text(
        "query_id,item_id,rating\nq1,i0,3\nq1,i1,1\nq1,i2,0\nq2,i3,2\nq2,i4,2\nq3,i5,0\n"
    )
    return folder


@pytest.mark.parametrize(
    ("ratings", "all_ratings", "expected"),
    [
        ([3, 1, 0], [0, 1, 3], 1.0),
        ([1, 3], [3, 1], (1 + 7 / math.log2(3)) / (7 + 1 / math.log2(3))),
        ([0, 0, 2], [2, 2], (3 / 2) / (3 + 3 / math.log2(3))),
        ([0] * 10 + [3], [3], 0.0),
        ([], [3], 0.0),
    ],
)
def test_ndcg_by_hand(ratings: list[int], all_ratings: list[int], expected: float) -> None:
    """Gain 2^r - 1 over log2(rank + 1), divided by that of the best list of ten."""
    assert ndcg(ratings, all_ratings) == pytest.approx(expected)


def test_measures_of_a_ranking_by_hand() -> None:
    """Of three relevant items the list has two, the first of them on rank 2; what nobody rated counts as 0."""
    judged = [Judged("a", {"x": 1, "y": 1, "z": 3, "w": 0})]
    result = measure(judged, lambda _: ["unrated", "x", "w", "y"])
    assert result.recall.tolist() == pytest.approx([2 / 3])
    assert result.reciprocal_rank.tolist() == [0.5]
    ideal = 7 + 1 / math.log2(3) + 1 / 2
    assert result.ndcg.tolist() == pytest.approx([(1 / math.log2(3) + 1 / math.log2(5)) / ideal])


def test_queries_without_anything_relevant_are_left_out(tmp_path: Path) -> None:
    """No ranking of theirs is better than another."""
    judged = read_judged(write_data(tmp_path))
    assert [one.query for one in judged] == ["red shoe", "smart watch"]
    assert judged[0].ratings == {"i0": 3, "i1": 1, "i2": 0}


def test_bad_folders_are_refused(tmp_path: Path) -> None:
    """The message names the file and what was expected of it."""
    with pytest.raises(InvalidCatalogue, match=r"catalog\.jsonl\.gz, \.jsonl, \.csv or \.parquet"):
        find_catalogue(tmp_path)
    write_data(tmp_path)
    (tmp_path / "judgments.csv").write_text("query_id,item_id\nq1,i0\n")
    with pytest.raises(InvalidCatalogue, match=r"expected the columns query_id, item_id, rating in .*judgments\.csv"):
        read_judged(tmp_path)
    (tmp_path / "judgments.csv").write_text("query_id,item_id,rating\nq1,i0,0\n")
    with pytest.raises(InvalidCatalogue, match="at least 2 queries with a rating above 0, got 0"):
        read_judged(tmp_path)


def test_the_whole_benchmark(tmp_path: Path) -> None:
    """Every ranking is measured through stores that the indexer built, and a second run builds them anew."""
    data = write_data(tmp_path / "data")
    model = ModelSpec(str(tmp_path / "log"), encoder="tests.catalogues:Plain")
    for _ in range(2):
        result = run(data, model, tmp_path / "result.json", tmp_path / "stores")
        assert len(Store(tmp_path / "stores" / "sentence").names()) == 1
    assert len(result["ways"]) == 7
    assert result["ways"][WORDS]["ndcg_at_10"] == 1.0
    assert result["ways"][WORDS]["recall_at_10"] == 1.0
    assert set(result["queries"]) == {"red shoe", "smart watch"}
    assert set(result["share_of_words"]) == {f"{share / 10:g}" for share in range(1, 10)}
    assert json.loads((tmp_path / "result.json").read_text())["ways"] == result["ways"]
    table = (tmp_path / "result.md").read_text()
    assert OURS in table
    assert "recall@10" in table


@pytest.mark.real
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the judged catalogue")
def test_words_alone_find_what_people_want(tmp_path: Path) -> None:
    """Without any model, the words of 19,406 products answer 86 judged queries with an nDCG@10 above .70."""
    products = [entry for entry in read(CatalogSpec(find_catalogue(REAL))) if isinstance(entry, Product)]
    judged = read_judged(REAL)
    assert len(judged) == 86
    write_lexical(tmp_path, [product.words for product in products])
    lexical = Lexical(tmp_path, len(products))

    def rank(query: str) -> list[str]:
        rows, scores = lexical.scores(query)
        return [products[rows[place]].item_id for place in np.lexsort((rows, -scores))[:10]]

    assert measure(judged, rank).ndcg.mean() > 0.70
