"""The `engine` command: its settings, its queries of a store and of a server, and its exit codes."""

import json
import shutil
from pathlib import Path

import pytest
from google.protobuf.field_mask_pb2 import FieldMask
from typer.main import get_command

from engine.cli import app
from engine.cli.hit_output import print_tables
from engine.cli.option_values import to_boosts, to_names, to_pins, to_weights
from engine.cli.query_request import SearchOptions, to_request
from engine.errors import InvalidSetting
from engine.search.depth_planner import headroom
from engine.server.settings import ServerSettings, load, render
from engine.snapshot.manifest import PointRecord
from engine.snapshot.store import Store
from engine.v1 import query_pb2, search_pb2
from indexer.build.publish import draft, file_records, seal
from tests.support.cli import engine
from tests.support.servers import ROWS, Running

pytestmark = pytest.mark.long


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
    assert settings.address == ServerSettings.model_fields["address"].default


def test_each_setting_but_the_secret_is_a_flag_of_serve() -> None:
    """The flags and their help are those of ServerSettings."""
    options = {name: option for option in get_command(app).commands["serve"].params for name in option.opts}
    for name, field in ServerSettings.model_fields.items():
        flag = f"--{name.replace('_', '-')}"
        assert (flag in options) == (name != "writer_key")
        assert name == "writer_key" or options[flag].help == field.description


def test_print_config_shows_what_it_reads_back(tmp_path: Path) -> None:
    """`serve --print-config` prints TOML of every setting but the secret, from which the same settings are read."""
    ran = engine("serve", "--store", tmp_path / 'a "b"', "--poll-s", "0.5", "--print-config")
    assert ran.code == 0
    file = tmp_path / "printed.toml"
    file.write_text(ran.out)
    settings = load({}, file)
    assert (settings.store, settings.poll_s) == (tmp_path / 'a "b"', 0.5)
    assert render(settings) == ran.out
    assert set(ServerSettings.model_fields) - {"writer_key"} == {
        line.partition(" =")[0] for line in ran.out.splitlines()
    }


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


def test_a_store_is_asked_in_this_process_as_a_server_is(goods: Path, goods_server: Running) -> None:
    """--store and --address give the same hits, contributions and payloads, in JSON lines."""
    picture = goods.parent / "red-mug.png"
    asked = ("red mug", "--image", picture, "--weight", "text=0.5", "--modality", "image=0.7", "--modality", "text=0.3")
    asked += ("--boost", "rating=0.2", "--limit", "5", "--explain")
    here, there = hits(*asked, "--store", goods), hits(*asked, "--address", goods_server.target)
    assert [hit["item_id"] for hit in here] == [hit["item_id"] for hit in there]
    assert [hit["rank"] for hit in here] == [1, 2, 3, 4, 5]
    for one, other in zip(here, there, strict=True):
        assert one["payload"] == other["payload"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)
        assert sum(one["contributions"].values()) == pytest.approx(one["score"], abs=1e-3)
    assert set(here[0]["contributions"]) == {"image", "text", "lexical", "boost:rating"}


def test_an_item_is_like_itself(goods: Path) -> None:
    """--item needs no model, and finds the item first; --missing drop leaves out what has no picture."""
    found = hits("--item", "blue-chair", "--store", goods, "--limit", "24")
    assert (found[0]["item_id"], found[0]["payload"]["title"]) == ("blue-chair", "blue chair")
    assert len(found) == 24
    assert len(hits("--like", "blue-chair", "--store", goods, "--limit", "24", "--missing", "drop")) == 20


