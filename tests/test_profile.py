"""Profiles of shoppers of a small shop: what is said of them, and that it is right."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.columns import Columns, write_columns
from engine.columns.field_roles import FieldRoles, choose_fields
from engine.events.event import Event, EventType
from engine.events.event_log import open_event_log, open_or_create_event_log
from engine.profiles.label import label_products, title_words
from engine.profiles.population import Population, open_population
from engine.profiles.product_facts import ProductFacts
from engine.profiles.profile import Profile
from engine.profiles.profile_builder import build_profile, load_profile
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from tests.support.segment_shop import CATEGORIES, NOW_S, build_shop, event, item_id

VIEW, PURCHASE, RETURN = EventType.VIEW, EventType.PURCHASE, EventType.RETURN


class Shop:
    """A built shop, to ask for profiles."""

    def __init__(self, root: Path) -> None:
        self.root = build_shop(root)
        store = Store(self.root)
        self.view = ReadView(open_snapshot(store, store.current() or ""))
        self.usual: Population = open_population(self.view.snapshot)

    def profile(self, events: Sequence[Event]) -> Profile:
        """Return the profile that these events make."""
        return build_profile(events, self.view, self.usual, NOW_S)

    def known(self, user_id: str) -> Profile:
        """Return the profile of a shopper whom the build knew."""
        log = open_event_log(self.root)
        assert log is not None
        with log:
            return self.profile(log.history(user_id))


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return Shop(tmp_path_factory.mktemp("shop"))


def test_interests_are_told_by_what_they_have_in_common(shop: Shop) -> None:
    """Six garden things and two toys are two interests; three quarters of what newly weighs the same are garden."""
    events = [event("x", item_id("garden", number)) for number in range(6)]
    events += [event("x", item_id("toys", number)) for number in (0, 1)]
    garden, toys = shop.profile(events).interests
    assert (garden.label, toys.label) == ("garden", "toys")
    assert garden.share == pytest.approx(0.75)
    assert set(toys.item_ids) == {item_id("toys", 0), item_id("toys", 1)}


def test_newer_events_count_more(shop: Shop) -> None:
    """The same number of toys lately and of garden things a year ago: toys are the stronger interest."""
    events = [event("x", item_id("garden", number), days_ago=365) for number in range(4)]
    events += [event("x", item_id("toys", number)) for number in range(4)]
    toys, garden = shop.profile(events).interests
    assert toys.label == "toys"
    assert toys.share > 0.6
    assert toys.share + garden.share == pytest.approx(1.0)


def test_what_was_sent_back_is_no_interest(shop: Shop) -> None:
    """Toys bought and sent back the same day leave the garden."""
    events = [event("x", item_id("garden", number)) for number in range(4)]
    for number in range(4):
        events += [event("x", item_id("toys", number)), event("x", item_id("toys", number), RETURN)]
    assert [one.label for one in shop.profile(events).interests] == ["garden"]


def test_affinities_are_shares_against_all_shoppers(shop: Shop) -> None:
    """All of it is garden, which is shares of a purchase of 1 and a view of .1 among 15 shoppers of each kind."""
    found = {
        (one.field, one.value): one
        for one in shop.profile([event("x", item_id("garden", 2 * number)) for number in range(6)]).affinities
    }
    worths = {"garden": 15 * 8, "kitchen": 15 * (1 + 7 * 0.1), "toys": 15 * 8 + 0.1}
    garden = found["category", "garden"]
    assert garden.share == pytest.approx(1.0)
    assert garden.lift == pytest.approx(sum(worths.values()) / worths["garden"], rel=1e-6)
    assert found["brand", "Alder"].share == pytest.approx(1.0)
    assert ("category", "toys") not in found


def test_one_of_a_brand_is_no_preference(shop: Shop) -> None:
    """A single thing says nothing yet."""
    assert shop.profile([event("x", item_id("garden", 0))]).affinities == ()


def test_the_price_band_is_of_what_was_bought(shop: Shop) -> None:
    """10, 20, 30 and 40 have quartiles 17.5, 25 and 32.5; two of sixty items cost less than 25. A view counts not."""
    events = [event("x", item_id("garden", number)) for number in range(4)]
    band = shop.profile([*events, event("x", item_id("toys", 19), VIEW)]).price_band
    assert band is not None
    assert (band.field, band.low, band.median, band.high) == ("price", 17.5, 25.0, 32.5)
    assert band.percentile == pytest.approx(2 / 60)


def test_who_bought_nothing_has_no_price_band(shop: Shop) -> None:
    assert shop.profile([event("x", item_id("toys", 1), VIEW)]).price_band is None


def test_counts_and_times_are_those_of_the_events(shop: Shop) -> None:
    events = [
        event("x", item_id("toys", 1), VIEW, 3),
        event("x", item_id("toys", 1), PURCHASE, 2),
        event("x", "gone", VIEW, 9),
    ]
    profile = shop.profile(events)
    assert profile.event_counts == {VIEW: 2, PURCHASE: 1}
    assert profile.event_count == 3
    assert (NOW_S - profile.first_s, NOW_S - profile.last_s) == (9 * 86_400, 2 * 86_400)


def test_of_a_long_history_the_newest_is_profiled_and_all_counted(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of eight events two are looked at: the older six, all of the garden, only count."""
    monkeypatch.setattr("engine.profiles.profile_builder.MAX_EVENTS", 2)
    events = [event("x", item_id("garden", number), VIEW, 100 + number) for number in range(6)]
    events += [event("x", item_id("toys", number), PURCHASE, number) for number in (0, 1)]
    with open_or_create_event_log(tmp_path) as log:
        log.record(events)
        profile = load_profile(log, "x", shop.view, shop.usual, NOW_S)
    assert profile is not None
    assert [one.label for one in profile.interests] == ["toys"]
    assert profile.event_counts == {VIEW: 6, PURCHASE: 2}
    assert (NOW_S - profile.first_s, NOW_S - profile.last_s) == (105 * 86_400, 0)


