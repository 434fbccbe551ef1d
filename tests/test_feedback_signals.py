"""The quality that reviews give an item, by hand; and a build that lays it beside the items."""

import math
from dataclasses import replace

import numpy as np
import pytest

from engine.catalog.payload import from_bytes
from engine.errors import InvalidCatalogue
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from indexer.reviews.quality_signals import fit_prior, praise_shares, qualities, shrunk
from indexer.reviews.snapshot_reviews import ReviewFile
from tests.support.catalogs import write_lines
from tests.support.cli import indexer
from tests.support.review_files import opinions, read_lines, write_reviews


def test_few_reviews_are_drawn_to_what_is_usual() -> None:
    """One review of 1.0 and ten of .9, drawn to .5 with the strength of four: (1 + 2) / 5 and (9 + 2) / 14."""
    values = np.array([1.0] + [0.9] * 10)
    groups = np.array([0] + [1] * 10)
    found = shrunk(values, groups, np.array([0.5, 0.5, 0.5]), 4.0)
    assert found == pytest.approx([0.6, 11 / 14, 0.5])


def test_the_strength_is_the_variance_within_over_that_between() -> None:
    """Groups (0, 1), (1, 1), (0, 0): within .5 / 3, among .5, two in each: between (.5 - .5 / 3) / 2, so strength 1."""
    prior = fit_prior(np.array([0.0, 1.0, 1.0, 1.0, 0.0, 0.0]), np.array([0, 0, 1, 1, 2, 2]))
    assert prior == pytest.approx((0.5, 1.0))


def test_groups_that_do_not_differ_are_drawn_strongly() -> None:
    """Where the same values are in every group, nothing is to be learnt of one: the strength is the largest."""
    assert fit_prior(np.array([0.0, 1.0, 0.0, 1.0]), np.array([0, 0, 1, 1])).strength == 200.0


def test_an_item_without_reviews_has_no_quality() -> None:
    """Its signal is missing, which boosts count as neutral; one bad review does not make the worst item."""
    values, items = np.array([0.0] + [0.1] * 9 + [0.9] * 10), np.array([0] + [1] * 9 + [2] * 10)
    quality = qualities(values, items, ["a", "a", "a", "a"])
    assert math.isnan(quality[3])
    assert quality[1] < quality[0] < quality[2]


def test_aspects_need_enough_reviews_that_judge() -> None:
    """Two of three that judge praise: .6667; who says neither is not counted, and two reviews are too few."""
    assert praise_shares({"fit": [0.9, 0.6, 0.4, 0.5], "size": [0.9, 0.9, 0.5]}) == {"fit": 0.6667}


def test_a_build_tells_of_bad_rows_and_of_reviews_of_other_items(tmp_path) -> None:
    """A bad row is a reject in the store, a review of another item is left out and counted."""
    items = [{"item_id": f"i{number}", "text_vector": [1.0, float(number)]} for number in range(8)]
    catalogue = write_lines(tmp_path / "catalog.jsonl", items)
    rows = [*opinions(), {"item_id": "elsewhere", "text": "good", "rating": 5}, {"item_id": "i1", "rating": 77}]
    reviews = write_reviews(tmp_path / "reviews.jsonl", rows)
    config = BuildConfig(catalogue, tmp_path / "store", reviews=ReviewFile(reviews), publish=False)
    snapshot = open_snapshot(Store(tmp_path / "store"), build(config, no_progress).snapshot)
    record = snapshot.manifest.reviews
    assert record is not None
    assert (record.review_count, record.item_count, record.left_out) == (160, 8, 1)
    assert [row["line"] for row in read_lines(tmp_path / "store" / "review_rejects.jsonl")] == [162]
    assert "review_quality" in snapshot.signals


def test_a_named_model_judges_reviews_without_ratings(tmp_path) -> None:
    """With --feedback-model nothing is fitted, so reviews need no stars."""
    learnt = write_reviews(tmp_path / "learnt.jsonl", opinions())
    assert indexer("feedback", "fit", learnt, "--out", tmp_path / "model").code == 0
    items = [{"item_id": f"i{number}", "text_vector": [1.0, float(number)]} for number in range(8)]
    catalogue = write_lines(tmp_path / "catalog.jsonl", items)
    reviews = write_reviews(
        tmp_path / "plain.jsonl", [{"id": row["item_id"], "body": row["text"]} for row in opinions(40)]
    )
    mapped = {"text": "body", "item_id": "id"}
    config = BuildConfig(catalogue, tmp_path / "store", reviews=ReviewFile(reviews, mapped), publish=False)
    with pytest.raises(InvalidCatalogue, match="5 reviews of praise"):
        build(config, no_progress)
    manifest = build(replace(config, reviews=ReviewFile(reviews, mapped, tmp_path / "model")), no_progress)
    assert manifest.reviews is not None
    assert manifest.reviews.review_count == 40


def test_fields_of_the_shop_stay(tmp_path) -> None:
    """An item's own review_count and aspects stay, the manifest says so; the signal is of the reviews."""
    items = [{"item_id": f"i{number}", "text_vector": [1.0, float(number)]} for number in range(8)]
    items[0] |= {"review_count": 12345, "aspects": ["waterproof"], "review_quality": "A"}
    catalogue = write_lines(tmp_path / "catalog.jsonl", items)
    reviews = write_reviews(tmp_path / "reviews.jsonl", opinions())
    config = BuildConfig(catalogue, tmp_path / "store", reviews=ReviewFile(reviews), publish=False)
    snapshot = open_snapshot(Store(tmp_path / "store"), build(config, no_progress).snapshot)
    own, other = (from_bytes(snapshot.items.payload(snapshot.items.get_row(item))) for item in ("i0", "i1"))
    assert (own["review_count"], own["aspects"], own["review_quality"]) == (12345, ["waterproof"], "A")
    assert other["review_count"] == 20
    assert "review_quality" in snapshot.signals
    assert snapshot.manifest.reviews is not None
    assert snapshot.manifest.reviews.kept == {"review_quality": 1, "review_count": 1, "aspects": 1}