def test_every_option_stands_in_the_request() -> None:
    """Boosts of each shape, pins by rank, diversity, facets, pages, budget and fields become fields of the contract."""
    boosts = to_boosts(["rating=0.3", "price:log1p=-0.1", "year:exp_decay(2026, 5)=2", "a:b:linear=1"])
    wishes = SearchOptions(
        modality_weights={"image": 0.5},
        boosts=boosts,
        pins=list(to_pins(["red-mug@1", "a@b@3"])),
        facets=["category"],
        exclude=frozenset({"blue-chair"}),
        fields=to_names("title, attributes.color", "--fields"),
        missing="drop",
        filter="price < 5",
        diversity=0.0,
        collapse_by="brand",
        min_score=0.0,
        recall_target=0.9,
        budget_ms=2.5,
        limit=7,
        page_token="next",
        explain=True,
    )
    expected = search_pb2.SearchRequest(
        parts=[query_pb2.QueryPart(text="red", weight=0.5)],
        modality_weights={"image": 0.5},
        missing_modality="MISSING_MODALITY_DROP",
        filter="price < 5",
        boosts=[
            query_pb2.Boost(field="rating", weight=0.3, shape="SHAPE_LINEAR"),
            query_pb2.Boost(field="price", weight=-0.1, shape="SHAPE_LOG1P"),
            query_pb2.Boost(field="year", weight=2, shape="SHAPE_EXP_DECAY", origin=2026, scale=5),
            query_pb2.Boost(field="a:b", weight=1, shape="SHAPE_LINEAR"),
        ],
        pins=[query_pb2.Pin(item_id="red-mug", position=0), query_pb2.Pin(item_id="a@b", position=2)],
        diversity=query_pb2.Diversity(**{"lambda": 0.0}),
        collapse_by="brand",
        facets=["category"],
        exclude_item_ids=["blue-chair"],
        min_score=0.0,
        page_size=7,
        page_token="next",
        recall_target=0.9,
        explain=True,
        read_mask=FieldMask(paths=["payload.title", "payload.attributes.color"]),
        budget_ms=2.5,
    )
    request = to_request(["red"], [], [], [("text", 0.5)], wishes)
    assert request == expected
    assert {field.name for field, _ in request.ListFields()} == set(search_pb2.SearchRequest.DESCRIPTOR.fields_by_name)


def test_what_is_not_asked_is_not_in_the_request() -> None:
    """A query of words alone sets the words, the policy and the page's size."""
    request = to_request(["red"], [], [], [], SearchOptions(modality_weights={}))
    assert {field.name for field, _ in request.ListFields()} == {"parts", "missing_modality", "page_size"}


@pytest.fixture(params=["store", "server"])
def asked_of(request: pytest.FixtureRequest, goods: Path, goods_server: Running) -> tuple[str, object]:
    """The option that asks the store in this process, and the one that asks a server."""
    return ("--store", goods) if request.param == "store" else ("--address", goods_server.target)


def test_a_filter_leaves_only_what_passes_it(asked_of: tuple[str, object]) -> None:
    """All hits pass it; one that cannot be read is told by its field."""
    found = hits("--item", "blue-chair", "--filter", 'category = "mug" AND price < 20', "--limit", "24", *asked_of)
    assert [hit["payload"]["category"] for hit in found] == ["mug"] * 3
    ran = engine("query", "--item", "blue-chair", "--filter", "price <", *asked_of)
    assert (ran.code, "filter: " in ran.err) == (1, True)


def test_boosts_alone_rank_everything(asked_of: tuple[str, object]) -> None:
    """The dearest come first by price:log1p, the nearest to 20 first by exp_decay; words are not needed."""
    found = hits("--boost", "price:log1p=1", "--limit", "3", *asked_of)
    assert [hit["payload"]["price"] for hit in found] == [33.0, 32.0, 31.0]
    found = hits("--boost", "price:exp_decay(20,1)=1", "--limit", "1", *asked_of)
    assert found[0]["payload"]["price"] == 20.0
    assert found[0]["score"] == pytest.approx(1.0)


def test_pins_stand_at_their_rank_and_pages_follow_each_other(asked_of: tuple[str, object]) -> None:
    """--pin X@2 is the second hit; the token on stderr gives the next page, until there is none."""
    asked = ("--json", "--item", "blue-chair", "--pin", "white-lamp@2", "--limit", "10", *asked_of)
    seen: list[str] = []
    page: tuple[str, ...] = ()
    for _ in range(3):
        ran = engine("query", *asked, *page)
        assert ran.code == 0, ran.err
        seen += [json.loads(line)["item_id"] for line in ran.out.splitlines()]
        page = tuple(ran.err.strip().removeprefix("next page: ").split())
    assert page == ()
    assert seen[1] == "white-lamp"
    assert sorted(seen) == sorted(row["item_id"] for row in ROWS)


