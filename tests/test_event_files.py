"""Files of events in every format: each row is an event or is refused with why, and a file read twice adds nothing."""

import csv
import gzip
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from engine.errors import InvalidCatalogue, InvalidSetting
from engine.events.event import Event, EventType
from engine.events.event_log import open_event_log
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.catalog import Reject
from indexer.events.event_reader import read
from indexer.events.event_time import to_time_s
from indexer.progress import no_progress
from indexer.sample import write
from tests.support.catalogs import clustered, write_lines, write_parquet
from tests.support.cli import indexer

DATA = Path(__file__).parents[2] / "shared" / "data"
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC).timestamp()
ROW = {"user_id": "u", "item_id": "i", "time": "2024-03-01T12:00:00Z"}
RETAIL = "online_retail/transactions.csv.gz"
JOURNEY = "complete_journey/transactions.csv.gz"


def rows(*changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return rows that are fine but for these changes; a value of None takes a column away."""
    return [{name: value for name, value in {**ROW, **change}.items() if value is not None} for change in changes]


def lines(folder: Path, *changes: Mapping[str, Any]) -> Path:
    """Write such rows as JSON Lines."""
    return write_lines(folder / "events.jsonl", rows(*changes))


def only(path: Path, **options: Any) -> Event | Reject:
    """Return what the one row of a file is."""
    (found,) = read(path, **options)
    return found


def stored(store: Path) -> list[Event]:
    """Return all events of a store."""
    log = open_event_log(store)
    assert log is not None
    with log:
        return [event for page in log.scan() for event in page]


@pytest.mark.parametrize("kind", ["jsonl", "csv", "parquet", "jsonl.gz", "csv.gz"])
def test_every_format_says_the_same(tmp_path: Path, kind: str) -> None:
    """The same rows are the same events in each format, ids with zeros before them too."""
    table = rows({"user_id": "007", "item_id": "0012", "type": "return", "quantity": 2, "event_id": "42"}, {"type": ""})
    for row in table:
        row.setdefault("event_id", "")
        row.setdefault("quantity", 1)
    path = tmp_path / f"events.{kind}"
    if kind == "parquet":
        pq.write_table(pa.Table.from_pylist(table), path)
    else:
        with (gzip.open if kind.endswith(".gz") else open)(path, "wt", newline="") as file:
            if "csv" in kind:
                writer = csv.DictWriter(file, table[0])
                writer.writeheader()
                writer.writerows(table)
            else:
                file.writelines(json.dumps(row) + "\n" for row in table)
    first, second = read(path)
    assert first == Event("42", "007", "0012", EventType.RETURN, NOON, 2)
    assert isinstance(second, Event)
    assert second == Event(second.event_id, "u", "i", EventType.PURCHASE, NOON, 1)


@pytest.mark.parametrize(
    "value",
    ["2024-03-01T12:00:00Z", "2024-03-01 12:00:00", "2024-03-01T13:00:00+01:00", "2024-03-01T12:00", "1709294400",
     1709294400, 1709294400.0, "1709294400.0", datetime(2024, 3, 1, 12), datetime(2024, 3, 1, 12, tzinfo=UTC),
     datetime(2024, 3, 1, 12, tzinfo=UTC).astimezone()],
)  # fmt: skip
def test_a_moment_is_the_same_however_written(value: object) -> None:
    """ISO 8601 with a zone and without (UTC), and seconds since 1970, as text and number."""
    assert to_time_s(value) == NOON


def test_eight_digits_are_a_date() -> None:
    """As in ISO 8601; a day is its first second."""
    day = datetime(2024, 3, 1, tzinfo=UTC)
    assert to_time_s("20240301") == to_time_s("2024-03-01") == to_time_s(day.date()) == day.timestamp()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_id": ""}, "no user_id"),
        ({"user_id": "u" * 513}, "user_id: expected"),
        ({"user_id": ["u", "v"]}, "user_id: expected"),
        ({"item_id": None}, "no item_id"),
        ({"item_id": "a\0"}, "item_id: expected text without the character 0"),
        ({"time": " "}, "no time"),
        ({"time": "yesterday"}, "time: expected ISO 8601 or seconds since 1970, got 'yesterday'"),
        ({"time": 1709294400000}, "time: expected seconds since 1970, got 1709294400000"),
        ({"time": True}, "time: expected"),
        ({"type": "click"}, "type: expected one of view, cart, purchase, return, like, dislike, got 'click'"),
        ({"quantity": 0}, "quantity: expected more than 0 and at most 1000000, got 0"),
        ({"quantity": -1, "type": "view"}, "quantity: expected more than 0"),
        ({"quantity": "many"}, "quantity: expected a number, got 'many'"),
        ({"quantity": float("nan")}, "quantity: expected more than 0"),
        ({"event_id": "e" * 513}, "event_id: expected at most 512 bytes, got 513"),
    ],
)
def test_a_bad_row_is_told_with_its_line_and_reason(tmp_path: Path, change: dict[str, Any], reason: str) -> None:
    """The rows around it are events; the reason says what was expected, and never who the user is."""
    good, bad, more = read(lines(tmp_path, {}, change, {}))
    assert isinstance(good, Event)
    assert isinstance(more, Event)
    assert isinstance(bad, Reject)
    assert (bad.line, bad.reason[: len(reason)]) == (2, reason)


def test_a_time_to_come_is_refused(tmp_path: Path) -> None:
    """What is a day ahead would be the newest event for a day; clocks that go a little fast do no harm."""
    soon, late = (datetime.now(UTC) + timedelta(hours=hours) for hours in (20, 30))
    assert isinstance(only(lines(tmp_path, {"time": soon.isoformat()})), Event)
    refused = only(lines(tmp_path, {"time": late.isoformat()}))
    assert isinstance(refused, Reject)
    assert refused.reason.startswith("time: expected at most a day from now, got ")


@pytest.mark.parametrize(
    ("quantity", "kind", "pieces"),
    [(3, "purchase", 3), ("-2", "return", 2), ("1.0", "purchase", 1), (0.4, "purchase", 1), (2.6, "purchase", 3)],
)
def test_fewer_than_none_bought_are_sent_back(tmp_path: Path, quantity: object, kind: str, pieces: int) -> None:
    """A negative quantity of a purchase is a return of as many; weights are rounded, and at least one piece."""
    event = only(lines(tmp_path, {"quantity": quantity}))
    assert isinstance(event, Event)
    assert (event.type, event.quantity) == (EventType(kind), pieces)


def test_columns_are_mapped(tmp_path: Path) -> None:
    """Other names are given; `timestamp` is known for the time; a default type may be another than purchase."""
    path = write_lines(tmp_path / "a.jsonl", [{"household": 7, "sku": 12.0, "timestamp": "2024-03-01 12:00:00"}])
    event = only(path, columns={"user_id": "household", "item_id": "sku"}, type_default=EventType.VIEW)
    assert isinstance(event, Event)
    assert event[1:] == ("7", "12", EventType.VIEW, NOON, 1)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({}, "no column 'user_id': did you mean 'userid'"),
        ({"user_id": "usr"}, "no column 'usr'"),
        ({"user_id": "userid", "quantity": "pieces"}, "no column 'pieces'"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, columns: dict[str, str], message: str) -> None:
    """One that is needed or named is missed at once, with the nearest name."""
    path = write_lines(tmp_path / "a.jsonl", [{"userid": "u", "item_id": "i", "time": 1}])
    with pytest.raises(InvalidCatalogue, match=message):
        read(path, columns)
    with pytest.raises(InvalidSetting, match="expected one of event_id, user_id, .*, got 'user'"):
        read(path, {"user": "userid"})


def test_rows_without_ids_get_the_same_ones_again(tmp_path: Path) -> None:
    """Ids come from what rows say and how many said so before: equal rows are two events, the file again is none."""
    path = lines(tmp_path, {}, {}, {"item_id": "j"}, {})
    first, second = list(read(path)), list(read(path))
    assert first == second
    assert len({event.event_id for event in first if isinstance(event, Event)}) == 4
    longer = [event.event_id for event in read(lines(tmp_path, {"item_id": "j"}, {}, {}, {}, {})) if event]
    assert {event.event_id for event in first if isinstance(event, Event)} < set(longer)


def test_importing_is_told_in_numbers(tmp_path: Path) -> None:
    """What is new, what was known, what is bad; a program reads JSON; rejects lie in the store by line."""
    path, store = lines(tmp_path, {}, {"item_id": "j"}, {"type": "?"}), tmp_path / "store"
    ran = indexer("events", "import", path, "--store", store, "--max-rejects", "40%")
    assert (ran.code, ran.out.partition(" (")[0]) == (0, "2 events imported, 0 duplicates, 1 rejected")
    (reject,) = map(json.loads, (store / "event_rejects.jsonl").read_text().splitlines())
    assert (reject["line"], reject["item_id"], "type: expected" in reject["reason"]) == (3, "i", True)
    again = indexer("events", "import", path, "--store", store, "--max-rejects", "0.4", "--json")
    assert json.loads(again.out) == {"accepted": 0, "duplicates": 2, "rejects": 1}
    assert len(stored(store)) == 2


def test_too_many_bad_rows_record_nothing(tmp_path: Path) -> None:
    """A wrong file leaves no event behind, exit code 1 and one line that says where the reasons are."""
    path, store = lines(tmp_path, {}, {"type": "?"}), tmp_path / "store"
    ran = indexer("events", "import", path, "--store", store)
    assert (ran.code, ran.out) == (1, "")
    assert "expected at most 5.0% bad rows, got 1 of 2; nothing was recorded" in ran.err
    assert stored(store) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["import", "nowhere.csv"], 1, "no events at nowhere.csv"),
        (["import", "a.xlsx"], 1, "expected one of .jsonl"),
        (["import", "a.csv", "--map", "user_id"], 2, "FIELD=COLUMN"),
        (["import", "a.csv", "--type-default", "bought"], 2, "view, cart"),
        (["import", "a.csv", "--url", "mysql://u:geheim@h/d"], 1, "expected sqlite:"),
        (["show"], 1, "indexer events import"),
    ],
)
def test_wrong_usage_is_one_clear_line(tmp_path: Path, arguments: list[str], code: int, message: str) -> None:
    """Each names what was expected; no traceback, and no password."""
    ran = indexer("events", *arguments, "--store", tmp_path)
    assert (ran.code, message in ran.err) == (code, True)
    assert "Traceback" not in ran.err
    assert "geheim" not in ran.err


def test_what_is_kept_is_shown_and_erased(tmp_path: Path) -> None:
    """How many, of whom; one shopper's; and that shopper's gone, which is no error a second time."""
    path = lines(tmp_path, {"type": "view"}, {"time": "2024-03-02"}, {"user_id": "v"})
    indexer("events", "import", path, "--store", tmp_path)
    assert indexer("events", "show", "--store", tmp_path).out == (
        "3 events of 2 users, the newest of 2024-03-02T00:00:00Z\n"
    )
    shown = indexer("events", "show", "--store", tmp_path, "--user", "u", "--json").out.splitlines()
    assert [json.loads(line)["type"] for line in shown] == ["purchase", "view"]
    assert indexer("events", "erase", "u", "--store", tmp_path).out == "2 events erased: 1 view, 1 purchase\n"
    again = indexer("events", "erase", "u", "--store", tmp_path, "--json")
    assert (again.code, json.loads(again.out)) == (0, {"events": 0, "by_type": {}})
    assert {event.user_id for event in stored(tmp_path)} == {"v"}


def test_files_go_to_postgresql(tmp_path: Path, postgres: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the option or the environment; the store then keeps none."""
    path = lines(tmp_path, {}, {}, {"item_id": "j"})
    ran = indexer("events", "import", path, "--store", tmp_path, "--url", postgres, "--json")
    assert json.loads(ran.out)["accepted"] == 3
    monkeypatch.setenv("DIPTYCH_EVENTS_URL", postgres)
    assert indexer("events", "show", "--store", tmp_path).out.startswith("3 events of 1 users")
    assert not list(tmp_path.glob("events.db*"))


def test_the_demo_shop_is_imported(tmp_path: Path) -> None:
    """Every event of `indexer sample` is one of the store, as it is in the file."""
    write(tmp_path, 40, seed=3)
    drawn = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    ran = indexer("events", "import", tmp_path / "events.jsonl", "--store", tmp_path / "store", "--json")
    assert json.loads(ran.out) == {"accepted": len(drawn), "duplicates": 0, "rejects": 0}
    kept = {event.event_id: event for event in stored(tmp_path / "store")}
    for row in drawn:
        event = kept[row["event_id"]]
        assert (event.user_id, event.item_id, event.type.value) == (row["user_id"], row["item_id"], row["type"])
        assert (event.quantity, event.time_s) == (row["quantity"], datetime.fromisoformat(row["time"]).timestamp())


def test_a_build_records_first(tmp_path: Path) -> None:
    """--events keeps a file in the store's log before anything is built; too many bad rows build nothing."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(30))
    user, store = "shopper-of-a-build", tmp_path / "store"
    events = lines(tmp_path, {"item_id": "i1", "user_id": user}, {"item_id": "i2", "user_id": user})
    build(BuildConfig(catalogue, store, events=events), no_progress)
    assert [event.item_id for event in stored(store)] == ["i1", "i2"]
    # What is learnt of shoppers holds no ids, so that erasing one never means another build.
    assert {path.name for path in store.rglob("*") if path.is_file() and user.encode() in path.read_bytes()} == {
        "events.db"
    }
    bad = BuildConfig(catalogue, tmp_path / "other", events=lines(tmp_path, {"time": "?"}))
    with pytest.raises(InvalidCatalogue, match="bad rows"):
        build(bad, no_progress)


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "columns", "events", "rejects", "users", "returns"),
    [
        (RETAIL, [], 128_833, 0, 900, 2_926),
        (JOURNEY, ["user_id=household_id", "item_id=product_id", "time=transaction_timestamp"], 55_408, 304, 1_779, 0),
    ],
)  # fmt: skip
def test_a_real_shop_is_imported(
    tmp_path: Path, name: str, columns: list[str], events: int, rejects: int, users: int, returns: int
) -> None:
    """Every line of a year's purchases is an event, a return, or a reject that says why; twice adds nothing."""
    if not (DATA / name).exists():
        pytest.skip("the data is not here")
    command = ["events", "import", DATA / name, "--store", tmp_path, "--json"]
    command += [word for column in columns for word in ("--map", column)]
    assert json.loads(indexer(*command).out) == {"accepted": events, "duplicates": 0, "rejects": rejects}
    assert json.loads(indexer(*command).out) == {"accepted": 0, "duplicates": events, "rejects": rejects}
    kept = stored(tmp_path)
    assert (len(kept), len({event.user_id for event in kept})) == (events, users)
    assert sum(event.type is EventType.RETURN for event in kept) == returns
