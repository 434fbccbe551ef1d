"""The fused score: how parts, weights, calibration and boosts become one inner product with one stored row.

    score(item) = scale * sum_p w_p * sum_b v_kb * (<q_pb, x_b> - mean_kb) / std_kb  +  sum_j beta_j * g_j

b runs over the item's blocks, p over the query's parts, and k is the kind of part p. v_kb is the weight of block b for
parts of that kind; a query that names weights gives every kind the same, v_b. Items that have the same blocks form a
*stratum*. Within a stratum the formula is linear in the item, whatever the policy for missing blocks: `scale` is a
constant of the stratum, so a policy only changes the query vector. See `row_layout` for the layout of a row.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidQuery, UnknownBlock
from engine.scoring.query import Missing
from engine.scoring.row_layout import Layout

Matrix = NDArray[np.float32]

# Query weights stay within what float32 can multiply and divide; a smaller block weight counts as 0.
MAX_WEIGHT = 1e6
MIN_WEIGHT = 1e-12

MAX_SIGNAL = 1e4
"""Standard deviations at which signals are clipped: rows are float16, which ends at 65,504."""

LEXICAL = "lexical"
"""The block of an item's words. It has no vector: its similarity is a lexical score, added to the inner product."""

BEHAVIOUR = "behaviour"
"""The block of vectors that a build learns from shoppers' events."""

TASTE = "user"
"""The kind of a part that is a shopper's taste."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Mean and standard deviation of a similarity, or of a signal."""

    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Baselines that standardise scores.

    Attributes:
        similarities: (kind of part, block) → the similarities of random pairs.
        signals: Signal → its values over the catalogue.
    """

    similarities: Mapping[tuple[str, str], Moments]
    signals: Mapping[str, Moments]

    def of(self, kind: str, block: str) -> Moments:
        """Return the moments of `kind` against `block`. Raises InvalidQuery if they cannot be compared."""
        try:
            return self.similarities[kind, block]
        except KeyError:
            if kind == TASTE and ("item", block) in self.similarities:
                # A catalogue without events has no measured similarities of tastes to items.
                return self.similarities["item", block]
            raise InvalidQuery(f"expected a part that can be compared with block {block!r}, got {kind}") from None


@dataclass(frozen=True, slots=True)
class EncodedPart:
    """A part after encoding.

    Attributes:
        kind: "text", "image", "item", "vector" or "user".
        weight: Factor of what the part adds to a score.
        vectors: Block → unit vector, for each block that the part addresses.
        words: Text for the lexical block, "" if the part does not address it.
        aimed: Whether the query names the block; the block's weight then does not depend on the kind of part.
    """

    kind: str
    weight: float
    vectors: Mapping[str, Matrix]
    words: str = ""
    aimed: bool = False


@dataclass(frozen=True, slots=True)
class FusedQuery:
    """A query as coefficients of the rows, by block.

    Attributes:
        vectors: Block → (d_b,) float32, the sum of v_kb * w_p * q_pb / std.
        offsets: Block → the sum of -v_kb * w_p * mean / std.
        weights: Block → weight, for the blocks that the query scores (addressed, with a weight that is not 0): v_b, or
            where kinds of parts weigh blocks differently the mean of v_kb over all parts, weighted by |w_p|.
        boosts: Signal → weight, for the boosts that are coordinates of the rows.
        missing: The policy for items that lack a block.
        words: (v_kb * w_p / std, text) for each text that addresses the lexical block.
    """

    vectors: Mapping[str, Matrix]
    offsets: Mapping[str, float]
    weights: Mapping[str, float]
    boosts: Mapping[str, float]
    missing: Missing
    words: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StratumQuery:
    """A fused query for the rows of one stratum: score = <vector, row> + offset; scale: the policy's factor."""

    vector: Matrix
    offset: float
    scale: float


def resolve_weights(requested: Mapping[str, float], blocks: Sequence[str]) -> dict[str, float]:
    """Return v_b of every block: as requested, 0 where left out; equal weights with sum 1 if nothing is requested.

    Raises:
        UnknownBlock: If the request names a block that is not among `blocks`.
        InvalidQuery: If a weight is negative, too large or not a number.
    """
    for name, weight in requested.items():
        if name not in blocks:
            raise UnknownBlock(name, blocks, "modality_weights")
        if not 0 <= weight <= MAX_WEIGHT:
            raise InvalidQuery(f"expected a weight from 0 to {MAX_WEIGHT:g}, got {weight}", f"modality_weights[{name}]")
    if not requested:
        return {block: 1.0 / len(blocks) for block in blocks}
    weights = {block: float(requested.get(block, 0.0)) for block in blocks}
    return {block: weight if weight >= MIN_WEIGHT else 0.0 for block, weight in weights.items()}


