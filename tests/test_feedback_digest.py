"""What reviews say together: counted, compared with chance, put in order, and asked of a real server."""

import json
import math
import re
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import grpc
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import CorruptSnapshot
from engine.reviews.digest import build_digest
from engine.reviews.feedback import summarise_digest
from engine.reviews.praise_change import compute_p_value
from engine.reviews.review_period import to_bounds
from engine.snapshot.review_table import REVIEWS, ReviewRow, ReviewTable
from engine.snapshot.review_table import write_reviews as write_stored
from engine.snapshot.store import Store
from engine.v1 import catalog_pb2
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from indexer.reviews.snapshot_reviews import ReviewFile
from tests.support.catalogs import write_lines
from tests.support.cli import engine, printed
from tests.support.review_files import opinions, write_reviews
from tests.support.servers import refusal, running

FIT, DELIVERY = range(2)


def at(year: int, month: int) -> float:
    """Return the middle of a month."""
    return datetime(year, month, 15, tzinfo=UTC).timestamp()


def stored(folder, rows: list[tuple[int, float, float, list[tuple[int, float, str]]]], items: int = 2) -> ReviewTable:
    """Write reviews as (row of the item, time, sentiment, mentions) and open them."""
    reviews = [ReviewRow(row, f"r{row}", time_s, math.nan, value, 0.0, said) for row, time_s, value, said in rows]
    write_stored(folder, reviews, items)
    return ReviewTable(folder, items, ("fit", "delivery"))


def test_chance_is_that_of_two_proportions() -> None:
    """40 of 50 against 25 of 50: pooled .65, standard error .09539, z 3.1449, two-sided .00166; by hand."""
    assert compute_p_value((40, 25), (50, 50)) == pytest.approx(0.001661, abs=2e-6)
    assert compute_p_value((5, 5), (10, 10)) == 1.0
    assert compute_p_value((3, 3), (3, 3)) == compute_p_value((0, 1), (0, 2)) == 1.0


def test_reviews_of_an_item_are_a_range(tmp_path) -> None:
    """Each item gets its own reviews and their mentions, an item without any gets none."""
    rows = [(0, 1.0, 0.9, [(FIT, 0.8, "a"), (DELIVERY, 0.2, "b")]), (2, 2.0, 0.1, [(FIT, 0.3, "c")])]
    reviews = stored(tmp_path, rows, items=3)
    told = reviews.read([2, 1])
    assert (len(reviews), len(told), told.rows.tolist()) == (2, 1, [2])
    assert [reviews.quote(place) for place in told.mention_indices.tolist()] == ["c"]
    assert len(reviews.read([1])) == 0
    assert reviews.read([0]).aspects.tolist() == [FIT, DELIVERY]


def test_a_damaged_file_of_reviews_is_named(tmp_path) -> None:
    """Reviews that do not fit together are refused by the file's name."""
    stored(tmp_path, [(0, 1.0, 0.9, [])])
    np.save(tmp_path / REVIEWS / "items.npy", np.array([0, 5, 1]))
    with pytest.raises(CorruptSnapshot, match="items.npy"):
        ReviewTable(tmp_path, 1, ())


