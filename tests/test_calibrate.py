"""What is usual in a catalogue, worked out by hand, and in catalogues where hardly anything is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.scoring.fusion import Moments
from indexer.embedding.calibration import MIN_STD, Half, Probes, calibrate, signal_moments

BOTH = frozenset({"image", "text"})


def halves(*rows: list[float]) -> Half:
    """Return rows as a block holds them."""
    return np.array(rows, np.float16)


def there(*values: bool) -> NDArray[np.bool_]:
    """Return which items have a block."""
    return np.array(values)


def never() -> NDArray[np.float32]:
    """A probe that must not be asked for."""
    raise AssertionError("the catalogue has enough of this kind")


def near(came: Moments, mean: float, std: float) -> bool:
    """Whether moments are these, but for the rounding of float16."""
    return came.mean == pytest.approx(mean, abs=1e-3) and came.std == pytest.approx(std, abs=1e-3)


def test_items_against_items() -> None:
    """Cosines 0, .6 and .8, each pair twice and no item with itself: mean 1.4/3, variance 1/3 - (1.4/3)^2."""
    rows = halves([1, 0], [0, 1], [0.6, 0.8])
    calibration = calibrate({"image": rows}, {"image": there(True, True, True)}, frozenset(), {}, {})
    assert set(calibration.similarities) == {("item", "image"), ("vector", "image")}
    assert near(calibration.of("item", "image"), 0.46667, 0.33993)
    assert calibration.of("item", "image") == calibration.of("vector", "image")


def test_texts_against_pictures() -> None:
    """Item texts stand for text queries, and an item's own picture is left out: cosines .6 and 0, not 1 and .8."""
    blocks = {"image": halves([1, 0], [0.6, 0.8]), "text": halves([1, 0], [0, 1])}
    present = {"image": there(True, True), "text": there(True, True)}
    calibration = calibrate(blocks, present, BOTH, {}, {"text": never, "image": never})
    assert near(calibration.of("text", "image"), 0.3, 0.3)
    assert near(calibration.of("image", "text"), 0.3, 0.3)
    assert near(calibration.of("text", "text"), 0.0, MIN_STD)
    assert near(calibration.of("image", "image"), 0.6, MIN_STD)
    assert len(calibration.similarities) == 8


def test_missing_blocks_are_left_out() -> None:
    """A zero row is no vector: of three items one pair has pictures, with a cosine of .8."""
    blocks = {"image": halves([1, 0], [0, 0], [0.8, 0.6])}
    calibration = calibrate(blocks, {"image": there(True, False, True)}, frozenset(), {}, {})
    assert near(calibration.of("item", "image"), 0.8, MIN_STD)


def test_probes_stand_in_for_a_kind_that_the_catalogue_lacks() -> None:
    """Pictures only: text queries are calibrated on probe texts, (1 + .6) / 2 = .8 and +-.2; pictures on pictures."""
    blocks = {"image": halves([1, 0], [0.6, 0.8])}
    probes: Probes = {"text": lambda: np.array([[1, 0]], np.float32), "image": never}
    calibration = calibrate(blocks, {"image": there(True, True)}, frozenset({"image"}), {}, probes)
    assert near(calibration.of("text", "image"), 0.8, 0.2)
    assert near(calibration.of("image", "image"), 0.6, MIN_STD)


def test_probes_speak_only_to_encoded_blocks() -> None:
    """A caller's own vectors are of another space, so a text can never be compared with them."""
    blocks = {"image": halves([1, 0], [0.6, 0.8]), "text": halves([1, 0, 0], [0, 1, 0])}
    present = {"image": there(True, True), "text": there(True, True)}
    probes: Probes = {"text": never, "image": lambda: np.eye(3, dtype=np.float32)}
    calibration = calibrate(blocks, present, frozenset({"text"}), {}, probes)
    assert ("text", "image") not in calibration.similarities
    assert ("image", "image") not in calibration.similarities
    assert ("image", "text") in calibration.similarities


@pytest.mark.parametrize("rows", [halves([1, 0]), halves()])
def test_one_item_or_none_says_nothing(rows: Half) -> None:
    """Without a pair of items a similarity is left as it is: mean 0, deviation 1."""
    rows = rows.reshape(-1, 2)
    calibration = calibrate({"image": rows}, {"image": np.ones(len(rows), np.bool_)}, frozenset(), {}, {})
    assert calibration.of("item", "image") == Moments(0.0, 1.0)


def test_a_block_that_no_item_has() -> None:
    """It says nothing, and probes that have nothing to be compared with do no harm."""
    blocks = {"image": np.zeros((3, 2), np.float16)}
    probes: Probes = {"text": lambda: np.eye(2, dtype=np.float32)}
    calibration = calibrate(blocks, {"image": there(False, False, False)}, frozenset({"image"}), {}, probes)
    assert calibration.of("text", "image") == Moments(0.0, 1.0)


def test_copies_have_hardly_any_spread() -> None:
    """All equal: the deviation is held at its least, so that rounding is not magnified."""
    rows = halves(*[[0.6, 0.8]] * 50)
    calibration = calibrate({"image": rows}, {"image": np.ones(50, np.bool_)}, frozenset(), {}, {})
    assert near(calibration.of("item", "image"), 1.0, MIN_STD)


def test_a_sample_is_as_good_as_all() -> None:
    """Of 5,000 random items a sample is taken: 16-d cosines have mean 0 and deviation 1/4; the same one every time."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((5000, 16))
    unit = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    present = {"image": np.ones(5000, np.bool_)}
    first, second = (calibrate({"image": unit}, present, frozenset(), {}, {}) for _ in range(2))
    assert first.of("item", "image").mean == pytest.approx(0.0, abs=5e-3)
    assert first.of("item", "image").std == pytest.approx(0.25, abs=5e-3)
    assert first == second


@pytest.mark.parametrize(
    ("values", "mean", "std"),
    [
        ([1, 2, 3, np.nan], 2.0, 0.816497),
        ([4, 4, 4], 4.0, 1.0),
        ([np.nan, np.nan], 0.0, 1.0),
        ([], 0.0, 1.0),
        ([-5], -5.0, 1.0),
        ([1e30, -1e30], 0.0, 1e30),
    ],
)
def test_signals(values: list[float], mean: float, std: float) -> None:
    """Missing values count for nothing; a signal without spread is divided by 1, not by 0."""
    came = signal_moments(np.array(values, np.float32))
    assert came.mean == pytest.approx(mean, abs=1e-6)
    assert came.std == pytest.approx(std, rel=1e-6)


def test_the_order_of_similarities_does_not_depend_on_the_hash_seed() -> None:
    names = ("a", "b", "c", "d", "e", "f")
    blocks = {name: halves([1, 0], [0, 1]) for name in names}
    present = {name: np.ones(2, np.bool_) for name in names}
    probes: Probes = {"query": lambda: np.eye(2, dtype=np.float32)}
    calibration = calibrate(blocks, present, frozenset(names), {}, probes)
    assert [block for kind, block in calibration.similarities if kind == "query"] == list(names)