def test_items_that_are_gone_leave_a_profile(shop: Shop) -> None:
    """Of somebody who took only what the snapshot has not, there are counts and a summary, and no interests."""
    profile = shop.profile([event("x", "gone"), event("x", "lost", VIEW, 4)])
    assert (profile.interests, profile.affinities, profile.price_band) == ((), (), None)
    assert profile.summary == "1 purchase and 1 view; last active on the newest day."


@pytest.mark.parametrize("days_ago", [-3650.0, 18_000.0])
def test_one_event_of_a_wrong_clock_moves_no_profile(shop: Shop, days_ago: float) -> None:
    """Ten years ahead or of 1974: segment, recency, interests and the price band are as without it."""
    history = [event("x", item_id("garden", number), days_ago=12 + number) for number in range(8)]
    right = shop.profile([*history, event("x", item_id("garden", 9), VIEW, 12)])
    wrong = shop.profile([*history, event("x", item_id("garden", 9), VIEW, days_ago)])
    assert wrong.last_days == right.last_days
    assert wrong.segment == right.segment
    assert wrong.price_band == right.price_band
    assert [one.label for one in wrong.interests] == [one.label for one in right.interests]
    assert [one.share for one in wrong.interests] == pytest.approx([one.share for one in right.interests], abs=0.05)
    assert wrong.affinities == right.affinities


def test_the_summary_says_it_in_words(shop: Shop) -> None:
    events = [event("x", item_id("garden", number), days_ago=12) for number in (0, 4, 8)]
    assert shop.profile(events).summary == (
        "Main interests: red garden by Alder (100% of their activity). Usually pays 30 to 70 per item (median 50); "
        "7% of the shop's items cost less. 3 purchases; last active 12 days before the shop's newest events."
    )


@pytest.mark.parametrize("place", range(3))
def test_a_shopper_is_in_the_segment_of_their_like(shop: Shop, place: int) -> None:
    """Fifteen shoppers took nothing but one category: all are in one segment, and it is named after it."""
    names = {shop.known(f"shopper-{shopper:02d}").segment for shopper in range(place, 45, 3)}
    assert len(names) == 1
    (segment,) = names
    assert segment is not None
    assert CATEGORIES[place] in segment.name.lower()
    assert segment.share == pytest.approx(1 / 3)


def test_a_new_shopper_gets_a_segment_from_few_events(shop: Shop) -> None:
    """One who came after the build, and took three toys."""
    segment = shop.profile([event("new", item_id("toys", number)) for number in (11, 12, 13)]).segment
    assert segment is not None
    assert "toys" in segment.name.lower()