@pytest.mark.parametrize(
    ("months", "each", "periods"),
    [(1, 4, 1), (12, 3, 12), (12, 1, 4), (36, 3, 12), (120, 3, 10)],
)
def test_periods_are_as_short_as_reviews_allow(months: int, each: int, periods: int) -> None:
    """Months where there are three reviews in each, else quarters, else years; 18 at most."""
    times = [at(2020 + month // 12, month % 12 + 1) for month in range(months) for _ in range(each)]
    bounds = to_bounds(np.array(times))
    assert len(bounds) - 1 == periods
    assert bounds[0] == datetime(2020, 1, 1, tzinfo=UTC).timestamp()
    assert max(times) < bounds[-1]


def test_far_times_make_no_more_periods_than_others() -> None:
    """Past years periods are of two years, of three and so on: 53 years are 18 periods of three."""
    bounds = to_bounds(np.array([at(1971, 3), at(2023, 12)]))
    assert len(bounds) - 1 == 18
    assert np.diff(bounds) == pytest.approx(3 * 365.25 * 86_400, rel=0.001)
    assert bounds[0] <= at(1971, 3) < at(2023, 12) < bounds[-1]


def test_reviews_without_times_have_no_periods() -> None:
    """Nothing is said of time where nothing is known of it."""
    assert to_bounds(np.array([math.nan, math.nan])) == []


def test_what_changed_is_told_with_the_moment(tmp_path) -> None:
    """Delivery was praised until June and is blamed since; that cannot be chance, and nothing else changed."""
    rows = [
        (0, at(2024, month), 0.7, [(DELIVERY, 0.9 if month < 7 else 0.1, ""), (FIT, 0.9 if number else 0.1, "")])
        for month in range(1, 13)
        for number in range(4)
    ]
    changes = build_digest(reviews := stored(tmp_path, rows), reviews.read([0])).changes
    assert [(change.aspect, change.before, change.after) for change in changes] == [("delivery", 1.0, 0.0)]
    assert changes[0].since_s == datetime(2024, 7, 1, tzinfo=UTC).timestamp()


def test_what_may_be_chance_is_not_told(tmp_path) -> None:
    """Eight of twelve against five of twelve is within what chance does."""
    rows = [
        (0, at(2024, 1 + number // 12), 0.5, [(FIT, 0.9 if number % 12 < (8 if number < 12 else 5) else 0.1, "")])
        for number in range(24)
    ]
    reviews = stored(tmp_path, rows)
    assert build_digest(reviews, reviews.read([0])).changes == ()


def test_what_costs_most_comes_first(tmp_path) -> None:
    """Ten reviews: three at .2 blame the fit, one at .4 the delivery, six at .9 nothing; by hand.

    Mean .64; without blame of the fit (.4 + 5.4) / 7 = .8286, so it costs .1886. One review alone is no fault to mend.
    """
    rows = [(0, math.nan, 0.2, [(FIT, 0.1, f"too tight {'abc'[number] * 9}")]) for number in range(3)]
    rows += [(0, math.nan, 0.4, [(DELIVERY, 0.1, "late")])] + [(0, math.nan, 0.9, [])] * 6
    reviews = stored(tmp_path, rows)
    (fix,) = build_digest(reviews, reviews.read([0])).fixes
    assert (fix.aspect, fix.blamed_share) == ("fit", 0.3)
    assert fix.impact == pytest.approx(0.1886, abs=1e-4)
    assert "3 of 10 reviews (30%)" in fix.reason


def test_quotes_are_telling_and_differ(tmp_path) -> None:
    """The commoner opinion is quoted first, the other once, and nothing twice in other words."""
    said = [
        (0.95, "It fits perfectly, I love it"),
        (0.90, "It fits perfectly. I love it!"),
        (0.80, "Sits exactly where it should"),
        (0.10, "Far too tight for me"),
        (0.85, ""),
    ]
    reviews = stored(tmp_path, [(0, math.nan, 0.8, [(FIT, value, text)]) for value, text in said])
    (aspect,) = build_digest(reviews, reviews.read([0])).aspects
    assert (aspect.positive_count, aspect.negative_count) == (4, 1)
    assert aspect.quotes == ("It fits perfectly, I love it", "Sits exactly where it should", "Far too tight for me")


def test_a_summary_says_it_in_words(tmp_path) -> None:
    """What is praised, criticised and to fix first, with the counts of the table; no reviews, no words."""
    rows = [(0, math.nan, 0.9, [(FIT, 0.9, "")])] * 6 + [(0, math.nan, 0.2, [(DELIVERY, 0.1, "")])] * 3
    reviews = stored(tmp_path, rows)
    assert summarise_digest(build_digest(reviews, reviews.read([0]))) == (
        "9 reviews, mostly positive. Praised: fit (6 of 6). Criticised: delivery (3 of 3). "
        "Fix first: delivery (3 of 9 reviews criticise it)."
    )
    assert summarise_digest(build_digest(reviews, reviews.read([1]))) == ""


def test_two_mentions_are_no_aspect(tmp_path) -> None:
    """An aspect needs three reviews that judge it, and one in a hundred of all."""
    few = stored(tmp_path, [(0, math.nan, 0.9, [(FIT, 0.9, ""), (DELIVERY, 0.1, "")])] * 2)
    found = build_digest(few, few.read([0]))
    assert (found.aspects, found.fixes) == ((), ())
    rows = [(0, math.nan, 0.9, [(FIT, 0.9, "")])] * 4 + [(0, math.nan, 0.9, [(DELIVERY, 0.9, "")])] * 396
    (tmp_path / "many").mkdir()
    many = stored(tmp_path / "many", rows)
    assert [aspect.name for aspect in build_digest(many, many.read([0])).aspects] == ["delivery", "fit"]
    (tmp_path / "more").mkdir()
    more = stored(tmp_path / "more", [*rows, (0, math.nan, 0.9, [])])
    assert [aspect.name for aspect in build_digest(more, more.read([0])).aspects] == ["delivery"]


JUDGED = st.lists(
    st.tuples(st.floats(0, 1), st.lists(st.tuples(st.integers(0, 1), st.floats(0, 1)), max_size=2)),
    min_size=1,
    max_size=40,
)


@given(JUDGED)
def test_a_summary_never_contradicts_its_table(rows) -> None:
    """Whatever is praised, criticised or to fix first stands in the table with the counts that the summary gives."""
    with TemporaryDirectory() as folder:
        reviews = stored(
            Path(folder),
            [
                (0, math.nan, sentiment, [(aspect, value, "") for aspect, value in dict(mentions).items()])
                for sentiment, mentions in rows
            ],
        )
        found = build_digest(reviews, reviews.read([0]))
    table = {aspect.name: (aspect.positive_count, aspect.negative_count) for aspect in found.aspects}
    summary = summarise_digest(found)
    sides = {}
    for side, listed in re.findall(r"(Praised|Criticised): ([^.]*)\.", summary):
        for name, count, total in re.findall(r"(\w+) \((\d+) of (\d+)\)", listed):
            assert name not in sides
            sides[name] = side
            assert int(total) == sum(table[name])
            assert int(count) == table[name][side == "Criticised"]
            assert 3 * int(count) >= 2 * int(total)
    for name, blamed in re.findall(r"Fix first: (\w+) \((\d+) of", summary):
        assert int(blamed) == table[name][1]
        assert sides.get(name) != "Praised"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of ten items, the first eight of them with reviews."""
    folder = tmp_path_factory.mktemp("reviewed")
    items = [
        {
            "item_id": f"i{number}",
            "title": f"thing {number}",
            "category": "shoes" if number < 6 else "hats",
            "brand": "B",
        }
        for number in range(10)
    ]
    catalogue = write_lines(
        folder / "catalog.jsonl", [{**item, "text_vector": [1.0, place, 1.0]} for place, item in enumerate(items)]
    )
    rows = opinions()
    for row in rows:
        # Item i0 is praised by all.
        row["rating"], row["text"] = (
            (5, "The fit is perfect. Great quality, I love it.")
            if row["item_id"] == "i0"
            else (row["rating"], row["text"])
        )
    reviews = write_reviews(folder / "reviews.jsonl", [*rows, {"item_id": "elsewhere", "text": "good", "rating": 5}])
    config = BuildConfig(catalogue, folder / "store", reviews=ReviewFile(reviews), publish=False)
    Store(folder / "store").activate(build(config, no_progress).snapshot)
    return folder / "store"


def asked(store, *arguments: str) -> dict:
    """Return what `engine feedback --json` prints."""
    return json.loads(printed(engine, "feedback", "--store", store, "--json", *arguments))


def test_the_command_tells_of_an_item_a_category_and_a_brand(store) -> None:
    """Counts add up: an item's twenty reviews, six items of a category, eight of the brand that have any."""
    item, category, brand = (
        asked(store, "--item", "i0"),
        asked(store, "--category", "shoes"),
        asked(store, "--brand", "B"),
    )
    assert (item["review_count"], category["review_count"], brand["review_count"]) == (20, 120, 160)
    assert item["signals"]["review_count"] == 20
    assert item["sentiment"] > category["sentiment"]
    assert {aspect["name"] for aspect in item["aspects"]} == {"fit", "quality"}
    assert sum(period["review_count"] for period in category["periods"]) == 120


def test_a_person_reads_tables(store) -> None:
    """Without --json there is a summary and a table of aspects with quotes."""
    result = engine("feedback", "--store", str(store), "--brand", "B")
    assert "160 reviews" in result.out
    assert "The fit is perfect." in result.out


def test_fixes_come_with_quotes_and_items_with_titles(store) -> None:
    """An item is called by its title, and what to fix first is told in the reviewers' words."""
    told = asked(store, "--item", "i1")
    assert (told["title"], told["item_id"]) == ("thing 1", "i1")
    assert all(fix["quotes"] for fix in told["fixes"])
    assert told["fixes"]
    result = engine("feedback", "--store", str(store), "--item", "i1")
    assert result.out.startswith("thing 1\n")
    assert told["fixes"][0]["quotes"][0] in result.out[result.out.index("fix first") :]


def test_reviews_move_the_ranking_and_pass_filters(store) -> None:
    """The item that all praise comes first under the boost, and its aspects are numbers to filter on."""
    arguments = [
        "query",
        "--store",
        str(store),
        "--boost",
        "review_quality=1",
        "--filter",
        "aspects.fit >= 0.9",
        "--json",
    ]
    result = engine(*arguments)
    hits = [json.loads(line) for line in result.out.splitlines()]
    assert hits[0]["item_id"] == "i0", result.err
    assert hits[0]["payload"]["aspects"]["fit"] == 1.0
    assert hits[0]["payload"]["review_count"] == 20


def test_a_server_tells_feedback(store) -> None:
    """GetFeedback answers for what is there, also without reviews, and NOT_FOUND names what is not."""
    with running(store) as server:
        ask = server.catalog.GetFeedback
        told = ask(catalog_pb2.GetFeedbackRequest(item_id="i1")).feedback
        assert (told.item_id, told.review_count, told.HasField("mean_rating")) == ("i1", 20, True)
        silent = ask(catalog_pb2.GetFeedbackRequest(item_id="i9")).feedback
        assert (silent.review_count, silent.HasField("sentiment"), silent.summary) == (0, False, "")
        for field in ("item_id", "brand", "category"):
            missing = refusal(ask, catalog_pb2.GetFeedbackRequest(**{field: "nowhere"}))
            assert missing.code is grpc.StatusCode.NOT_FOUND
            assert "nowhere" in missing.message
        assert refusal(ask, catalog_pb2.GetFeedbackRequest()).code is grpc.StatusCode.INVALID_ARGUMENT


def test_live_changes_keep_an_items_reviews(store) -> None:
    """An item replaced into another category takes its reviews along; a removed one is found no more."""
    item = catalog_pb2.UpsertItemsRequest.NewItem(item_id="i2", payload={"category": "bags"})
    item.vectors["text"].values.extend([1.0, 2.0, 1.0])
    with running(store) as server:
        server.catalog.UpsertItems(catalog_pb2.UpsertItemsRequest(items=[item]))
        server.catalog.DeleteItems(catalog_pb2.DeleteItemsRequest(item_ids=["i1"]))
        ask = server.catalog.GetFeedback
        assert ask(catalog_pb2.GetFeedbackRequest(category="bags")).feedback.review_count == 20
        assert ask(catalog_pb2.GetFeedbackRequest(category="shoes")).feedback.review_count == 80
        assert refusal(ask, catalog_pb2.GetFeedbackRequest(item_id="i1")).code is grpc.StatusCode.NOT_FOUND
