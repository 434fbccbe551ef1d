"""The fused score against a slow twin that follows the formula item by item and part by part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.errors import InvalidQuery, UnknownBlock
from engine.scoring.fusion import (
    MAX_WEIGHT,
    Calibration,
    EncodedPart,
    Moments,
    check_weight,
    compose,
    contributions,
    resolve_weights,
    standardise,
    stratum_query,
)
from engine.scoring.query import Missing
from engine.scoring.row_layout import Layout
from engine.scoring.vectors import to_unit

KINDS = ("text", "image", "item", "vector")
NAMES = ("image", "text", "behaviour")


def twin_score(
    item: dict[str, NDArray[np.float64]],
    g: dict[str, float],
    parts: list[EncodedPart],
    weights: dict[str, float],
    calibration: Calibration,
    boosts: dict[str, float],
    missing: Missing,
) -> float | None:
    """The score of one item in float64, None if it is no answer."""
    asked = [b for b in weights if weights[b] != 0 and any(b in part.vectors for part in parts)]
    there = [b for b in asked if b in item]
    if missing is Missing.DROP and there != asked:
        return None
    if missing is Missing.RENORMALIZE and not there:
        return None
    total = 0.0
    for b in there:
        for part in parts:
            if b in part.vectors:
                usual = calibration.similarities[part.kind, b]
                cosine = sum(float(x) * float(y) for x, y in zip(part.vectors[b], item[b], strict=True))
                total += weights[b] * part.weight * (cosine - usual.mean) / usual.std
    if missing is Missing.RENORMALIZE:
        total *= sum(weights[b] for b in asked) / sum(weights[b] for b in there)
    return total + sum(beta * g[name] for name, beta in boosts.items())


@st.composite
def worlds(draw: st.DrawFn) -> dict[str, object]:
    """Blocks, items, signals, parts and weights, drawn from one seed and a few choices."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    names = NAMES[: draw(st.integers(1, 3))]
    dims = {name: draw(st.integers(1, 9)) for name in names}
    signals = ("rating", "margin")[: draw(st.integers(0, 2))]
    blocks = [name for name in names if draw(st.booleans())] or [names[0]]
    calibration = Calibration(
        {(k, b): Moments(float(rng.normal(0, 0.4)), float(rng.uniform(0.05, 1))) for k in KINDS for b in names}, {}
    )
    parts = []
    for _ in range(draw(st.integers(1, 3))):
        spoken = [name for name in names if draw(st.booleans())] or [draw(st.sampled_from(names))]
        vectors = {name: to_unit(rng.standard_normal(dims[name])) for name in spoken}
        parts.append(EncodedPart(draw(st.sampled_from(KINDS)), draw(st.sampled_from([1.0, 0.3, -0.7, 2.5])), vectors))
    weights = {name: draw(st.sampled_from([0.0, 0.2, 1.0, 3.0])) for name in names}
    weights[next(iter(parts[0].vectors))] = 1.0
    return {
        "dims": dims, "signals": signals, "blocks": blocks, "calibration": calibration, "parts": parts,
        "weights": weights, "rng": rng, "missing": draw(st.sampled_from(list(Missing))),
        "boosts": {name: draw(st.sampled_from([0.0, 0.5, -2.0])) for name in signals},
    }  # fmt: skip


@given(worlds())
def test_one_inner_product_is_the_formula(world: dict) -> None:
    """For every item of every stratum: <vector, row> + offset is the twin's score, and contributions sum to it."""
    dims, blocks, signals, rng = world["dims"], world["blocks"], world["signals"], world["rng"]
    arguments = (world["parts"], world["weights"], world["calibration"], world["boosts"], world["missing"])
    vectors = {b: to_unit(rng.standard_normal((12, dims[b]))).astype(np.float16) for b in blocks}
    g = rng.standard_normal((12, len(signals))).astype(np.float32)
    layout = Layout(tuple(blocks), dims, tuple(signals))
    rows = layout.to_rows([vectors[b] for b in blocks], g)
    query = compose(*arguments)
    asked = stratum_query(query, layout)
    true = [
        twin_score(
            {b: vectors[b][place].astype(np.float64) for b in blocks},
            dict(zip(signals, g[place].tolist(), strict=True)),
            *arguments,
        )
        for place in range(12)
    ]
    if asked is None:
        assert true == [None] * 12
        return
    scores = rows.astype(np.float32) @ asked.vector + np.float32(asked.offset)
    tolerance = 1e-3 * max(1.0, float(np.abs(scores).max()))
    np.testing.assert_allclose(scores, true, atol=tolerance)
    order = np.argsort(-scores, kind="stable")
    assert (np.diff(np.array(true)[order]) <= 2 * tolerance).all()
    for place in range(12):
        shares = contributions(query, asked.scale, rows[place], layout)
        assert sum(shares.values()) == pytest.approx(true[place], abs=tolerance)
        assert {name for name in shares if not name.startswith("boost:")} == set(query.weights) & set(blocks)


