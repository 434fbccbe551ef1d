"""What a score has beside the inner product with a row: words that match, and boosts that the rows do not hold.

A linear boost on a declared signal is a coordinate of the index, and not among these unless it is a strong one.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.columns import Column, get_number, parse_path
from engine.columns.field_values import values_at
from engine.errors import InvalidQuery
from engine.scoring.fusion import LEXICAL, FusedQuery, stratum_scale
from engine.scoring.query import Boost, Match, Shape
from engine.search.read_view import ReadView

Values = NDArray[np.float32]
Few = tuple[NDArray[np.int64], Values]
"""Some rows of a stratum, and a value for each."""

AGAIN = "repeat"
"""What the contribution is called that an item has for being known to who asks."""

CHANGE = "change"
"""What the contribution of a field begins with whose values a changed part asks for."""

# Weights go to 1e6, a sum of them all must stay in float32.
_LARGEST = 1e30


class ScoreTerms:
    """What is added for one query, for each row of one view."""

    def __init__(
        self,
        view: ReadView,
        query: FusedQuery,
        boosts: Sequence[Boost],
        signals: Mapping[str, float] | None = None,
        again: Mapping[str, float] | None = None,
        without: Iterable[str] = (),
        matches: Sequence[Match] = (),
    ) -> None:
        """signals: what standardised signals count that the query's own boosts do not have.

        again: item_id → what is added to this one item; one that is not there is left out.
        without: items that may not answer; they have so little added that none of them does.
        matches: values of fields that add to the score.
        """
        self._view = view
        self._query = query
        self._boosts = [(boost.field, boost.weight, _shaped(view, boost)) for boost in boosts if boost.weight]
        self._boosts += [(name, weight, view.signal(name)) for name, weight in (signals or {}).items() if weight]
        self._matches = [(match.field, match.weight, _matching(view, match)) for match in matches if match.weight]
        self._words = [(factor, _lexical(view, text)) for factor, text in query.words if factor]
        self._again = _placed(view, {**(again or {}), **dict.fromkeys(without, -np.inf)})
        self._totals: dict[int, Values] = {}

    def __bool__(self) -> bool:
        return bool(self._boosts or self._matches or self._words or self._again)

    def left_out(self) -> list[int]:
        """Return how many rows of each stratum may not answer."""
        known = [self._again.get(place, {}) for place in range(len(self._view.strata))]
        return [sum(value == -np.inf for value in values.values()) for values in known]

    @property
    def are_few(self) -> bool:
        """Whether only a few rows have something added, those of `few`; then `of` is an array of zeros beside them."""
        return not (self._boosts or self._matches or self._words)

    def few(self, place: int) -> Few:
        """Return the rows of a stratum, ascending, that have something added for being known to who asks, and what."""
        known = sorted(self._again.get(place, {}).items())
        rows = np.fromiter((row for row, _ in known), np.int64, len(known))
        return rows, np.fromiter((value for _, value in known), np.float32, len(known))

    def of(self, place: int) -> Values:
        """Return what is added to each row of a stratum, (len(stratum),); the policy for missing blocks is in it."""
        if place not in self._totals:
            self._totals[place] = self._total(place)
        return self._totals[place]

    def _total(self, place: int) -> Values:
        total = np.zeros(self._view.strata[place].count, np.float32)
        for _, weight, values in (*self._boosts, *self._matches):
            total += np.float32(weight) * values[place]
        scale = stratum_scale(self._query, self._view.strata[place].blocks)
        for factor, scores in self._words:
            total += np.float32(factor * (1.0 if scale is None else scale)) * scores[place]
        for local, value in self._again.get(place, {}).items():
            total[local] += value
        # Of several queries it may be the same.
        total.flags.writeable = False
        return total

    def match(self, place: int, local: int) -> float:
        """Return how well the words of one row of a stratum match the query's texts, the mean of their scores."""
        scores = [float(scores[place][local]) for _, scores in self._words]
        return sum(scores) / len(scores) if scores else 0.0

    def shares(self, place: int, local: int) -> dict[str, float]:
        """Return what each adds to one row of a stratum, by the name it has among the contributions."""
        shares: dict[str, float] = {}
        for field, weight, values in self._boosts:
            name = f"boost:{field}"
            shares[name] = shares.get(name, 0.0) + weight * float(values[place][local])
        for field, weight, values in self._matches:
            if values[place][local]:
                name = f"{CHANGE}:{field}"
                shares[name] = shares.get(name, 0.0) + weight * float(values[place][local])
        scale = stratum_scale(self._query, self._view.strata[place].blocks)
        for factor, scores in self._words:
            if scale is not None:
                shares[LEXICAL] = shares.get(LEXICAL, 0.0) + factor * scale * float(scores[place][local])
        again = self._again.get(place, {}).get(local)
        if again is not None:
            shares[AGAIN] = float(again)
        return shares


