"""Segments: shoppers drawn in clear groups are found again, named after what sets them apart, and nobody is told of."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import CorruptSnapshot
from engine.events.event import EventType
from engine.events.event_log import open_or_create_event_log
from engine.profiles.population import MIN_SHOPPERS, RECORD_FILE, SHOPPERS, open_population
from engine.profiles.profile_builder import build_profile
from engine.profiles.shopper_features import (
    TYPES,
    FeatureScale,
    Interactions,
    ItemFeatures,
    ShopperFeatures,
    compute_features,
)
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import Store
from indexer.events.event_table import EventTable
from indexer.progress import no_progress
from indexer.shoppers.population_builder import write_population
from indexer.shoppers.segment_names import ShopperThemes, name_segments
from indexer.shoppers.segment_picture import to_plane
from indexer.shoppers.segments import cluster_shoppers
from tests.support.segment_shop import NOW_S, event

pytestmark = pytest.mark.long

VIEW, CART, PURCHASE, RETURN = (TYPES.index(kind) for kind in list(EventType)[:4])


def blobs(sizes: tuple[int, ...]) -> np.ndarray:
    """Return points around so many far corners."""
    rng = np.random.default_rng(1)
    return np.concatenate(
        [4 * np.eye(8)[place] + 0.3 * rng.standard_normal((size, 8)) for place, size in enumerate(sizes)]
    )


def test_clear_groups_are_found_and_the_largest_is_first() -> None:
    """Four corners of 20, 50, 40 and 30 shoppers; no other number of groups is as clear."""
    found = cluster_shoppers(blobs((20, 50, 40, 30)))
    assert found is not None
    assert np.bincount(found.groups).tolist() == [50, 40, 30, 20]
    assert max(found.silhouettes, key=lambda count: found.silhouettes[count]) == 4
    assert [len(set(part.tolist())) for part in np.split(found.groups, [20, 70, 110])] == [1, 1, 1, 1]


def test_groups_are_the_same_each_time() -> None:
    points = blobs((25, 25, 25))
    first, second = cluster_shoppers(points), cluster_shoppers(points.copy())
    assert first is not None
    assert second is not None
    assert first.groups.tolist() == second.groups.tolist()


def test_no_group_is_so_small_that_it_tells_who_is_in_it() -> None:
    """One shopper at a corner of their own is put to others."""
    found = cluster_shoppers(blobs((40, 40, 40, 1)))
    assert found is not None
    assert np.bincount(found.groups).min() >= MIN_SHOPPERS


def test_few_shoppers_or_equal_ones_have_no_segments() -> None:
    assert cluster_shoppers(blobs((8, 8, 8))) is None
    assert cluster_shoppers(np.zeros((50, 8))) is None


def test_traits_by_hand() -> None:
    """The first looks at a and buys b twice, the second buys a thing that is gone, and sends it back."""
    interactions = Interactions(
        users=np.array([0, 0, 0, 1, 1], np.int32),
        items=np.array([0, 1, 1, 2, 2], np.int32),
        types=np.array([VIEW, PURCHASE, PURCHASE, PURCHASE, RETURN], np.int8),
        times_s=np.array([0, 86_400, 2 * 86_400, 86_400, 0.0]),
        user_count=2,
    )
    shelf = ItemFeatures(
        kinds=np.array([[1.0, 0], [0, 1], [0, 0]]),
        ranks=np.array([0.2, 0.8, np.nan]),
        taste=np.array([[1.0], [0], [0]]),
        known=np.array([True, True, False]),
    )
    traits = compute_features(interactions, shelf, 4 * 86_400)
    assert traits.events.tolist() == [3, 2]
    assert traits.bought == pytest.approx([2 / 3, 1])
    assert traits.returned == pytest.approx([0, 1])
    assert traits.idle_days == pytest.approx([2, 3])
    # A view counts .1, a purchase 1.
    assert traits.kinds == pytest.approx(np.array([[0.1 / 2.1, 2 / 2.1], [0, 0]]))
    assert traits.taste[:, 0] == pytest.approx([0.1 / 2.1, 0])
    assert traits.price[0] == pytest.approx(0.8)
    assert np.isnan(traits.price[1])


def drawn(**changed: np.ndarray) -> ShopperFeatures:
    """Return forty shoppers who are all the same but for what is given."""
    same = {
        "events": np.full(40, 10.0),
        "bought": np.full(40, 0.3),
        "returned": np.zeros(40),
        "idle_days": np.full(40, 10.0),
        "price": np.full(40, 0.5),
        "kinds": np.tile([0.5, 0.5], (40, 1)),
        "taste": np.zeros((40, 2)),
    }
    return ShopperFeatures(**(same | changed))


HALVES = np.repeat([0, 1], 20).astype(np.int32)
NOTHING = ShopperThemes((), np.zeros((40, 0)))


@pytest.mark.parametrize(
    ("changed", "names"),
    [
        ({"events": np.repeat([40.0, 5], 20)}, ["Frequent shoppers", "Occasional shoppers"]),
        ({"bought": np.repeat([0.5, 0.1], 20)}, ["All-round buyers", "Browsers"]),
        ({"price": np.repeat([0.8, 0.2], 20)}, ["Shoppers, high prices", "Shoppers, low prices"]),
        ({"idle_days": np.repeat([90.0, 3], 20)}, ["Lapsed shoppers", "All-round shoppers"]),
        ({"returned": np.repeat([0.9, 0], 20)}, ["Shoppers, many returns", "All-round shoppers"]),
        ({"bought": np.ones(40), "events": np.repeat([40.0, 5], 20)}, ["Frequent buyers", "Occasional buyers"]),
        ({}, ["All-round shoppers", "All-round shoppers (2)"]),
    ],
)
def test_names_say_what_sets_apart(changed: dict[str, np.ndarray], names: list[str]) -> None:
    assert [one.name for one in name_segments(drawn(**changed), NOTHING, HALVES)] == names


def test_names_say_what_is_taken() -> None:
    """Nine tenths against a tenth; and numbers stand beside those of all."""
    shares = np.repeat([[0.9, 0.1], [0.1, 0.9]], 20, axis=0)
    first, second = name_segments(drawn(), ShopperThemes(("GARDEN", "Toys"), shares), HALVES)
    assert (first.name, second.name) == ("Garden shoppers", "Toys shoppers")
    assert "they more often choose garden 90% (50%)" in first.description
    assert first.apart[0] == ("garden", 1.0)


def test_what_is_not_known_of_one_is_usual() -> None:
    """A shopper without a price stands where the mean does."""
    traits = drawn(price=np.where(np.arange(40) == 0, np.nan, np.linspace(0, 1, 40)))
    points = FeatureScale.fit(traits).to_points(traits)
    assert points[0, 4] == 0
    assert np.isfinite(points).all()


def test_the_map_has_a_place_for_each_shopper() -> None:
    seen = to_plane(blobs((20, 20, 20)))
    assert seen.shape == (60, 2)
    assert np.isfinite(seen).all()


@pytest.fixture(scope="module")
def snapshot(segment_shop: Path) -> Snapshot:
    """A snapshot that was built with the events of 45 shoppers."""
    store = Store(segment_shop)
    return open_snapshot(store, store.current() or "")


def test_no_file_of_a_snapshot_names_a_shopper(snapshot: Snapshot) -> None:
    """So that erasing one needs no other snapshot."""
    for path in sorted(snapshot.directory.rglob("*")):
        if path.is_file():
            assert b"shopper-" not in path.read_bytes(), path


def test_what_few_shoppers_took_is_not_kept(snapshot: Snapshot) -> None:
    """Every value told has several shoppers behind it, and every segment several in it."""
    usual = open_population(snapshot)
    assert min(segment.size for segment in usual.segments) >= MIN_SHOPPERS
    assert set(usual.shares["category"]) == {"garden", "kitchen", "toys"}
    assert sum(usual.shares["category"].values()) == pytest.approx(1.0)


def test_all_of_it_is_named_in_the_manifest(snapshot: Snapshot) -> None:
    """So that a damaged file is found before anything is served."""
    named = {name for name in snapshot.manifest.files if name.startswith(f"{SHOPPERS}/")}
    assert named == {"shoppers/usual.json", "shoppers/taste.npz", "shoppers/tags.npy"}


def test_events_of_unknown_items_teach_nothing(snapshot: Snapshot, tmp_path: Path) -> None:
    """Forty shoppers of items that the catalogue never had: a build goes on, and a profile tells what it can."""
    other = Snapshot(snapshot.manifest, snapshot.directory)
    other.directory = tmp_path
    with open_or_create_event_log(tmp_path) as log:
        log.record([event(f"x{number}", f"gone-{number % 7}") for number in range(40)])
        write_population(other, EventTable.from_log(log), None, no_progress)
    usual = open_population(other)
    assert not any(usual.shares.values())
    assert not usual.segments
    assert build_profile([event("x", "gone-1")], ReadView(other), usual, NOW_S).segment is None


def test_a_record_of_another_form_is_refused_by_name(snapshot: Snapshot, tmp_path: Path) -> None:
    """Whoever wrote it: the file is named."""
    (tmp_path / SHOPPERS).mkdir()
    (tmp_path / SHOPPERS / RECORD_FILE).write_text('{"shoppers": 3}')
    other = Snapshot(snapshot.manifest, snapshot.directory)
    other.directory = tmp_path
    with pytest.raises(CorruptSnapshot, match=r"shoppers/usual\.json"):
        open_population(other)
