"""Profiles as they are asked for: of a real server, and on the command line."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.events.event import EventType
from engine.profiles.profile import Affinity, LabelledInterest, PriceBand, Profile, Segment
from engine.profiles.profile_json import to_json
from engine.server.codec.profile_messages import to_line, to_response
from engine.v1 import catalog_pb2, query_pb2, recommendation_pb2, recommendation_pb2_grpc
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import clustered, write_parquet
from tests.support.cli import engine, indexer, printed
from tests.support.segment_shop import NOW_S, item_id
from tests.support.servers import Running, copy_store, refusal, running

GARDENER, UNKNOWN = "shopper-00", "nobody-at-all"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, segment_shop: Path) -> Path:
    """A copy of the segment shop's store, to change."""
    return copy_store(segment_shop, tmp_path_factory.mktemp("profiling"))


@pytest.fixture(scope="module")
def server(shop: Path) -> Iterator[Running]:
    """A server over it."""
    with running(shop) as started:
        yield started


def stub(server: Running) -> recommendation_pb2_grpc.RecommendationServiceStub:
    return recommendation_pb2_grpc.RecommendationServiceStub(server.channel)


def ask(server: Running, user_id: str) -> recommendation_pb2.Profile:
    request = recommendation_pb2.GetProfileRequest(user_id=user_id)
    return stub(server).GetProfile(request, timeout=30).profile


shares = st.floats(0, 1, width=64)
prices = st.floats(0, 1e6)


@given(
    st.builds(
        Profile,
        st.text(min_size=1),
        st.dictionaries(st.sampled_from(EventType), st.integers(1, 1000), min_size=1),
        st.floats(0, 4e9),
        st.floats(0, 4e9),
        st.floats(0, 100),
        st.lists(st.builds(LabelledInterest, st.text(), shares, st.lists(st.text(min_size=1)).map(tuple))).map(tuple),
        st.lists(st.builds(Affinity, st.text(min_size=1), st.text(), shares, st.floats(0, 1e3))).map(tuple),
        st.none() | st.builds(PriceBand, st.text(min_size=1), prices, prices, prices, shares),
        st.none() | st.builds(Segment, st.text(min_size=1), st.text(min_size=1), shares),
        st.text(min_size=1),
    )
)
def test_an_exported_profile_equals_that_of_the_server(profile: Profile) -> None:
    """`indexer profiles export` needs no protobuf, and writes the same JSON; only a map has no order in protobuf."""
    exported, served = to_json(profile), to_line(to_response(profile).profile)
    assert [*exported] == [*served]
    assert exported == served


def test_a_profile_tells_what_the_contract_promises(server: Running) -> None:
    """Interests sum to 1, the strongest preference is above others', quartiles rise, and all of it is set."""
    profile = ask(server, GARDENER)
    assert (profile.user_id, profile.event_count, dict(profile.event_counts)) == (GARDENER, 8, {"purchase": 8})
    assert sum(one.share for one in profile.interests) == pytest.approx(1.0)
    assert all("garden" in one.label for one in profile.interests)
    assert {one.value.string_value: one.lift > 1 for one in profile.affinities}["garden"]
    assert profile.price_band.low <= profile.price_band.median <= profile.price_band.high <= 100
    assert "garden" in profile.segment.name.lower()
    assert "garden" in profile.summary
    assert NOW_S - profile.last_event_time.ToMicroseconds() / 1e6 == pytest.approx(200 * 86_400)
    assert NOW_S - profile.first_event_time.ToMicroseconds() / 1e6 == pytest.approx(207 * 86_400)


def test_nobody_has_no_profile(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    """NOT_FOUND names the field, and nowhere whom: neither to the caller nor in the log."""
    with caplog.at_level(logging.DEBUG):
        refused = refusal(stub(server).GetProfile, recommendation_pb2.GetProfileRequest(user_id=UNKNOWN))
    assert refused.code is grpc.StatusCode.NOT_FOUND
    assert refused.fields == ["user_id"]
    assert UNKNOWN not in refused.message
    assert UNKNOWN not in caplog.text


def test_an_empty_request_is_refused(server: Running) -> None:
    refused = refusal(stub(server).GetProfile, recommendation_pb2.GetProfileRequest())
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["user_id"])


