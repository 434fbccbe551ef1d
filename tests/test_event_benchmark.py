"""`python -m benchmarks events` at a small size: every event sent is counted, in both databases."""

import json
from pathlib import Path

import pytest

from benchmarks import events
from benchmarks.events import Effort, Kind


@pytest.mark.slow
def test_events_are_measured_in_both_databases(tmp_path: Path, postgres_server: str) -> None:
    """Each database and kind has a rate and a latency, and the file and its Markdown say so."""
    assert postgres_server
    kinds = (Kind(1, 2, 10), Kind(50, 2, 4))
    result = events.run(Effort(users=20, history=3, rounds=2), kinds, tmp_path / "events.json")
    assert [database["name"] for database in result["databases"]] == ["SQLite", "PostgreSQL"]
    for database in result["databases"]:
        assert [kind["events"] for kind in database["kinds"]] == [1, 50]
        assert all(kind["events_per_s"] > 0 and kind["request_us"]["p50"] > 0 for kind in database["kinds"])
    assert json.loads((tmp_path / "events.json").read_text())["databases"] == result["databases"]
    assert "| PostgreSQL | 50 | 2 |" in (tmp_path / "events.md").read_text()
