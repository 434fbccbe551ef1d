"""What an evaluation of recommendations refuses or tells before it measures anything, and chance by hand."""

from pathlib import Path

import pytest

from engine.errors import InvalidCatalogue
from indexer.evaluate.holdout import hold_out, read_events
from indexer.evaluate.recommendation_quality import EvaluationShop, chance_of_hit, evaluate
from indexer.progress import no_progress
from tests.support.catalogs import write_lines
from tests.support.cli import indexer
from tests.support.purchase_shop import event


def test_chance_by_hand() -> None:
    """Two of five, one of them right: 2/5; of no more items than are shown all are there."""
    assert chance_of_hit(5, 1, 2) == pytest.approx(0.4)
    assert chance_of_hit(5, 5, 5) == chance_of_hit(3, 1, 20) == 1.0


def test_a_catalogue_of_other_items_is_refused(tmp_path: Path) -> None:
    """At once, before anything is built: nothing of it was ever bought."""
    held = hold_out([event(user, name, days_ago=float(day)) for user in "ab" for day, name in enumerate("vwxyz")])
    with pytest.raises(InvalidCatalogue, match="purchases of the catalogue's 1 items, got none among 8 events"):
        evaluate(held, EvaluationShop(["other"], tmp_path / "absent.csv"), no_progress)


def test_bad_rows_are_told(tmp_path: Path) -> None:
    """One in a hundred is told on stderr; of more than an import takes nothing is measured."""
    rows: list[dict[str, object]] = [
        {"user_id": f"u{number}", "item_id": f"i{day}", "time": 86_400.0 * day}
        for number in range(10)
        for day in range(10)
    ]
    path = write_lines(tmp_path / "events.jsonl", [*rows, {"user_id": "u1", "item_id": "i1", "time": "soon"}])
    assert read_events(path) == (read_events(path).events, 1)
    assert "events.jsonl: 1 invalid rows skipped" in indexer("evaluate", "recommend", path, "--holdout", 1).err
    write_lines(path, [*rows, *([{"user_id": "u1", "time": 0}] * 6)])
    with pytest.raises(InvalidCatalogue, match="at most 5.0% bad rows, got 6 of 106; the first is line 101: "):
        read_events(path)
