"""The `engine` command: its settings, its queries of a store and of a server, and its exit codes."""

import io
import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from catalogues import Ran
from serving import Running, build_goods, running

from engine.cli import main
from engine.cli.commands import to_weights
from engine.errors import InvalidSetting
from engine.server.settings import Settings, load, render
from engine.store import Store


@pytest.fixture(scope="module")
def goods(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> Path:
    """A store of two dozen goods, embedded by a tiny model, beside their pictures."""
    return build_goods(tmp_path_factory.mktemp("goods"), tiny_model)


@pytest.fixture(scope="module")
def server(goods: Path) -> Running:
    """A server over the goods."""
    with running(goods) as started:
        yield started


def engine(*arguments: object) -> Ran:
    """Run the `engine` command in this process, from its arguments to its exit code."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["engine", *map(str, arguments)]
    code: object = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = before
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())


def hits(*arguments: object) -> list[dict]:
    """Return the hits of `engine query --json`."""
    ran = engine("query", "--json", *arguments)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in ran.out.splitlines()]


def test_a_flag_wins_over_the_environment_over_the_file_over_the_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of four settings comes from the nearest place that names it."""
    file = tmp_path / "engine.toml"
    file.write_text('store = "file"\npoll_s = 3\ngrace_s = 4\nwaiting_limit = 5\n')
    monkeypatch.setenv("DIPTYCH_GRACE_S", "40")
    monkeypatch.setenv("DIPTYCH_WAITING_LIMIT", "50")
    settings = load({"waiting_limit": 500, "address": None}, file)
    assert (settings.store, settings.poll_s, settings.grace_s, settings.waiting_limit) == (Path("file"), 3, 40, 500)
    assert settings.address == Settings.model_fields["address"].default


def test_print_config_shows_what_it_reads_back(tmp_path: Path) -> None:
    """`serve --print-config` prints TOML of every setting, from which the same settings are read."""
    ran = engine("serve", "--store", tmp_path / 'a "b"', "--poll-s", "0.5", "--print-config")
    assert ran.code == 0
    file = tmp_path / "printed.toml"
    file.write_text(ran.out)
    settings = load({}, file)
    assert (settings.store, settings.poll_s) == (tmp_path / 'a "b"', 0.5)
    assert render(settings) == ran.out
    assert set(Settings.model_fields) == {line.partition(" =")[0] for line in ran.out.splitlines()}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('adress = "x"', "unknown setting 'adress'; did you mean address?"),
        ("zzz = 1", "unknown setting 'zzz'; expected one of store, address"),
        ("store =", "expected TOML, got"),
        ('store = "s"\npoll_s = "often"', "poll_s: Input should be a valid number, .*, got 'often'"),
        ('store = "s"\nsearch_threads = 0', "search_threads: Input should be greater than or equal to 1, got 0"),
        ("poll_s = 1", "expected a store: --store, DIPTYCH_STORE or `store` in a file, got none"),
    ],
)
def test_a_setting_without_meaning_is_refused(tmp_path: Path, text: str, message: str) -> None:
    """The message names the setting, and the nearest one if it is unknown."""
    file = tmp_path / "engine.toml"
    file.write_text(text)
    with pytest.raises(InvalidSetting, match=message):
        load({}, file)


def test_a_store_is_asked_in_this_process_as_a_server_is(goods: Path, server: Running) -> None:
    """--store and --address give the same hits, contributions and payloads, in JSON lines."""
    picture = goods.parent / "red-mug.png"
    asked = ("red mug", "--image", picture, "--weight", "text=0.5", "--modality", "image=0.7", "--modality", "text=0.3")
    asked += ("--boost", "rating=0.2", "--limit", "5", "--explain")
    here, there = hits(*asked, "--store", goods), hits(*asked, "--address", server.target)
    assert [hit["item_id"] for hit in here] == [hit["item_id"] for hit in there]
    assert [hit["rank"] for hit in here] == [1, 2, 3, 4, 5]
    for one, other in zip(here, there, strict=True):
        assert one["payload"] == other["payload"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)
        assert sum(one["contributions"].values()) == pytest.approx(one["score"], abs=1e-3)
    assert set(here[0]["contributions"]) == {"image", "text", "boost:rating"}


