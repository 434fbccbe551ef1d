"""Score terms beside the inner product with a row: word matches, field matches, and boosts that the rows do not hold.

A linear boost on a declared signal is a coordinate of the index, and is one of these terms only if it is a strong one.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.columns import Column, get_number, parse_path
from engine.columns.field_values import values_at
from engine.errors import InvalidQuery
from engine.scoring.fusion import LEXICAL, FusedQuery, stratum_scale
from engine.scoring.query import Boost, Match, Shape
from engine.search.read_view import ReadView
from engine.search.stratum_lookup import find_stratum

Values = NDArray[np.float32]

AGAIN = "repeat"
"""Contribution of an item boost: what an item gets because the shopper interacted with it before."""

CHANGE = "change"
"""Prefix of the contribution of a field whose values a changed part asks for."""

# Weights go up to 1e6, and the sum of all terms must stay within float32.
_MAX_VALUE = 1e30


class SparseTerms(NamedTuple):
    """Values that are added to some rows of a stratum.

    Attributes:
        rows: (n,) rows of the stratum, ascending.
        values: (n,) what is added to each; -inf excludes a row.
    """

    rows: NDArray[np.int64]
    values: Values


class ScoreTerms:
    """What is added to each row of one view for one query."""

    def __init__(
        self,
        view: ReadView,
        query: FusedQuery,
        boosts: Sequence[Boost],
        signals: Mapping[str, float] | None = None,
        item_boosts: Mapping[str, float] | None = None,
        excluded_ids: Iterable[str] = (),
        matches: Sequence[Match] = (),
    ) -> None:
        """Compute the terms of a query.

        Args:
            view: The rows.
            query: Its words are scored.
            boosts: Boosts that the rows do not hold.
            signals: Weights of standardised signals that `query.boosts` leaves out.
            item_boosts: item_id → what is added to this one item; unknown ids are ignored.
            excluded_ids: Items that must not be returned; unknown ids are ignored.
            matches: Field values that add to the score.
        """
        self._view = view
        self._query = query
        self._boosts = [(boost.field, boost.weight, _boost_column(view, boost)) for boost in boosts if boost.weight]
        self._boosts += [
            (name, weight, view.columns.signal(name)) for name, weight in (signals or {}).items() if weight
        ]
        self._matches = [(match.field, match.weight, _match_column(view, match)) for match in matches if match.weight]
        self._words = [(factor, _lexical_column(view, text)) for factor, text in query.words if factor]
        self._items = _by_stratum(view, {**(item_boosts or {}), **dict.fromkeys(excluded_ids, -np.inf)})
        self._totals: dict[int, Values] = {}

    def __bool__(self) -> bool:
        return bool(self._boosts or self._matches or self._words or self._items)

    def count_excluded(self) -> list[int]:
        """Return how many rows of each stratum are excluded."""
        items = [self._items.get(index, {}) for index in range(len(self._view.strata))]
        return [sum(value == -np.inf for value in values.values()) for values in items]

    @property
    def are_sparse(self) -> bool:
        """Whether only the rows of `sparse` have something added."""
        return not (self._boosts or self._matches or self._words)

    def sparse(self, index: int) -> SparseTerms:
        """Return what is added to single items of a stratum."""
        items = sorted(self._items.get(index, {}).items())
        rows = np.fromiter((row for row, _ in items), np.int64, len(items))
        return SparseTerms(rows, np.fromiter((value for _, value in items), np.float32, len(items)))

    def totals(self, index: int) -> Values:
        """Return (count,) what is added to each row of a stratum, scaled by the policy for missing blocks."""
        if index not in self._totals:
            self._totals[index] = self._sum(index)
        return self._totals[index]

    def _sum(self, index: int) -> Values:
        total = np.zeros(self._view.strata[index].count, np.float32)
        for _, weight, values in (*self._boosts, *self._matches):
            total += np.float32(weight) * values[index]
        scale = stratum_scale(self._query, self._view.strata[index].blocks)
        for factor, scores in self._words:
            total += np.float32(factor * (1.0 if scale is None else scale)) * scores[index]
        for local, value in self._items.get(index, {}).items():
            total[local] += value
        # Queries of one batch may share it.
        total.flags.writeable = False
        return total

    def match(self, index: int, local: int) -> float:
        """Return how well one row of a stratum matches the query's texts: the mean of their lexical scores."""
        scores = [float(scores[index][local]) for _, scores in self._words]
        return sum(scores) / len(scores) if scores else 0.0

    def contributions(self, index: int, local: int) -> dict[str, float]:
        """Return what each term adds to one row of a stratum, by the name of its contribution."""
        contributions: dict[str, float] = {}
        for field, weight, values in self._boosts:
            name = f"boost:{field}"
            contributions[name] = contributions.get(name, 0.0) + weight * float(values[index][local])
        for field, weight, values in self._matches:
            if values[index][local]:
                name = f"{CHANGE}:{field}"
                contributions[name] = contributions.get(name, 0.0) + weight * float(values[index][local])
        scale = stratum_scale(self._query, self._view.strata[index].blocks)
        for factor, scores in self._words:
            if scale is not None:
                added = factor * scale * float(scores[index][local])
                contributions[LEXICAL] = contributions.get(LEXICAL, 0.0) + added
        item_boost = self._items.get(index, {}).get(local)
        if item_boost is not None:
            contributions[AGAIN] = float(item_boost)
        return contributions


