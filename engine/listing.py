"""The list of all hits of one query: its rows, found in windows that grow, then grouped, varied and pinned."""

from collections.abc import Hashable, Iterator
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.additions import Additions
from engine.errors import ItemNotFound
from engine.fusion import FusedQuery, Matrix, contributions, stratum_scale
from engine.planner import Choice
from engine.ranking import Scored, collapsed, diversified, pinned
from engine.records import Diversity, Page, Query
from engine.retrieval import Found, Retriever
from engine.view import Selection, View

# How many times as many rows are looked for when those found so far are not enough.
_NEXT_WINDOW = 4

_MOST_DIVERSE = 1_000
_DIVERSE_PAGES = 10


class Asked(NamedTuple):
    """A query once understood: its place among those asked together, its coefficients and the depth it needs."""

    place: int
    query: Query
    fused: FusedQuery
    choice: Choice
    selection: Selection
    additions: Additions | None
    encode_us: int
    plan_us: int


class Windows:
    """The rows of one query, best first, found in windows that grow, of which no more are looked for than are read.

    A deeper search may find a row that belongs before those already given; it comes after them then, so that what
    one page has shown is never shown again, and what a page might have shown is never left out.
    """

    def __init__(self, asked: Asked, retriever: Retriever) -> None:
        self._asked = asked
        self._retriever = retriever
        self.found = Found(np.empty(0, np.float32), np.empty(0, np.int64), 0, "", 0)
        self.took_ns = 0

    def __iter__(self) -> Iterator[Scored]:
        asked = self._asked
        query = asked.query
        page = query.page or Page(0, query.limit)
        wanted = page.window + 1
        if query.collapse_by:
            wanted *= _NEXT_WINDOW
        if query.diversity is not None:
            wanted = max(wanted, _diverse(query.diversity, page.window))
        if page.shown:
            wanted *= _NEXT_WINDOW
        given = set(page.shown)
        yield from ((0.0, row) for row in page.shown)
        while True:
            started = perf_counter_ns()
            self.found = self._retriever.best(asked.fused, wanted, asked.choice, asked.selection, asked.additions)
            self.took_ns += perf_counter_ns() - started
            for score, row in zip(self.found.scores.tolist(), self.found.rows.tolist(), strict=True):
                if row not in given:
                    given.add(row)
                    yield score, row
            if len(self.found.rows) < wanted:
                return
            wanted *= _NEXT_WINDOW


class Listing:
    """The list of all hits of one query, out of its rows: grouped, varied, with its pins."""

    def __init__(self, asked: Asked, view: View) -> None:
        self._asked = asked
        self._view = view
        query = asked.query
        self._groups = view.groups(query.collapse_by) if query.collapse_by else None

    def hits(self, windows: Windows) -> Iterator[Scored]:
        """Give the hits of all pages, best first."""
        query = self._asked.query
        stream: Iterator[Scored] = iter(windows)
        if query.min_score is not None:
            least = query.min_score
            stream = (scored for scored in stream if scored[0] >= least)
        pins = self._pins()
        rows = {row for _, (_, row) in pins}
        if self._groups is not None:
            taken: set[Hashable] = {group for row in rows if (group := self._group_of(row)) is not None}
            stream = collapsed(stream, self._group_of, rows, taken)
        if query.diversity is not None:
            window = (query.page or Page(0, query.limit)).window
            candidates = _diverse(query.diversity, window)
            stream = diversified(stream, candidates, query.diversity.share, self._vectors, self._asked.fused.weights)
        return pinned(stream, pins) if pins else stream

    def size_of(self, row: int) -> int:
        """Return how many items of the selection share the group of a row, 0 if hits are not grouped."""
        if self._groups is None:
            return 0
        group = self._group_of(row)
        return 1 if group is None else self._groups.size(group, self._asked.selection)

    def _group_of(self, row: int) -> int | None:
        return None if self._groups is None else self._groups.of(row)

    def _pins(self) -> list[tuple[int, Scored]]:
        pins: dict[int, tuple[int, Scored]] = {}
        for pin in self._asked.query.pins:
            try:
                row = self._view.row_of(pin.item_id)
            except ItemNotFound:
                continue
            if row not in pins and self._view.holds(self._asked.selection, row):
                pins[row] = (pin.position, (sum(shares_of(self._asked, row, self._view).values()), row))
        return list(pins.values())

    def _vectors(self, rows: NDArray[np.int64]) -> dict[str, tuple[Matrix, NDArray[np.bool_]]]:
        """Return the vectors of rows by block, zero where missing, and which of them there are."""
        dims = self._view.snapshot.dims
        vectors = {block: np.zeros((len(rows), dim), np.float32) for block, dim in dims.items()}
        there = {block: np.zeros(len(rows), np.bool_) for block in dims}
        places = np.array([self._view.place_of(row) for row in rows.tolist()])
        for place in np.unique(places).tolist():
            stratum = self._view.strata[place]
            inside = np.flatnonzero(places == place)
            stored = stratum.index.rows(rows[inside] - stratum.start)
            for block, span in stratum.layout.spans.items():
                vectors[block][inside] = stored[:, span]
                there[block][inside] = True
        return {block: (vectors[block], there[block]) for block in dims}


def shares_of(asked: Asked, row: int, view: View) -> dict[str, float]:
    """Return what each block and boost adds to the score of one row, nothing for blocks if it is no answer."""
    place = view.place_of(row)
    stratum = view.strata[place]
    local = row - stratum.start
    scale = stratum_scale(asked.fused, stratum.blocks)
    stored = stratum.index.rows(np.array([local]))[0]
    shares = contributions(asked.fused, scale, stored, stratum.layout)
    if asked.additions is not None:
        for name, share in asked.additions.shares(place, local).items():
            shares[name] = shares.get(name, 0.0) + share
    return shares


def _diverse(diversity: Diversity, window: int) -> int:
    return diversity.candidates or min(_MOST_DIVERSE, _DIVERSE_PAGES * window)