def test_what_happens_is_in_the_profile_at_once(server: Running) -> None:
    """One who came after the build: nothing, then a profile with a segment, then nothing again."""
    asked = recommendation_pb2.GetProfileRequest(user_id="fresh")
    assert refusal(stub(server).GetProfile, asked).code is grpc.StatusCode.NOT_FOUND
    request = recommendation_pb2.RecordEventsRequest()
    for number in range(3):
        event = request.events.add(event_id=f"e{number}", user_id="fresh", item_id=item_id("toys", 12 + number))
        event.type = recommendation_pb2.Event.TYPE_PURCHASE
        event.time.FromSeconds(int(NOW_S))
    stub(server).RecordEvents(request)
    profile = ask(server, "fresh")
    assert profile.event_count == 3
    assert "toys" in profile.segment.name.lower()
    assert stub(server).EraseUser(recommendation_pb2.EraseUserRequest(user_id="fresh")).erased_event_count == 3
    assert refusal(stub(server).GetProfile, asked).code is grpc.StatusCode.NOT_FOUND


def test_a_live_item_counts_in_a_profile(server: Running) -> None:
    """An item that the build never saw, bought after it was added to the running server."""
    vectors = {block: query_pb2.Vector(values=[1.0] + [0.0] * 15) for block in ("image", "text")}
    item = catalog_pb2.UpsertItemsRequest.NewItem(item_id="robot", vectors=vectors)
    item.payload.update({"category": "robots", "title": "a robot", "price": 99.0})
    server.catalog.UpsertItems(catalog_pb2.UpsertItemsRequest(items=[item]), timeout=30)
    request = recommendation_pb2.RecordEventsRequest()
    event = request.events.add(event_id="r", user_id="roboticist", item_id="robot")
    event.type = recommendation_pb2.Event.TYPE_PURCHASE
    event.time.FromSeconds(int(NOW_S))
    stub(server).RecordEvents(request)
    profile = ask(server, "roboticist")
    assert [(one.label, list(one.item_ids)) for one in profile.interests] == [("robots", ["robot"])]
    assert profile.price_band.median == 99
    stub(server).EraseUser(recommendation_pb2.EraseUserRequest(user_id="roboticist"))


def test_store_and_server_tell_the_same(shop: Path, server: Running) -> None:
    """Counts are numbers in JSON."""
    of_store = json.loads(printed(engine, "profile", GARDENER, "--store", shop, "--json"))
    assert of_store == json.loads(printed(engine, "profile", GARDENER, "--address", server.target, "--json"))
    assert of_store["event_count"] == 8
    assert of_store["event_counts"] == {"purchase": 8}


def test_a_person_reads_a_profile(shop: Path) -> None:
    """The summary, the segment, interests and preferences."""
    shown = printed(engine, "profile", GARDENER, "--store", shop)
    for words in (GARDENER, "Segment: ", "interest", "garden", "vs. all shoppers"):
        assert words in shown


def test_all_profiles_and_a_picture_are_exported(shop: Path, tmp_path: Path) -> None:
    """A line for each shopper by id, the same as one asked for alone, and a picture that opens."""
    out, picture = tmp_path / "profiles.jsonl", tmp_path / "segments.png"
    ran = indexer("profiles", "export", "--store", shop, "--out", out, "--picture", picture, "--json")
    assert ran.code == 0, ran.err
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    assert [line["user_id"] for line in lines] == [f"shopper-{number:02d}" for number in range(45)]
    assert lines[0] == json.loads(printed(engine, "profile", GARDENER, "--store", shop, "--json"))
    told = json.loads(ran.out)
    assert told["profiles"] == 45
    assert sum(segment["share"] for segment in told["segments"]) == pytest.approx(1.0)
    with Image.open(picture) as opened:
        assert opened.width > 800


def test_without_a_file_profiles_go_to_stdout(shop: Path) -> None:
    ran = indexer("profiles", "export", "--store", shop)
    assert ran.code == 0
    assert len([json.loads(line) for line in ran.out.splitlines()]) == 45


def test_a_store_without_events_has_no_profiles(tmp_path: Path) -> None:
    """And is told how to get some; JSON of a summary needs a file for the profiles."""
    build(BuildConfig(write_parquet(tmp_path / "c.parquet", clustered(60)), tmp_path / "store"), no_progress)
    ran = indexer("profiles", "export", "--store", tmp_path / "store")
    assert ran.code == 1
    assert "indexer events import" in ran.err
    assert indexer("profiles", "export", "--store", tmp_path / "store", "--json").code == 2