def _by_stratum(view: ReadView, values: Mapping[str, float]) -> dict[int, dict[int, np.float32]]:
    """Return stratum → row within it → value, of the items that exist."""
    by_stratum: dict[int, dict[int, np.float32]] = {}
    for row, value in zip(view.rows_of(values), values.values(), strict=True):
        if row is not None:
            index = find_stratum(view.strata, row)
            by_stratum.setdefault(index, {})[row - view.strata[index].start] = np.float32(value)
    return by_stratum


def _boost_column(view: ReadView, boost: Boost) -> tuple[Values, ...]:
    """Return the boost's value for each row, without its weight; 0 where the item has no number in the field."""
    fields = view.columns.fields
    key = ("boost", boost.field, boost.shape, boost.origin, boost.scale)
    return view.columns.get(
        key,
        lambda: _apply_shape(fields.numbers(boost.field), boost),
        partial(_boost_value, boost),
    )


def _match_column(view: ReadView, match: Match) -> tuple[Values, ...]:
    """Return the share of each row's value of the field, without the weight; 0 where it has none of the values."""
    fields, path = view.columns.fields, parse_path(match.field)
    shares = dict(match.shares)

    def compute_changed(payload: Mapping[str, Any]) -> float:
        return max(
            (shares.get(value, 0.0) for value in values_at(payload, path) if isinstance(value, str)), default=0.0
        )

    key = ("match", match.field, match.shares)
    return view.columns.get(key, lambda: _to_shares(fields.column(path), shares), compute_changed, transient=True)


def _to_shares(column: Column, shares: Mapping[str, float]) -> Values:
    table = np.zeros(column.end, np.float32)
    for value, share in shares.items():
        table[column.code(value)] = share
    table[0] = 0.0
    values = np.zeros(column.count, np.float32)
    rows, codes = column.pairs()
    np.maximum.at(values, rows, table[codes])
    return values


def _apply_shape(numbers: NDArray[np.float64], boost: Boost) -> Values:
    with np.errstate(over="ignore", invalid="ignore"):
        if boost.shape is Shape.LOG1P:
            values = np.log1p(np.maximum(numbers, 0.0))
        elif boost.shape is Shape.EXP_DECAY:
            values = np.exp(-np.abs(numbers - boost.origin) / boost.scale)
        else:
            values = numbers
        shaped: Values = np.clip(np.nan_to_num(values, nan=0.0), -_MAX_VALUE, _MAX_VALUE).astype(np.float32)
    return shaped


def _boost_value(boost: Boost, payload: Mapping[str, Any]) -> float:
    return float(_apply_shape(np.array([get_number(payload, boost.field)]), boost)[0])


def _lexical_column(view: ReadView, text: str) -> tuple[Values, ...]:
    """Return the lexical score of each row for a text, 0 where no word matches."""
    lexical = view.snapshot.lexical
    if lexical is None:
        raise InvalidQuery("expected a snapshot with a lexical block, got one without")
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
