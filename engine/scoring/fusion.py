"""The fused score: how parts, weights, calibration and boosts become one inner product with one stored row.

    score(item) = scale * sum_p w_p * sum_b v_kb * (<q_pb, x_b> - mean_kb) / std_kb  +  sum_j beta_j * g_j

b runs over the item's blocks, p over the query's parts, k is the kind of part p. v_kb is what block b weighs for a part
of that kind; a request that names weights gives all kinds the same, v_b. Items that have the same blocks form a
*stratum*. Within a stratum everything above is linear in the item, whatever the policy for missing blocks:
`scale` is a constant of the stratum, so no policy needs anything but its own query vector. See `row_layout` for the
layout of a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidQuery, UnknownBlock
from engine.scoring.query import Missing
from engine.scoring.row_layout import Layout

Matrix = NDArray[np.float32]

# Weights of queries are kept to what float32 can multiply and divide; a smaller one of a block counts as 0.
LARGEST_WEIGHT = 1e6
SMALLEST_WEIGHT = 1e-12

LARGEST_SIGNAL = 1e4
"""Standard deviations beyond which a signal says no more: rows are float16, which ends at 65,504."""

LEXICAL = "lexical"
"""The block of an item's words. It has no vector: its similarity is a lexical score, added to the inner product."""

BEHAVIOUR = "behaviour"
"""The block of vectors that were learnt from what shoppers did."""

TASTE = "user"
"""The kind of a part that says what somebody likes."""

SHARED_SPACE_KINDS = ("text", "image")
"""Kinds that an encoder turns into one vector that speaks to all blocks of that encoder."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and standard deviation of a similarity, or of a signal."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What is usual: the similarities of a part's kind to a block, and the values of each business signal."""

    similarities: Mapping[tuple[str, str], Moments]
    signals: Mapping[str, Moments]

    def of(self, kind: str, block: str) -> Moments:
        """Return the moments of `kind` against `block`. Raises InvalidQuery if they cannot be compared."""
        try:
            return self.similarities[kind, block]
        except KeyError:
            if kind == TASTE and ("item", block) in self.similarities:
                # Of a catalogue without events it is not known how alike tastes are to items.
                return self.similarities["item", block]
            raise InvalidQuery(f"expected a part that can be compared with block {block!r}, got {kind}") from None


@dataclass(frozen=True, slots=True)
class EncodedPart:
    """A part once encoded: one unit vector for each block that it speaks to, and the words it says to that of words.

    aimed: whether the request names the block; then the block weighs what it weighs for every kind of part.
    """

    kind: str
    weight: float
    vectors: Mapping[str, Matrix]
    words: str = ""
    aimed: bool = False


@dataclass(frozen=True, slots=True)
class FusedQuery:
    """A query as coefficients of the rows, by block.

    vectors: block → (d_b,) float32, the sum of v_kb * w_p * q_pb / std.
    offsets: block → the sum of -v_kb * w_p * mean / std.
    weights: block → what it weighs, for the blocks that are asked (spoken to, with a weight that is not 0): v_b, or
    where kinds of parts weigh blocks differently the mean of v_kb over all parts, each counting |w_p|.
    words: (v_kb * w_p / std, text) for each text that speaks to the block of words.
    """

    vectors: Mapping[str, Matrix]
    offsets: Mapping[str, float]
    weights: Mapping[str, float]
    boosts: Mapping[str, float]
    missing: Missing
    words: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StratumQuery:
    """A fused query for the rows of one stratum: score = <vector, row> + offset. `scale` is the policy's factor."""

    vector: Matrix
    offset: float
    scale: float


def block_weights(asked: Mapping[str, float], blocks: Sequence[str]) -> dict[str, float]:
    """Return v_b of every block: as asked, 0 where left out; with nothing asked all equal and 1 in sum."""
    for name, weight in asked.items():
        if name not in blocks:
            raise UnknownBlock(name, blocks, "modality_weights")
        if not 0 <= weight <= LARGEST_WEIGHT:
            raise InvalidQuery(
                f"expected a weight from 0 to {LARGEST_WEIGHT:g}, got {weight}", f"modality_weights[{name}]"
            )
    if not asked:
        return {block: 1.0 / len(blocks) for block in blocks}
    weights = {block: float(asked.get(block, 0.0)) for block in blocks}
    return {block: weight if weight >= SMALLEST_WEIGHT else 0.0 for block, weight in weights.items()}


def check_weight(weight: float, field: str) -> float:
    """Return the weight of a part or a boost. Raises InvalidQuery if no score could be computed with it."""
    if not -LARGEST_WEIGHT <= weight <= LARGEST_WEIGHT:
        raise InvalidQuery(f"expected a weight from {-LARGEST_WEIGHT:g} to {LARGEST_WEIGHT:g}, got {weight}", field)
    return weight