CALIBRATION = Calibration(
    {("text", "image"): Moments(0.2, 0.1), ("text", "text"): Moments(0.6, 0.2), ("image", "image"): Moments(0.5, 0.25)},
    {},
)
ACROSS, UP = np.array([1, 0], np.float32), np.array([0, 1], np.float32)
WORDS = EncodedPart("text", 1.0, {"image": ACROSS, "text": UP})
NOT_THIS = EncodedPart("image", -0.5, {"image": UP})
DIMS = {"image": 2, "text": 2}


@pytest.mark.parametrize(
    ("blocks", "missing", "score"),
    [
        # image .25*((.6-.2)/.1 - .5*(.8-.5)/.25) = .25*(4 - .6) = .85; text .75*(1-.6)/.2 = 1.5; boost .5*2 = 1
        (("image", "text"), Missing.DROP, 3.35),
        (("image", "text"), Missing.NEUTRAL, 3.35),
        (("image",), Missing.RENORMALIZE, 0.85 * 4 + 1),
        (("image",), Missing.NEUTRAL, 0.85 + 1),
        (("image",), Missing.DROP, None),
        (("text",), Missing.RENORMALIZE, 1.5 / 0.75 + 1),
    ],
)
def test_two_blocks_by_hand(blocks: tuple[str, ...], missing: Missing, score: float | None) -> None:
    """Words minus a picture, weights .25 and .75, a boost of .5 on a signal of 2."""
    item = {"image": np.array([[0.6, 0.8]], np.float32), "text": np.array([[0, 1]], np.float32)}
    layout = Layout(blocks, DIMS, ("rating",))
    rows = layout.to_rows([item[block] for block in blocks], np.array([[2]], np.float32))
    query = compose([WORDS, NOT_THIS], {"image": 0.25, "text": 0.75}, CALIBRATION, {"rating": 0.5}, missing)
    asked = stratum_query(query, layout)
    if score is None:
        assert asked is None
    else:
        assert asked is not None
        assert float(rows[0].astype(np.float32) @ asked.vector + asked.offset) == pytest.approx(score, abs=5e-3)


def test_contributions_by_hand() -> None:
    """Each block and each boost by name."""
    layout = Layout(("image", "text"), DIMS, ("rating",))
    row = layout.to_rows([np.array([[0.6, 0.8]]), np.array([[0, 1]])], np.array([[2]], np.float32))[0]
    query = compose([WORDS, NOT_THIS], {"image": 0.25, "text": 0.75}, CALIBRATION, {"rating": 0.5}, Missing.DROP)
    shares = contributions(query, 1.0, row, layout)
    assert shares == pytest.approx({"image": 0.85, "text": 1.5, "boost:rating": 1.0}, abs=5e-3)


def test_neutral_items_without_any_asked_block_are_ranked_by_boosts() -> None:
    """An item that has nothing of what is asked is average, so only its boost counts; otherwise it is no answer."""
    part = EncodedPart("text", 1.0, {"image": ACROSS})
    weights = {"image": 1.0, "text": 0.0}
    for missing, there in ((Missing.NEUTRAL, True), (Missing.RENORMALIZE, False), (Missing.DROP, False)):
        query = compose([part], weights, CALIBRATION, {"rating": 2.0}, missing)
        layout = Layout(("text",), DIMS, ("rating",))
        asked = stratum_query(query, layout)
        assert (asked is not None) == there
        if asked is not None:
            row = layout.to_rows([UP[None]], np.array([[1.5]], np.float32))[0]
            assert float(row.astype(np.float32) @ asked.vector + asked.offset) == pytest.approx(3.0, abs=5e-3)