def test_an_item_is_like_itself(goods: Path) -> None:
    """--item needs no model, and finds the item first; --missing drop leaves out what has no picture."""
    found = hits("--item", "blue-chair", "--store", goods, "--limit", "24")
    assert (found[0]["item_id"], found[0]["payload"]["title"]) == ("blue-chair", "blue chair")
    assert len(found) == 24
    assert len(hits("--like", "blue-chair", "--store", goods, "--limit", "24", "--missing", "drop")) == 20


def test_a_table_is_for_people(goods: Path) -> None:
    """Without --json the hits are a table on stdout; how they were found is on stderr."""
    ran = engine("query", "--item", "blue-chair", "--store", goods, "--limit", "2", "--explain")
    lines = ran.out.splitlines()
    assert ran.code == 0
    head = next(line for line in lines if "item_id" in line)
    assert head.split() == ["rank", "score", "item_id", "title", "category", "price", "image", "contributions"]
    assert "blue-chair.png" in ran.out
    assert "2 hits from snapshot" in ran.err


def test_weights_are_for_parts_in_order(goods: Path) -> None:
    """One weight of a kind is for all its parts, several are for one each; other counts are refused."""
    both = hits(
        "--item", "red-mug", "--item", "blue-lamp", "--weight", "item=1", "--weight", "item=0", "--store", goods
    )
    assert [hit["item_id"] for hit in both] == [hit["item_id"] for hit in hits("--item", "red-mug", "--store", goods)]
    ran = engine("query", "--item", "red-mug", "--weight", "text=1", "--store", goods)
    assert (ran.code, "expected 1 weight of text or one for each of 0, got 1" in ran.err) == (1, True)
    assert to_weights(["a=b=0.5", "c=-1"], "--weight") == [("a=b", 0.5), ("c", -1.0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query"], "expected words, --text, --image or --item"),
        (["query", "a", "--store", "s", "--address", "b"], "expected one of --store and --address"),
        (["query", "a", "--missing", "never"], "renormalize, neutral, drop"),
        (["query", "a", "--boost", "rating"], "expected NAME=NUMBER, got 'rating'"),
        (["query", "a", "--modality", "image=much"], "expected NAME=NUMBER, got 'image=much'"),
        (["query", "a", "--limit", "0"], "--limit"),
        (["serve", "--poll-s", "often"], "--poll-s"),
        (["fly"], "fly"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], message: str) -> None:
    """What cannot be meant is told with exit code 2."""
    ran = engine(*arguments)
    assert ran.code == 2
    assert message in " ".join(ran.err.replace("│", " ").split())


def test_what_fails_exits_with_1(tmp_path: Path, goods: Path, server: Running) -> None:
    """An unknown item, a missing picture, an empty store and a server's refusal are one line each on stderr."""
    for arguments, message in (
        (["--item", "none", "--store", goods], "no item 'none'"),
        (["--image", tmp_path / "none.png", "--store", goods], "none.png"),
        (["words", "--store", tmp_path], "expected a published snapshot"),
        (["--item", "none", "--address", server.target], "NOT_FOUND: no item 'none'"),
        (["words", "--boost", "margin=1", "--address", server.target], "INVALID_ARGUMENT: boosts[0].field: unknown"),
    ):
        ran = engine("query", *arguments)
        assert (ran.code, ran.out, len(ran.err.splitlines())) == (1, "", 1), ran.err
        assert message in ran.err


def test_doctor_tells_of_libraries_and_store(goods: Path, tmp_path: Path) -> None:
    """All is well with a whole store; with a damaged one the file is named, and the exit code is 1."""
    ran = engine("doctor", "--store", goods)
    assert (ran.code, "24 items" in ran.out) == (0, True), ran.out
    ran = engine("doctor", "--store", tmp_path, "--json")
    findings = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 1
    assert [finding["what"] for finding in findings if not finding["fine"]] == [f"store {tmp_path}"]
    assert Store(goods).current() is not None