def test_fields_are_chosen_by_what_is_in_them(tmp_path: Path) -> None:
    """Few and short values tell; ids, sizes, texts that differ everywhere and rare fields do not."""
    rows = [
        {
            "title": f"thing {number}",
            "department": "all",
            "product_type": "abcd"[number % 4],
            "category": "xy"[number % 2],
            "Brand": "pqrs"[number % 4],
            "base_colour": "red" if number % 3 else "blue",
            "package_size": f"{number % 5} oz",
            "store_id": "uvw"[number % 3],
            "remark": f"remark {number}",
            "list_price": 9.0,
            "median_unit_price": 5.0,
        }
        | ({"rare": "ab"[number % 2]} if number < 8 else {})
        for number in range(40)
    ]
    write_columns(tmp_path, rows, len(rows))
    assert choose_fields(Columns(tmp_path, 40)) == FieldRoles(
        ("category", "product_type"), ("Brand",), ("base_colour",), "median_unit_price", "title"
    )


def good(kind: str, colour: str = "", maker: str = "", title: str = "") -> ProductFacts:
    values = {"type": kind, "colour": colour, "brand": maker}
    return ProductFacts({name: (value,) for name, value in values.items() if value}, title)


FIELDS = FieldRoles(("type",), ("brand",), ("colour",))


@pytest.mark.parametrize(
    ("goods", "label"),
    [
        ([good("mug", "red", "Okari")] * 3, "red mug by Okari"),
        ([good("mug", "red"), good("mug", "blue"), good("mug", "white")], "mug"),
        ([good("mug"), good("plate"), good("mug"), good("plate")], "mug and plate"),
        ([good("MUGS AND CUPS")] * 2, "mugs and cups"),
        ([good("a"), good("b"), good("c"), good("d"), good("e"), good("f"), good("g")], "mostly a"),
        ([good("", "red")], ""),
    ],
)
def test_labels(goods: list[ProductFacts], label: str) -> None:
    """What most have, if others seldom have it; several kinds where no one is of most."""
    assert label_products(goods, np.ones(len(goods)), FIELDS, lambda field, value: 0.1, {}) == label


def test_a_kind_that_is_everywhere_gets_examples() -> None:
    """Six tenths of all that is taken is grocery; what sets these apart is named beside it."""
    fields = FieldRoles(("department", "type"))
    kinds = ["tea", "tea", "rice", "rice", "oats", "milk", "milk", "milk"]
    goods = [ProductFacts({"department": ("GROCERY",), "type": (kind,)}) for kind in kinds]
    usual = {"GROCERY": 0.6, "tea": 0.01, "rice": 0.02, "oats": 0.02, "milk": 0.3}
    label = label_products(goods, np.ones(8), fields, lambda field, value: usual[value], {})
    assert label == "milk, rice and tea"
    goods += [ProductFacts({"department": ("GROCERY",), "type": (kind,)}) for kind in "abcdefgh"]
    label = label_products(goods, np.ones(16), fields, lambda field, value: usual.get(value, 0.1), {})
    assert label == "grocery such as tea and rice"


def test_what_everybody_has_is_no_label() -> None:
    """Nine tenths of all mugs are red, so red says nothing."""
    label = label_products([good("mug", "red")] * 3, np.ones(3), FIELDS, lambda field, value: 0.9, {})
    assert label == "mug"


def test_titles_with_nothing_in_common_are_told_by_the_first() -> None:
    """Which stands for all of them."""
    goods = [ProductFacts({}, "GLASS HEART"), ProductFacts({}, "WOODEN STAR")]
    assert title_words(goods, np.ones(2), {"glas": 0.1, "heart": 0.1}) == "glass heart"


def test_titles_tell_where_no_field_does() -> None:
    """Words that these titles have and others have not, as they are written there and in their order."""
    titles = ["JUMBO BAG STRAWBERRY", "JUMBO BAG OWLS", "LUNCH BAG RED SET"]
    goods = [ProductFacts({}, title) for title in titles]
    usual = {"bag": 0.04, "jumbo": 0.01, "set": 0.1, "red": 0.2, "lunch": 0.3, "strawberry": 0.3, "owl": 0.4}
    assert title_words(goods, np.ones(3), usual) == "jumbo bag"