def _placed(view: ReadView, values: Mapping[str, float]) -> dict[int, dict[int, np.float32]]:
    """Return stratum → row within it → value, of the items that are there."""
    placed: dict[int, dict[int, np.float32]] = {}
    for row, value in zip(view.rows_of(values), values.values(), strict=True):
        if row is not None:
            place = view.place_of(row)
            placed.setdefault(place, {})[row - view.strata[place].start] = np.float32(value)
    return placed


def _shaped(view: ReadView, boost: Boost) -> tuple[Values, ...]:
    """Return the boost's value for each row, 0 where the item has no number there; its weight is not in it."""
    columns = view.columns
    key = ("boost", boost.field, boost.shape, boost.origin, boost.scale)
    return view.column(
        key,
        lambda: _shape(columns.numbers(boost.field), boost),
        partial(_shape_one, boost),
    )


def _matching(view: ReadView, match: Match) -> tuple[Values, ...]:
    """Return the share of each row's value of the field, 0 where it has none of the values; its weight is not in it."""
    columns, path = view.columns, parse_path(match.field)
    shares = dict(match.shares)

    def of_one(payload: Mapping[str, Any]) -> float:
        return max(
            (shares.get(value, 0.0) for value in values_at(payload, path) if isinstance(value, str)), default=0.0
        )

    key = ("match", match.field, match.shares)
    return view.column(key, lambda: _shares(columns.column(path), shares), of_one, passing=True)


def _shares(column: Column, shares: Mapping[str, float]) -> Values:
    table = np.zeros(column.end, np.float32)
    for value, share in shares.items():
        table[column.code(value)] = share
    table[0] = 0.0
    values = np.zeros(column.count, np.float32)
    rows, codes = column.pairs()
    np.maximum.at(values, rows, table[codes])
    return values


def _shape(numbers: NDArray[np.float64], boost: Boost) -> Values:
    with np.errstate(over="ignore", invalid="ignore"):
        if boost.shape is Shape.LOG1P:
            values = np.log1p(np.maximum(numbers, 0.0))
        elif boost.shape is Shape.EXP_DECAY:
            values = np.exp(-np.abs(numbers - boost.origin) / boost.scale)
        else:
            values = numbers
        shaped: Values = np.clip(np.nan_to_num(values, nan=0.0), -_LARGEST, _LARGEST).astype(np.float32)
    return shaped


def _shape_one(boost: Boost, payload: Mapping[str, Any]) -> float:
    return float(_shape(np.array([get_number(payload, boost.field)]), boost)[0])


def _lexical(view: ReadView, text: str) -> tuple[Values, ...]:
    """Return how well the words of each row match a text, 0 where none does."""
    lexical = view.snapshot.lexical
    if lexical is None:
        raise InvalidQuery("expected a snapshot with a block of words, got one without")
    stored = np.zeros(len(view.snapshot), np.float32)
    rows, scores = lexical.scores(text)
    stored[rows] = scores
    parts = [stored[stratum.start : stratum.start + stratum.count] for stratum in view.snapshot.strata]
    if view.delta is not None:
        score = lexical.scorer(text)
        for stratum in view.delta.strata:
            changed = (view.delta.words(row) for row in range(stratum.start, stratum.start + stratum.count))
            parts.append(np.fromiter(map(score, changed), np.float32, stratum.count))
    return tuple(parts)
