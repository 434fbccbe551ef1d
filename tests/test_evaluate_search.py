"""Measuring a store's answers: the measures worked out by hand, judged queries of every kind, pictures and texts."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.encoders.encoder import ModelSpec
from engine.errors import InvalidCatalogue, SnapshotNotFound
from engine.search.searcher import Searcher
from engine.search.store_searcher import open_searcher
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.catalog.table_rows import read_table
from indexer.evaluate.judgments import JudgedQuery, read_judged
from indexer.evaluate.ranking_metrics import confidence_interval, ndcg, recall, reciprocal_rank, success
from indexer.evaluate.search_quality import measure, rank_items, unknown_items
from indexer.evaluate.text_image_pairs import IMAGE_TO_TEXT, TEXT_TO_IMAGE, draw, evaluate, read_pairs
from tests.support.cli import indexer

COLOURS = ("red", "green", "blue", "white", "black", "yellow")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six cards of one colour each, a store of them, and queries of every kind with judgments."""
    folder = tmp_path_factory.mktemp("shop")
    rows = ["item_id,title,image"]
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (40, 40), colour).save(folder / f"{number}.png")
        rows.append(f"i{number},{colour} card,{number}.png")
    (folder / "catalog.csv").write_text("\n".join(rows) + "\n")
    build(BuildConfig(folder / "catalog.csv", folder / "store", ModelSpec("mini"), recall_target=0.5), lambda *_: None)
    (folder / "queries.csv").write_text("query_id,query,image,item_id\na,red card,,\nb,,2.png,\nc,,,i3\nd,books,,\n")
    (folder / "judgments.csv").write_text(
        "query_id,item_id,rating\na,i0,3\na,i1,0\na,gone,1\nb,i2,2\nc,i3,3\nc,i4,1\nd,i0,0\nother,i0,1\n"
    )
    return folder


@pytest.fixture(scope="module")
def searcher(shop: Path) -> Searcher:
    """The shop's store, opened once."""
    return open_searcher(shop / "store")


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


def test_other_measures_by_hand() -> None:
    """Two of three relevant items are there, the first on rank 2; only the first k count."""
    assert recall([0, 1, 0, 3], [1, 3, 2, 0]) == pytest.approx(2 / 3)
    assert recall([0, 1, 0, 3], [1, 3, 2, 0], k=2) == pytest.approx(1 / 3)
    assert reciprocal_rank([0, 1, 0, 3]) == 0.5
    assert reciprocal_rank([0, 1], k=1) == 0.0
    assert success([0, 1]) == 1.0
    assert success([0, 1], k=1) == 0.0


def test_an_interval_holds_the_mean_and_narrows_with_more_queries() -> None:
    """The mean's 95 % are about two standard errors to either side: .1 for 100 coins, and nothing for equal values."""
    coins = np.arange(100) % 2
    low, high = confidence_interval(coins)
    assert low < 0.5 < high
    assert high - low == pytest.approx(4 * 0.5 / math.sqrt(100), abs=0.02)
    assert confidence_interval(np.ones(5)) == (1.0, 1.0)


def test_measures_of_a_ranking_by_hand() -> None:
    """Of three relevant items the list has two, the first of them on rank 2; what nobody rated counts as 0."""
    judged = [JudgedQuery("q", {"x": 1, "y": 1, "z": 3, "w": 0}, "words")]
    result = measure(judged, lambda _: ["unrated", "x", "w", "y"])
    assert result.recall.tolist() == pytest.approx([2 / 3])
    assert result.reciprocal_rank.tolist() == [0.5]
    assert result.success.tolist() == [1.0]
    ideal = 7 + 1 / math.log2(3) + 1 / 2
    assert result.ndcg.tolist() == pytest.approx([(1 / math.log2(3) + 1 / math.log2(5)) / ideal])


def test_queries_are_words_pictures_and_items(shop: Path) -> None:
    """Queries without anything relevant are left out, and an item is no answer to what is like it."""
    judged = read_judged(shop / "queries.csv", shop / "judgments.csv")
    assert [one.query_id for one in judged] == ["a", "b", "c"]
    assert judged[0].ratings == {"i0": 3, "i1": 0, "gone": 1}
    assert judged[1].image == shop / "2.png"
    assert judged[2].item_id == "i3"
    assert judged[2].ratings == {"i4": 1}
    assert judged[2].to_query({}, 5).excluded_ids == {"i3"}


def test_a_store_answers_queries_of_every_kind(shop: Path, searcher: Searcher) -> None:
    """Words find the card they name, a picture finds itself, an item never finds itself; what is gone is counted."""
    words, picture, item = read_judged(shop / "queries.csv", shop / "judgments.csv")
    assert rank_items(searcher, {"lexical": 1.0}, 1, words) == ["i0"]
    assert rank_items(searcher, {"image": 1.0}, 1, picture) == ["i2"]
    found = rank_items(searcher, {}, 10, item)
    assert len(found) == 5
    assert "i3" not in found
    assert unknown_items(searcher, [words, picture, item]) == 1


