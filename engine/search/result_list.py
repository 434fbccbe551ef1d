"""The list of all hits of one query: rows found in growing windows, then grouped, diversified and pinned."""

from collections.abc import Hashable, Iterator
from itertools import chain, islice
from time import perf_counter_ns

import numpy as np

from engine.errors import ItemNotFound
from engine.scoring.fusion import contributions, stratum_scale
from engine.scoring.query import Diversity, Page
from engine.search.planned_query import PlannedQuery
from engine.search.read_view import ReadView
from engine.search.rerank import Scored, collapse, diversify, insert_pins
from engine.search.retriever import Candidates, Retriever
from engine.search.stratum_lookup import find_stratum
from engine.search.stratum_search import EXACT_STRATEGY

# Factor of the window when the rows found so far are not enough.
_WINDOW_GROWTH = 4

_MAX_DIVERSIFIED = 1_000
_DIVERSIFIED_PAGES = 10


class ResultList:
    """The hits of one query in the order of all its pages; no more rows are searched than the pages need.

    The list is made in blocks as long as the first page. A later block may need a deeper search, which may find rows
    that belong in an earlier block: these then stand in the later block, so that no page repeats an item and no item
    that could have been shown is left out.

    Attributes:
        found: The rows that the deepest search found.
        search_ns: Time that searching took.
    """

    def __init__(self, planned: PlannedQuery, retriever: Retriever) -> None:
        query = planned.query
        self._planned = planned
        self._view = retriever.view
        self._retriever = retriever
        self._page = query.page or Page(0, query.limit)
        self._groups = self._view.columns.groups(query.collapse_by) if query.collapse_by else None
        self._pins = self._resolve_pins()
        self._pinned_rows = {row for _, (_, row) in self._pins}
        self._pinned_groups: set[Hashable] = {
            group for row in self._pinned_rows if (group := self._group(row)) is not None
        }
        self._ranked: list[Scored] = []
        self._window = 0
        self._passing = -1
        self._is_confirmed = False
        self._has_next = False
        self._last_drawn: set[int] = set()
        self.found = Candidates(np.empty(0, np.float32), np.empty(0, np.int64), 0, "", 0)
        self.search_ns = 0

    def page(self, offset: int, limit: int) -> tuple[list[Scored], bool]:
        """Return at most `limit` hits from `offset` on, and whether more follow."""
        stream = insert_pins(self._blocks(), self._pins) if self._pins else self._blocks()
        hits = list(islice(stream, offset + limit))
        returned = {row for _, row in hits}
        # A pin may stand before the row that the last block returned.
        waiting = (self._pinned_rows | self._last_drawn) - returned
        more = len(hits) == offset + limit and (self._has_next or bool(waiting))
        return hits[offset:], more

    def group_size(self, row: int) -> int:
        """Return how many selected items share the group of a row, 0 if hits are not grouped."""
        if self._groups is None:
            return 0
        group = self._group(row)
        return 1 if group is None else self._groups.size(group, self._planned.selection)

    def _blocks(self) -> Iterator[Scored]:
        """Yield the hits block by block; `_has_next` is whether any follow those yielded."""
        length = self._page.window
        returned: set[int] = set(self._page.shown)
        groups: set[Hashable] = {group for row in returned if (group := self._group(row)) is not None}
        self._has_next = True
        yield from ((0.0, row) for row in self._page.shown)
        self._search(self._first_window() * (_WINDOW_GROWTH if self._page.shown else 1))
        waiting = self._new_hits(returned, groups)
        while True:
            block = list(islice(waiting, length + 1))
            if len(block) <= length and not self._is_complete:
                self._search(self._window * _WINDOW_GROWTH)
                waiting = self._new_hits(returned, groups)
                continue
            for position, (score, row) in enumerate(block[:length]):
                self._has_next = len(block) > position + 1
                returned.add(row)
                group = self._group(row)
                if group is not None:
                    groups.add(group)
                self._last_drawn = {row}
                yield score, row
            if len(block) <= length:
                self._has_next = False
                return
            waiting = chain(block[length:], waiting)

    def _new_hits(self, returned: set[int], groups: set[Hashable]) -> Iterator[Scored]:
        """Yield the rows found in the order of hits, without pinned rows and rows or groups returned before."""
        for score, row in self._diversified():
            if row not in returned and row not in self._pinned_rows and self._group(row) not in groups:
                yield score, row

    def _first_window(self) -> int:
        query, window = self._planned.query, self._page.window
        wanted = window + 1 + len(self._pins)
        if query.collapse_by:
            wanted *= _WINDOW_GROWTH
        return max(wanted, self._diversified_count)

    def _search(self, window: int) -> None:
        """Search for `window` rows, and for more until there are enough to diversify."""
        planned = self._planned
        while True:
            started = perf_counter_ns()
            self._window = window
            self.found = self._retriever.best(planned.fused, window, planned.depth, planned.selection, planned.terms)
            self.search_ns += perf_counter_ns() - started
            self._confirm()
            self._ranked = self._rank()
            if len(self._ranked) >= self._diversified_count or self._is_complete:
                return
            window *= _WINDOW_GROWTH

    @property
    def _is_complete(self) -> bool:
        """Whether a larger window would find no further hit."""
        if len(self.found.rows) < self._window:
            return True
        min_score = self._planned.query.min_score
        if min_score is not None and self.found.scores[-1] < min_score:
            return self._is_confirmed
        if self._groups is None:
            return False
        found = sum(row not in self._pinned_rows for _, row in self._ranked)
        ungrouped = sum(self._group(row) is None for row in self._pinned_rows)
        return found + ungrouped + len(self._pinned_groups) >= self._groups.count(self._planned.selection)

    def _confirm(self) -> None:
        """Record whether the rows that pass the minimum score are all of them, as far as a search can tell.

        An approximate search may miss a row above the minimum although its last row is below it, so the list ends only
        where a deeper search finds no more of them.
        """
        min_score = self._planned.query.min_score
        if min_score is not None:
            passing = int(np.count_nonzero(self.found.scores >= min_score))
            self._is_confirmed = self.found.strategy == EXACT_STRATEGY or passing == self._passing
            self._passing = passing

    def _rank(self) -> list[Scored]:
        """Return the rows found, best first, without those below the minimum score and all but the best of a group."""
        stream: Iterator[Scored] = zip(self.found.scores.tolist(), self.found.rows.tolist(), strict=True)
        min_score = self._planned.query.min_score
        if min_score is not None:
            stream = (scored for scored in stream if scored[0] >= min_score)
        if self._groups is not None:
            stream = collapse(stream, self._group, self._pinned_rows, self._pinned_groups)
        return list(stream)

    @property
    def _diversified_count(self) -> int:
        """How many of the best hits are reordered for diversity."""
        diversity = self._planned.query.diversity
        return 0 if diversity is None else _count_diversified(diversity, self._page.window)

    def _diversified(self) -> Iterator[Scored]:
        diversity = self._planned.query.diversity
        if diversity is None:
            return iter(self._ranked)
        weights = self._planned.fused.weights
        vectors_of = self._view.vectors_of
        return diversify(iter(self._ranked), self._diversified_count, diversity.share, vectors_of, weights)

    def _group(self, row: int) -> int | None:
        return None if self._groups is None else self._groups.get(row)

    def _resolve_pins(self) -> list[tuple[int, Scored]]:
        """Return each pin that may be returned as its position and its scored row; the first pin of an item wins."""
        pins: dict[int, tuple[int, Scored]] = {}
        for pin in self._planned.query.pins:
            try:
                row = self._view.get_row(pin.item_id)
            except ItemNotFound:
                continue
            if row not in pins and self._view.selector.contains(self._planned.selection, row):
                score = sum(get_contributions(self._planned, row, self._view).values())
                pins[row] = (pin.position, (score, row))
        return list(pins.values())


def get_contributions(planned: PlannedQuery, row: int, view: ReadView) -> dict[str, float]:
    """Return what each block and boost adds to the score of one row; blocks add nothing if the policy drops the row."""
    index = find_stratum(view.strata, row)
    stratum = view.strata[index]
    local = row - stratum.start
    scale = stratum_scale(planned.fused, stratum.blocks)
    stored = stratum.index.rows(np.array([local]))[0]
    shares = contributions(planned.fused, scale, stored, stratum.layout)
    if planned.terms is not None:
        for name, share in planned.terms.contributions(index, local).items():
            shares[name] = shares.get(name, 0.0) + share
    return shares


def _count_diversified(diversity: Diversity, window: int) -> int:
    return diversity.candidates or min(_MAX_DIVERSIFIED, _DIVERSIFIED_PAGES * window)