@pytest.mark.parametrize(("dim", "signals", "width"), [(4, (), 4), (4, ("a",), 8), (3, ("a",), 8), (5, (), 8)])
def test_rows_are_whole_pieces(dim: int, signals: tuple[str, ...], width: int) -> None:
    """Blocks are padded with zeros, so that no piece of a code holds both a vector and a signal."""
    layout = Layout(("image",), {"image": dim}, signals)
    rows = layout.to_rows([np.ones((2, dim))], np.ones((2, len(signals)), np.float32))
    assert rows.shape == (2, layout.width) == (2, width)
    assert not rows[:, dim : layout.starts["a"] if signals else None].any()


def test_a_signal_is_coarse_and_fine() -> None:
    """1.7 is 1.5 and .2, each an eighth; -9 is beyond the coarse range, so the fine coordinate holds the rest."""
    layout = Layout((), {}, ("rating",))
    rows = layout.to_rows([], np.array([[1.7], [-9]], np.float32))
    np.testing.assert_allclose(rows, [[1.5 / 8, 0, 0.2 / 8, 0], [-3.5 / 8, 0, -5.5 / 8, 0]], atol=1e-4)
    assert [layout.signal(row.astype(float), "rating") for row in rows] == pytest.approx([1.7, -9], abs=1e-3)


def test_weights_left_out_are_zero_and_none_at_all_are_equal() -> None:
    """The contract of modality_weights."""
    assert resolve_weights({}, NAMES[:2]) == {"image": 0.5, "text": 0.5}
    assert resolve_weights({"text": 2}, NAMES[:2]) == {"image": 0.0, "text": 2.0}
    assert resolve_weights({"text": 1, "image": 1e-300}, NAMES[:2]) == {"image": 0.0, "text": 1.0}


def test_wrong_weights_are_refused_by_name() -> None:
    """The field that is wrong is named."""
    with pytest.raises(UnknownBlock, match="unknown block 'sound': this snapshot has image, text") as unknown:
        resolve_weights({"sound": 1.0}, NAMES[:2])
    assert unknown.value.field == "modality_weights"
    for weight in (-0.1, float("nan"), float("inf"), 2 * MAX_WEIGHT):
        with pytest.raises(InvalidQuery, match="expected a weight from 0 to 1e[+]06, got") as wrong:
            resolve_weights({"text": weight}, NAMES[:2])
        assert wrong.value.field == "modality_weights[text]"
    assert check_weight(-MAX_WEIGHT, "") == -MAX_WEIGHT
    with pytest.raises(InvalidQuery, match="expected a weight from -1e[+]06 to 1e[+]06, got nan"):
        check_weight(float("nan"), "parts[0].weight")


def test_a_query_that_says_nothing_is_refused() -> None:
    """No weight where the parts speak, and a kind that was never compared with a block."""
    with pytest.raises(InvalidQuery, match=r"expected a weight above 0 for a block that the parts address \(image\)"):
        compose([NOT_THIS], {"image": 0.0, "text": 1.0}, CALIBRATION, {}, Missing.DROP)
    with pytest.raises(InvalidQuery, match="can be compared with block 'text', got image"):
        compose([EncodedPart("image", 1.0, {"text": UP})], {"text": 1.0}, CALIBRATION, {}, Missing.DROP)


def test_extreme_weights_stay_finite() -> None:
    """The largest weights, and one block that hardly counts, under the policy that divides by it."""
    weights = resolve_weights({"image": 1e-12, "text": MAX_WEIGHT}, NAMES[:2])
    part = EncodedPart("text", MAX_WEIGHT, WORDS.vectors)
    asked = stratum_query(compose([part], weights, CALIBRATION, {}, Missing.RENORMALIZE), Layout(("image",), DIMS))
    assert asked is not None
    score = float(asked.vector @ np.array([0.6, 0.8, 0, 0], np.float32)) + asked.offset
    assert score == pytest.approx(1e12 * (0.6 - 0.2) / 0.1, rel=1e-3)


def test_missing_signals_are_neutral() -> None:
    """NaN and infinities count for nothing; the rest for their distance from the mean."""
    values = np.array([1, np.nan, 5, np.inf], np.float32)
    assert standardise(values, Moments(3.0, 2.0)).tolist() == [-1, 0, 1, 0]