def test_texts_and_pictures_look_for_each_other(shop: Path, searcher: Searcher) -> None:
    """Both ways are measured on the items that the store holds, and six of six are among the first six."""
    pairs = read_pairs(searcher, shop / "catalog.csv", "{title}")
    assert [pair.text for pair in pairs] == [f"{colour} card" for colour in COLOURS]
    assert [pair.item_id for pair in draw(pairs, 3)] == sorted(pair.item_id for pair in draw(pairs, 3))
    result = evaluate(searcher, shop / "catalog.csv", "{title}", 100, 6, lambda *_: None)
    assert set(result) == {TEXT_TO_IMAGE, IMAGE_TO_TEXT}
    assert result[TEXT_TO_IMAGE]["success@6"] == result[IMAGE_TO_TEXT]["success@6"] == 1.0
    assert result[TEXT_TO_IMAGE]["success@1"] <= result[TEXT_TO_IMAGE]["mrr@6"]


def test_the_command_prints_both_weightings_and_their_difference(shop: Path) -> None:
    """With --weights the defaults are measured beside them, query by query."""
    files = ["--queries", str(shop / "queries.csv"), "--judgments", str(shop / "judgments.csv")]
    command = ["evaluate", "search", "--store", str(shop / "store"), *files, "--weights", "image=1", "--json"]
    done = indexer(*command)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["queries"] == 3
    assert told["unknown_items"] == 1
    low, high = told["gain_interval"]
    assert low <= told["weights"]["ndcg@10"] - told["defaults"]["ndcg@10"] <= high
    assert {"recall@10", "mrr@10", "success@10", "ndcg_interval"} < set(told["defaults"])


def test_the_command_asks_a_catalogue(shop: Path) -> None:
    """A catalogue without judgments tells whether texts and pictures find each other, in a line for each way."""
    command = [
        "evaluate",
        "search",
        "--store",
        str(shop / "store"),
        "--catalogue",
        str(shop / "catalog.csv"),
        "-k",
        "2",
    ]
    done = indexer(*command)
    assert done.code == 0, done.err
    assert "text_to_image: queries 6, success@1 " in done.out
    assert indexer(*command[:4]).code == 2


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("judgments.csv", "query_id,item_id\nq,i0\n", "judgments.csv, row 1: expected a value for 'rating', got none"),
        ("judgments.csv", "query_id,item_id,rating\nq,i0,good\n", "expected a number of at least 0 for 'rating'"),
        ("judgments.csv", "query_id,item_id,rating\nq,i0,1\nq,i0,2\n", "row 2: expected one rating of 'i0'"),
        ("judgments.csv", "query_id,item_id,rating\nq,i0,0\n", "at least 2 queries with a rating above 0, got 0"),
        ("queries.csv", "query_id,query,item_id\nq,a,b\n", "expected one of query, image, item_id, got query, item"),
        ("queries.csv", "query_id,query\nq,a\nq,b\n", "row 2: query_id 'q' occurs twice"),
        ("queries.csv", "query_id,image\nq,gone.png\n", "row 1: expected an image file, got .*gone.png"),
    ],
)  # fmt: skip
def test_bad_files_are_refused(tmp_path: Path, name: str, content: str, message: str) -> None:
    """The message names the file, the row and what was expected of it."""
    (tmp_path / "queries.csv").write_text("query_id,query\nq,words\n")
    (tmp_path / "judgments.csv").write_text("query_id,item_id,rating\nq,i0,1\n")
    (tmp_path / name).write_text(content)
    with pytest.raises(InvalidCatalogue, match=message):
        read_judged(tmp_path / "queries.csv", tmp_path / "judgments.csv")


def test_rows_are_the_same_in_every_format(tmp_path: Path) -> None:
    """CSV, JSON Lines and gzip give the same text by column; null is an absent value."""
    import gzip

    (tmp_path / "a.csv").write_text("x,y\n1,\n")
    (tmp_path / "a.jsonl").write_text('{"x": 1, "y": null}\n')
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress((tmp_path / "a.jsonl").read_bytes()))
    for name in ("a.csv", "a.jsonl", "a.jsonl.gz"):
        assert list(read_table(tmp_path / name)) == [(1, {"x": "1", "y": ""})]
    with pytest.raises(InvalidCatalogue, match=r"ending in \.csv or \.jsonl"):
        list(read_table(tmp_path / "a.xlsx"))


def test_a_store_without_a_snapshot_is_refused(tmp_path: Path) -> None:
    """The message says what was expected."""
    with pytest.raises(SnapshotNotFound, match="expected a published snapshot"):
        open_searcher(tmp_path)