def test_facets_and_groups_are_told(asked_of: tuple[str, object]) -> None:
    """Each group has one hit that tells its size; a facet is a JSON line after the hits, and a table for people."""
    asked = ("query", "--item", "blue-chair", "--collapse-by", "category", "--facet", "category", *asked_of)
    ran = engine(*asked, "--json")
    *found, facet = [json.loads(line) for line in ran.out.splitlines()]
    assert sorted(hit["payload"]["category"] for hit in found) == ["chair", "lamp", "mug", "shoe"]
    assert {hit["group_size"] for hit in found} == {6}
    values = [{"value": name, "count": 6} for name in ("chair", "lamp", "mug", "shoe")]
    assert facet == {"facet": "category", "values": values}
    lines = [line.split() for line in engine(*asked).out.splitlines()]
    assert ["rank", "score", "item_id", "group", "title", "category", "price", "image"] in lines
    assert ["category", "count"] in lines
    assert ["lamp", "6"] in lines


def test_only_the_fields_asked_are_shown(asked_of: tuple[str, object]) -> None:
    """--fields cuts the payload, and makes the columns of the table."""
    asked = ("--item", "blue-chair", "--fields", "rating,title", "--limit", "1", *asked_of)
    assert set(hits(*asked)[0]["payload"]) == {"rating", "title"}
    head = next(line for line in engine("query", *asked).out.splitlines() if "item_id" in line)
    assert head.split() == ["rank", "score", "item_id", "rating", "title"]


def test_diversity_min_score_and_budget_are_answered(asked_of: tuple[str, object]) -> None:
    """Variety keeps the best hit first and changes the rest; no hit is below the least score."""
    plain = hits("--item", "blue-chair", "--limit", "24", *asked_of)
    varied = hits("--item", "blue-chair", "--limit", "24", "--diversity", "0.1", *asked_of)
    assert varied[0]["item_id"] == plain[0]["item_id"]
    assert [hit["item_id"] for hit in varied] != [hit["item_id"] for hit in plain]
    least = plain[5]["score"]
    assert len(hits("--item", "blue-chair", "--limit", "24", "--min-score", least - 1e-4, *asked_of)) == 6
    assert hits("--item", "blue-chair", "--budget-ms", "1000", *asked_of)[0]["item_id"] == "blue-chair"