def check_weight(weight: float, field: str) -> float:
    """Return the weight of a part or a boost. Raises InvalidQuery if it is out of range or not a number."""
    if not -MAX_WEIGHT <= weight <= MAX_WEIGHT:
        raise InvalidQuery(f"expected a weight from {-MAX_WEIGHT:g} to {MAX_WEIGHT:g}, got {weight}", field)
    return weight


def part_weight(
    part: EncodedPart, block: str, weights: Mapping[str, float], part_weights: Mapping[str, Mapping[str, float]]
) -> float:
    """Return v_kb: the weight of a block for a part, by the kind of part unless the query aims the part at a block."""
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
    """Return the query's coefficients. Without parts the boosts alone are the score.

    Args:
        parts: Encoded parts.
        weights: Block → v_b.
        calibration: Baselines of the similarities.
        boosts: Signal → weight.
        missing: The policy for items that lack a block.
        part_weights: Kind of part → block → v_kb, where it is not v_b.

    Raises:
        InvalidQuery: If no part addresses a block whose weight is not 0.
    """
    if not parts:
        return FusedQuery({}, {}, {}, dict(boosts), Missing.NEUTRAL)
    by_kind = part_weights or {}
    vectors: dict[str, Matrix] = {}
    offsets: dict[str, float] = {}
    counted: dict[str, float] = {}
    words = []
    for part in parts:
        for block in _addressed_blocks(part):
            weight = part_weight(part, block, weights, by_kind)
            if weight == 0.0:
                continue
            baseline = calibration.of(part.kind, block)
            factor = weight * part.weight / baseline.std
            if block == LEXICAL:
                words.append((factor, part.words))
            else:
                term = np.float32(factor) * part.vectors[block]
                vectors[block] = term if block not in vectors else vectors[block] + term
            offsets[block] = offsets.get(block, 0.0) - factor * baseline.mean
            counted[block] = counted.get(block, 0.0) + abs(part.weight) * weight
    if not offsets:
        raise _no_block_error(parts, weights)
    total = sum(abs(part.weight) for part in parts)
    differ = total > 0 and any(part.kind in by_kind and not part.aimed for part in parts)
    scored = {block: counted[block] / total if differ else weights[block] for block in offsets}
    return FusedQuery(vectors, offsets, scored, dict(boosts), missing, tuple(words))


def _no_block_error(parts: Sequence[EncodedPart], weights: Mapping[str, float]) -> InvalidQuery:
    addressed = sorted({block for part in parts for block in _addressed_blocks(part)})
    return InvalidQuery(
        f"expected a weight above 0 for a block that the parts address ({', '.join(addressed) or 'none'}), "
        f"got {dict(weights)}",
        "modality_weights",
    )


def _addressed_blocks(part: EncodedPart) -> tuple[str, ...]:
    return (*part.vectors, LEXICAL) if part.words else tuple(part.vectors)


def stratum_scale(query: FusedQuery, blocks: Sequence[str]) -> float | None:
    """Return the factor that the policy gives to items with exactly these blocks, None if it drops them."""
    present = [block for block in query.weights if block in blocks]
    if query.missing is Missing.NEUTRAL or len(present) == len(query.weights):
        return 1.0
    if query.missing is Missing.DROP or not present:
        return None
    return sum(query.weights.values()) / sum(query.weights[block] for block in present)


def stratum_query(query: FusedQuery, layout: Layout) -> StratumQuery | None:
    """Return the query for the rows of a stratum, whose score is <vector, row> + offset; None if it drops them."""
    scale = stratum_scale(query, layout.blocks)
    if scale is None:
        return None
    offset = scale * sum(offset for block, offset in query.offsets.items() if block in layout.blocks)
    return StratumQuery(layout.to_query(query.vectors, scale, query.boosts), offset, scale)


def standardise(values: NDArray[np.float32], baseline: Moments) -> NDArray[np.float32]:
    """Return (n,) signal values in standard deviations from the mean; NaN, a missing value, becomes 0."""
    with np.errstate(over="ignore"):
        distances = (values - np.float32(baseline.mean)) / np.float32(baseline.std)
    z: NDArray[np.float32] = np.nan_to_num(distances, nan=0.0, posinf=0.0, neginf=0.0)
    return np.clip(z, -MAX_SIGNAL, MAX_SIGNAL)


def contributions(
    query: FusedQuery, scale: float | None, row: NDArray[np.floating], layout: Layout
) -> dict[str, float]:
    """Return what each scored block, and each boost as "boost:NAME", adds to the score of one row; they sum to it.

    Args:
        query: Its words add only their offset here; their matches are not in the row.
        scale: The policy's factor, None if it drops the row; then blocks add nothing.
        row: (width,) stored values.
        layout: The layout of the row.
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
