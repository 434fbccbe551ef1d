"""The list of all hits of one query: its rows, found in windows that grow, then grouped, varied and pinned."""

from collections.abc import Hashable, Iterator
from itertools import chain, islice
from time import perf_counter_ns
from typing import NamedTuple

import numpy as np

from engine.errors import ItemNotFound
from engine.scoring.fusion import FusedQuery, contributions, stratum_scale
from engine.scoring.query import Diversity, Page, Query
from engine.search.planner import SearchDepth
from engine.search.read_view import ReadView
from engine.search.rerank import Scored, collapsed, diversified, pinned
from engine.search.retriever import Candidates, Retriever
from engine.search.row_selection import RowSelection
from engine.search.score_terms import ScoreTerms

# How many times as many rows are looked for when those found so far are not enough.
_NEXT_WINDOW = 4

_MOST_DIVERSE = 1_000
_DIVERSE_PAGES = 10


class PlannedQuery(NamedTuple):
    """A query once understood: its place among those asked together, its coefficients and the depth it needs."""

    place: int
    query: Query
    fused: FusedQuery
    choice: SearchDepth
    selection: RowSelection
    additions: ScoreTerms | None
    encode_us: int
    plan_us: int


class ResultList:
    """The hits of one query in the order of all its pages; no more rows are looked for than the pages need.

    The list is made in blocks as long as the first page. A later block may need a deeper search, and that may find
    what belongs into an earlier one: it then stands in the later block, so that no page repeats an item, and none
    that could have been shown is left out.
    """

    def __init__(self, asked: PlannedQuery, retriever: Retriever) -> None:
        query = asked.query
        self._asked = asked
        self._view = retriever.view
        self._retriever = retriever
        self._page = query.page or Page(0, query.limit)
        self._groups = self._view.groups(query.collapse_by) if query.collapse_by else None
        self._pins = self._pinned()
        self._pinned_rows = {row for _, (_, row) in self._pins}
        self._pinned_groups: set[Hashable] = {
            group for row in self._pinned_rows if (group := self._group_of(row)) is not None
        }
        self._grouped: list[Scored] = []
        self._wanted = 0
        self._left = False
        self._drawn: set[int] = set()
        self.found = Candidates(np.empty(0, np.float32), np.empty(0, np.int64), 0, "", 0)
        """What the deepest search found."""
        self.took_ns = 0
        """How long searching took."""

    def page(self, offset: int, limit: int) -> tuple[list[Scored], bool]:
        """Return the hits from `offset` on, `limit` at most, and whether there are more behind them."""
        stream = pinned(self._blocks(), self._pins) if self._pins else self._blocks()
        hits = list(islice(stream, offset + limit))
        given = {row for _, row in hits}
        # A pin may stand before the row that the last block gave.
        waiting = (self._pinned_rows | self._drawn) - given
        more = len(hits) == offset + limit and (self._left or bool(waiting))
        return hits[offset:], more

    def _blocks(self) -> Iterator[Scored]:
        """Give the hits block by block; `_left` tells whether any follow those given."""
        length = self._page.window
        given: set[int] = set(self._page.shown)
        groups: set[Hashable] = {group for row in given if (group := self._group_of(row)) is not None}
        self._left = True
        yield from ((0.0, row) for row in self._page.shown)
        self._look(self._first_window() * (_NEXT_WINDOW if self._page.shown else 1))
        waiting = self._fresh(given, groups)
        while True:
            fresh = list(islice(waiting, length + 1))
            if len(fresh) <= length and not self._is_all:
                self._look(self._wanted * _NEXT_WINDOW)
                waiting = self._fresh(given, groups)
                continue
            for place, (score, row) in enumerate(fresh[:length]):
                self._left = len(fresh) > place + 1
                given.add(row)
                group = self._group_of(row)
                if group is not None:
                    groups.add(group)
                self._drawn = {row}
                yield score, row
            if len(fresh) <= length:
                self._left = False
                return
            waiting = chain(fresh[length:], waiting)

    def _fresh(self, given: set[int], groups: set[Hashable]) -> Iterator[Scored]:
        """Give the rows found in the order of hits, but for those given, those of groups given, and those pinned."""
        for score, row in self._varied():
            if row not in given and row not in self._pinned_rows and self._group_of(row) not in groups:
                yield score, row

    def _first_window(self) -> int:
        query, window = self._asked.query, self._page.window
        wanted = window + 1 + len(self._pins)
        if query.collapse_by:
            wanted *= _NEXT_WINDOW
        return max(wanted, self._varied_count)

    def _look(self, wanted: int) -> None:
        """Look for so many rows, or for more if those are not enough to be varied."""
        asked = self._asked
        while True:
            started = perf_counter_ns()
            self._wanted = wanted
            self.found = self._retriever.best(asked.fused, wanted, asked.choice, asked.selection, asked.additions)
            self.took_ns += perf_counter_ns() - started
            self._grouped = self._group()
            if len(self._grouped) >= self._varied_count or self._is_all:
                return
            wanted *= _NEXT_WINDOW

    @property
    def _is_all(self) -> bool:
        """Whether a deeper look would find no further hit."""
        if len(self.found.rows) < self._wanted:
            return True
        least = self._asked.query.min_score
        if least is not None and self.found.scores[-1] < least:
            return True
        if self._groups is None:
            return False
        found = sum(row not in self._pinned_rows for _, row in self._grouped)
        alone = sum(self._group_of(row) is None for row in self._pinned_rows)
        return found + alone + len(self._pinned_groups) >= self._groups.count(self._asked.selection)

    def _group(self) -> list[Scored]:
        """Return the rows found, best first: those too low left out, and of each group all but the best."""
        stream: Iterator[Scored] = zip(self.found.scores.tolist(), self.found.rows.tolist(), strict=True)
        if self._asked.query.min_score is not None:
            least = self._asked.query.min_score
            stream = (scored for scored in stream if scored[0] >= least)
        if self._groups is not None:
            stream = collapsed(stream, self._group_of, self._pinned_rows, self._pinned_groups)
        return list(stream)

    @property
    def _varied_count(self) -> int:
        """How many of the best are put into another order for the sake of variety."""
        diversity = self._asked.query.diversity
        return 0 if diversity is None else _diverse(diversity, self._page.window)

    def _varied(self) -> Iterator[Scored]:
        diversity = self._asked.query.diversity
        if diversity is None:
            return iter(self._grouped)
        weights = self._asked.fused.weights
        vectors_of = self._view.vectors_of
        return diversified(iter(self._grouped), self._varied_count, diversity.share, vectors_of, weights)

    def size_of(self, row: int) -> int:
        """Return how many items of the selection share the group of a row, 0 if hits are not grouped."""
        if self._groups is None:
            return 0
        group = self._group_of(row)
        return 1 if group is None else self._groups.size(group, self._asked.selection)

    def _group_of(self, row: int) -> int | None:
        return None if self._groups is None else self._groups.of(row)

    def _pinned(self) -> list[tuple[int, Scored]]:
        pins: dict[int, tuple[int, Scored]] = {}
        for pin in self._asked.query.pins:
            try:
                row = self._view.row_of(pin.item_id)
            except ItemNotFound:
                continue
            if row not in pins and self._view.holds(self._asked.selection, row):
                pins[row] = (pin.position, (sum(shares_of(self._asked, row, self._view).values()), row))
        return list(pins.values())


def shares_of(asked: PlannedQuery, row: int, view: ReadView) -> dict[str, float]:
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