def test_a_long_facet_is_cut_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees the ten commonest values and how many more there are; what no item has is (none)."""
    response = search_pb2.SearchResponse(snapshot="s")
    facet = response.facets.add(field="attributes.size")
    facet.values.add(count=9).value.null_value = 0
    for number in range(13):
        facet.values.add(count=1).value.number_value = number
    print_tables(response)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["attributes.size", "count"] in lines
    assert ["(none)", "9"] in lines
    assert ["8", "1"] in lines
    assert ["9", "1"] not in lines
    assert ["…", "and", "4", "more"] in lines


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
    assert (ran.code, "expected 1 weight of text or one for each of 0, got 1" in ran.err) == (2, True)
    assert to_weights(["a=b=0.5", "c=-1"], "--weight") == [("a=b", 0.5), ("c", -1.0)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["query"], "expected words, --text, --image, --item, --user or --boost"),
        (["query", "a", "--store", "s", "--address", "b"], "expected one of --store and --address"),
        (["query", "a", "--missing", "never"], "renormalize, neutral, drop"),
        (["query", "a", "--boost", "rating"], "FIELD:exp_decay(ORIGIN,SCALE)=W, got 'rating'"),
        (["query", "a", "--boost", "rating:log=1"], "got 'rating:log=1'"),
        (["query", "a", "--boost", "x:exp_decay(1)=1"], "got 'x:exp_decay(1)=1'"),
        (["query", "a", "--boost", "x:exp_decay(1,a)=1"], "got 'x:exp_decay(1,a)=1'"),
        (["query", "a", "--boost", "x:exp_decay(1,0)=1"], "expected a SCALE above 0"),
        (["query", "a", "--boost", ":log1p=1"], "got ':log1p=1'"),
        (["query", "a", "--pin", "red-mug"], "expected ITEM@RANK"),
        (["query", "a", "--pin", "red-mug@0"], "a rank from 1 to 1000, got 'red-mug@0'"),
        (["query", "a", "--pin", "@1"], "expected ITEM@RANK"),
        (["query", "a", "--fields", "title,,price"], "expected names with commas between them"),
        (["query", "a", "--diversity", "1.5"], "--diversity"),
        (["query", "a", "--weight", "item=1"], "expected 1 weight of item or one for each of 0, got 1"),
        (["query", "a", "--modality", "image=much"], "expected NAME=NUMBER, got 'image=much'"),
        (["query", "a", "--limit", "0"], "--limit"),
        (["serve", "--poll-s", "often"], "--poll-s"),
        (["serve", "--store", "s", "--poll-s", "0"], "poll_s: Input should be greater than 0, got 0"),
        (["serve", "--store", "s", "--device", "abacus"], "device: Value error, expected cpu, cuda or module:Class"),
        (["serve", "--store", "s", "--metrics-address", "9090"], "expected HOST:PORT, got '9090'"),
        (["serve", "--store", "s", "--recall-sample", "2"], "recall_sample: Input should be less than or equal to 1"),
        (["serve", "--store", "s", "--config", "none.toml"], "none.toml: expected a file of settings"),
        (["fly"], "fly"),
    ],
)
def test_wrong_usage_exits_with_2(arguments: list[str], message: str) -> None:
    """What cannot be meant is told with exit code 2."""
    ran = engine(*arguments)
    assert ran.code == 2
    assert message in " ".join(ran.err.replace("│", " ").split())


def test_what_fails_exits_with_1(tmp_path: Path, goods: Path, goods_server: Running) -> None:
    """An unknown item, a missing picture, an empty store and a server's refusal are one line each on stderr."""
    for arguments, message in (
        (["--item", "none", "--store", goods], "no item 'none'"),
        (["--image", tmp_path / "none.png", "--store", goods], "none.png"),
        (["words", "--store", tmp_path], "expected a published snapshot"),
        (["--item", "none", "--address", goods_server.target], "NOT_FOUND: parts[0].item_id: no item 'none'"),
        (
            ["words", "--boost", "margin=1", "--address", goods_server.target],
            "INVALID_ARGUMENT: boosts[0].field: unknown",
        ),
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


def test_doctor_tells_of_classes_that_no_depth_serves(goods: Path, tmp_path: Path) -> None:
    """Where the deepest search misses the target, every query of the class is exact, and the doctor says so."""
    store = Store(tmp_path)
    manifest = Store(goods).manifest(Store(goods).current())
    measured = [("single", 8, 0.97), ("single", 16, 0.985), ("agreeing", 8, 0.999), ("single", 0, 1.0)]
    points = tuple(
        PointRecord(query_class=name, nprobe=nprobe, k_factor=min(nprobe, 4), recall=recall, microseconds=100 + nprobe)
        for name, nprobe, recall in measured
    )
    store.snapshots.mkdir()
    with draft(store) as written:
        files = Store(goods).directory(manifest.snapshot)
        shutil.copytree(files, written.directory, dirs_exist_ok=True)
        changed = {"snapshot": written.name, "operating_points": points, "files": file_records(written.directory)}
        seal(store, written, manifest.model_copy(update=changed))
    store.activate(store.names()[0])
    ran = engine("doctor", "--store", tmp_path)
    assert ran.code == 0, ran.out
    required = f"expected recall@10 of at least {headroom(manifest.recall_target):.3f}"
    assert f"single queries are answered exactly: {required}, the deepest search of the index reaches 0.985" in ran.out
    assert "agreeing queries" not in ran.out