def part_weight(
    part: EncodedPart, block: str, weights: Mapping[str, float], part_weights: Mapping[str, Mapping[str, float]]
) -> float:
    """Return v_kb: what a block weighs for a part, by the part's kind unless the request aims the part at a block."""
    if part.aimed or part.kind not in part_weights:
        return weights.get(block, 0.0)
    return part_weights[part.kind].get(block, weights.get(block, 0.0))


def compose(
    parts: Sequence[EncodedPart],
    weights: Mapping[str, float],
    calibration: Calibration,
    boosts: Mapping[str, float],
    missing: Missing,
    part_weights: Mapping[str, Mapping[str, float]] | None = None,
) -> FusedQuery:
    """Return the query's coefficients. Raises InvalidQuery if no part speaks to a block whose weight is not 0.

    weights: block → v_b.   part_weights: kind of part → block → v_kb, for kinds and blocks where it is not v_b.
    Without parts the boosts alone are the score.
    """
    if not parts:
        return FusedQuery({}, {}, {}, dict(boosts), Missing.NEUTRAL)
    by_kind = part_weights or {}
    vectors: dict[str, Matrix] = {}
    offsets: dict[str, float] = {}
    counted: dict[str, float] = {}
    words = []
    for part in parts:
        for block in (*part.vectors, *([LEXICAL] if part.words else [])):
            weight = part_weight(part, block, weights, by_kind)
            if weight == 0.0:
                continue
            usual = calibration.of(part.kind, block)
            factor = weight * part.weight / usual.std
            if block == LEXICAL:
                words.append((factor, part.words))
            else:
                term = np.float32(factor) * part.vectors[block]
                vectors[block] = term if block not in vectors else vectors[block] + term
            offsets[block] = offsets.get(block, 0.0) - factor * usual.mean
            counted[block] = counted.get(block, 0.0) + abs(part.weight) * weight
    if not offsets:
        spoken = sorted({block for part in parts for block in (*part.vectors, *([LEXICAL] if part.words else []))})
        raise InvalidQuery(
            f"expected a weight above 0 for a block that the parts speak to ({', '.join(spoken) or 'none'}), "
            f"got {dict(weights)}",
            "modality_weights",
        )
    total = sum(abs(part.weight) for part in parts)
    differ = total > 0 and any(part.kind in by_kind and not part.aimed for part in parts)
    asked = {block: counted[block] / total if differ else weights[block] for block in offsets}
    return FusedQuery(vectors, offsets, asked, dict(boosts), missing, tuple(words))


def stratum_scale(query: FusedQuery, blocks: Sequence[str]) -> float | None:
    """Return the factor that the policy gives to items with just these blocks, None if they are no answers."""
    present = [block for block in query.weights if block in blocks]
    if query.missing is Missing.NEUTRAL or len(present) == len(query.weights):
        return 1.0
    if query.missing is Missing.DROP or not present:
        return None
    return sum(query.weights.values()) / sum(query.weights[block] for block in present)


def stratum_query(query: FusedQuery, layout: Layout) -> StratumQuery | None:
    """Return the query vector for the rows of a stratum; None if they are no answers.

    Within the stratum <vector, row> + offset is the fused score.
    """
    scale = stratum_scale(query, layout.blocks)
    if scale is None:
        return None
    offset = scale * sum(offset for block, offset in query.offsets.items() if block in layout.blocks)
    return StratumQuery(layout.to_query(query.vectors, scale, query.boosts), offset, scale)


def standardise(values: NDArray[np.float32], usual: Moments) -> NDArray[np.float32]:
    """Return (n,) signal values as distances from the mean in standard deviations; NaN, a missing value, becomes 0."""
    with np.errstate(over="ignore"):
        distances = (values - np.float32(usual.mean)) / np.float32(usual.std)
    z: NDArray[np.float32] = np.nan_to_num(distances, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(z, -LARGEST_SIGNAL, LARGEST_SIGNAL)


def contributions(
    query: FusedQuery, scale: float | None, row: NDArray[np.floating], layout: Layout
) -> dict[str, float]:
    """Return what each asked block, and each boost as "boost:NAME", adds to the score of one row; they sum to it.

    scale: None if the policy makes the row no answer; then blocks add nothing. What words add beside their offset is
    not in the row, and not in here.
    """
    wide = row.astype(np.float64)
    shares = {}
    for block, offset in query.offsets.items():
        if block in layout.blocks and scale is not None:
            vector = query.vectors.get(block)
            product = 0.0 if vector is None else float(wide[layout.spans[block]] @ vector.astype(np.float64))
            shares[block] = scale * (product + offset)
    for name, boost in query.boosts.items():
        shares[f"boost:{name}"] = boost * layout.signal(wide, name)
    return shares
