"""The best rows of a view for one fused query: every stratum searched at the depth it needs, one ranked list of all.

What is added beside the inner product (words, boosts that the index does not hold) is searched by the bound of the
threshold algorithm (Fagin, Lotem, Naor 2001): the nearest rows, and those with most added, give a score that is
reached for sure; then every row is scored that has enough added to reach it without being among the nearest.
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.indexes.index import EXACT, OperatingPoint
from engine.indexes.row_filter import RowFilter
from engine.scoring.fusion import FusedQuery, StratumQuery, stratum_query
from engine.search.planner import MEASURED_K, Planner, SearchDepth, at_size
from engine.search.read_view import ReadView
from engine.search.row_selection import RowSelection
from engine.search.score_terms import Few, ScoreTerms
from engine.snapshot.snapshot import Stratum

EXACT_STRATEGY = "exact"
WITH_CELLS = ("ivf", "hnsw")
"""Ends of the names of strategies whose depth is a number of cells, or of a graph's candidates."""

# How many of the nearest rows are looked at, in wanted ones, and how many candidates are rescored for each.
_FIRST_LOOK = 4
_LEAST_FACTOR = 2

# So many rows are scored, in wanted ones, rather than a higher bound looked for.
_FEW = 40

# From this share of the rows on, scoring all of them costs less than picking out the ones that could be best.
_ALL_FROM = 1 / 4

Scores = NDArray[np.float32]
Rows = NDArray[np.int64]


class Candidates(NamedTuple):
    """The best rows of one query, best first, and how they were looked for.

    strategy: how the largest stratum that was looked at was searched; "" if none was.   nprobe: 0 where there are no
    cells.   candidates: how many rows were rescored exactly.
    """

    scores: Scores
    rows: Rows
    candidates: int
    strategy: str
    nprobe: int


class Retriever:
    """Finds rows of one view; any number of threads may ask."""

    def __init__(self, view: ReadView, planner: Planner, largest_rows: int) -> None:
        self.view = view
        self.planner = planner
        self._largest_rows = largest_rows

    def nearest_many(
        self,
        queries: Sequence[FusedQuery],
        limit: int,
        point: OperatingPoint,
        selection: RowSelection | None = None,
        additions: Sequence[ScoreTerms | None] = (),
    ) -> list[Candidates]:
        """Return the `limit` best rows of each query over all strata, one search of each stratum for all of them.

        Every row that is alive may answer, or those of a selection.
        additions: of each query, such as add to a few rows; none where left out, and only inner products count.
        """
        selected = self.view.everything if selection is None else selection
        k = max(limit, MEASURED_K)
        pieces: list[list[Candidates]] = [[] for _ in queries]
        for number, (stratum, some) in enumerate(zip(self.view.strata, selected.rows, strict=True)):
            asked = [stratum_query(query, stratum.layout) for query in queries]
            present = [(place, one) for place, one in enumerate(asked) if one is not None]
            if not present or (some is not None and some.count == 0):
                continue
            rows = stratum.count if some is None else some.count
            few = {place: added.few(number) for place, added in enumerate(additions) if added}
            lowered = max(map(_lowered, few.values()), default=0)
            depth = _with_more(at_size(point, k, stratum.count, self._largest_rows), k, lowered)
            first = present[0][1].vector[None]
            vectors = first if len(present) == 1 else np.stack([one.vector for _, one in present])
            scores, ids = _search(stratum, vectors, min(k + lowered, rows), depth, some)
            compared = _compared(stratum, depth, k + lowered, some)
            for line, (place, one) in enumerate(present):
                found, found_ids = scores[line], ids[line]
                if place in few:
                    found, found_ids = _with_few(stratum, one, found, found_ids, some, few[place])
                pieces[place].append(
                    _piece(stratum, found + np.float32(one.offset), found_ids + stratum.start, depth, compared)
                )
        return [_merged(found, limit) for found in pieces]

    def best(
        self, query: FusedQuery, limit: int, choice: SearchDepth, selection: RowSelection, additions: ScoreTerms | None
    ) -> Candidates:
        """Return the `limit` best rows of a selection; fewer only if fewer may answer."""
        pieces = []
        for place, (stratum, some) in enumerate(zip(self.view.strata, selection.rows, strict=True)):
            one = stratum_query(query, stratum.layout)
            matching = stratum.count if some is None else some.count
            if one is None or matching == 0:
                continue
            k = min(max(limit, MEASURED_K), matching)
            if additions and not additions.are_few:
                piece = self._with_additions(stratum, one, k, choice, some, additions.of(place))
            else:
                piece = self._without(stratum, one, k, choice, some, additions.few(place) if additions else None)
            pieces.append(piece)
        return _merged(pieces, limit)

    def _without(
        self, stratum: Stratum, one: StratumQuery, k: int, choice: SearchDepth, some: RowFilter | None, few: Few | None
    ) -> Candidates:
        """Return the best rows by inner product, and by what is added to a few of them."""
        matching = stratum.count if some is None else some.count
        lowered = 0 if few is None else _lowered(few)
        depth = _with_more(self._depth(choice, k, stratum, some), k, lowered)
        k = min(k + lowered, matching)
        scores, ids = (found[0] for found in _search(stratum, one.vector[None], k, depth, some))
        if few is not None:
            scores, ids = _with_few(stratum, one, scores, ids, some, few)
        compared = _compared(stratum, depth, k, some)
        return _piece(stratum, scores + np.float32(one.offset), ids + stratum.start, depth, compared)

    def _with_additions(
        self, stratum: Stratum, one: StratumQuery, k: int, choice: SearchDepth, some: RowFilter | None, added: Scores
    ) -> Candidates:
        depth = self._depth(choice, k, stratum, some)
        if depth.exact or not one.vector.any():
            return self._all(stratum, one, k, some, added)
        matching = stratum.count if some is None else some.count
        wanted = min(_FIRST_LOOK * k, matching)
        # As many candidates are rescored as if only the k best were looked for.
        depth = OperatingPoint(depth.nprobe, max(_LEAST_FACTOR, depth.k_factor // _FIRST_LOOK))
        near, near_ids = (found[0] for found in _search(stratum, one.vector[None], wanted, depth, some))
        open_to = added if some is None else np.where(some.mask, added, np.float32(-np.inf))
        scores = near + added[near_ids]
        # Who is not among the nearest has a lower product than the last of them, and needs at least the rest added.
        could_be = open_to >= _kth(scores, k) - near[-1]
        if np.count_nonzero(could_be) > _FEW * k:
            rows = np.flatnonzero(could_be)
            most = rows[np.argpartition(-open_to[rows], wanted - 1)[:wanted]] if len(rows) > wanted else rows
            most = most[~_among(most, np.sort(near_ids))]
            more = stratum.index.products(one.vector, most) + added[most]
            could_be = open_to >= _kth(np.concatenate([scores, more]), k) - near[-1]
        could_be[near_ids] = True
        ids = np.flatnonzero(could_be)
        if len(ids) <= _ALL_FROM * matching:
            scores = stratum.index.products(one.vector, ids) + added[ids]
            best = np.lexsort((ids, -scores))[:k]
            return _piece(stratum, scores[best] + np.float32(one.offset), ids[best] + stratum.start, depth, len(ids))
        return self._all(stratum, one, k, some, added)

    def _all(self, stratum: Stratum, one: StratumQuery, k: int, some: RowFilter | None, added: Scores) -> Candidates:
        ids = None if some is None else some.ids
        scores = added.copy() if ids is None else added[ids]
        if one.vector.any():
            scores += stratum.index.products(one.vector, ids)
        best = _best(scores, k)
        rows = best if ids is None else ids[best]
        return Candidates(scores[best] + np.float32(one.offset), rows + stratum.start, len(scores), EXACT_STRATEGY, 0)

    def _depth(self, choice: SearchDepth, k: int, stratum: Stratum, some: RowFilter | None) -> OperatingPoint:
        return self.planner.depth(choice, k, stratum.count, None if some is None else some.count)


def _kth(scores: Scores, k: int) -> np.float32:
    """Return the k-th best of at least k scores."""
    kth: np.float32 = np.partition(scores, len(scores) - k)[len(scores) - k]
    return kth


def _best(scores: Scores, k: int) -> Rows:
    """Return the places of the k best scores, best first, of equal ones those that stand first."""
    places = np.arange(len(scores))
    if k < len(scores):
        least = _kth(scores, k)
        above = np.flatnonzero(scores > least)
        places = np.concatenate([above, np.flatnonzero(scores == least)[: k - len(above)]])
    best: Rows = places[np.lexsort((places, -scores[places]))]
    return best


def _lowered(few: Few) -> int:
    """Return how many of the best rows may be none any more for what is added to them."""
    return int(np.count_nonzero(few[1] < 0))


def _with_more(depth: OperatingPoint, k: int, lowered: int) -> OperatingPoint:
    """Return the depth for `k` answers of which so many more are looked for: as many candidates again, and no more."""
    if depth.exact or not lowered:
        return depth
    return OperatingPoint(depth.nprobe, ceil((k * depth.k_factor + lowered) / (k + lowered)))


def _with_few(
    stratum: Stratum, one: StratumQuery, scores: Scores, ids: Rows, some: RowFilter | None, few: Few
) -> tuple[Scores, Rows]:
    """Return the best of a stratum where values are added to a few of its rows; -inf leaves a row out.

    scores, ids: the best by inner product, `_lowered` more of them than are wanted. Whoever is not among these and has
    nothing added is below as many rows afterwards too, so only the few have to be scored.
    """
    rows, values = few
    if some is not None:
        open_to = some.mask[rows]
        rows, values = rows[open_to], values[open_to]
    others = ~_among(ids, rows)
    rows, values = rows[values > -np.inf], values[values > -np.inf]
    count = len(ids)
    scores, ids = scores[others], ids[others]
    if len(rows):
        scores = np.concatenate([scores, stratum.index.products(one.vector, rows) + values])
        ids = np.concatenate([ids, rows])
        best = np.lexsort((ids, -scores))[:count]
        scores, ids = scores[best], ids[best]
    return scores, ids


def _among(ids: Rows, rows: Rows) -> NDArray[np.bool_]:
    """Return which ids are among some rows, which ascend; numpy's isin takes ten times as long for so few."""
    if len(rows) == 0:
        return np.zeros(len(ids), np.bool_)
    found: NDArray[np.bool_] = rows[np.minimum(np.searchsorted(rows, ids), len(rows) - 1)] == ids
    return found


def _search(
    stratum: Stratum, vectors: NDArray[np.float32], k: int, depth: OperatingPoint, some: RowFilter | None
) -> tuple[Scores, Rows]:
    """Search one stratum; where the cells visited hold too few rows that may answer, every row is compared."""
    matching = stratum.count if some is None else some.count
    if not _is_exact(stratum, depth):
        scores, ids = stratum.index.search(vectors, k, depth, some)
        if ids[:, min(k, matching) - 1].min() >= 0:
            return scores, ids
    # One more, to see whether the last of the best has an equal: FAISS keeps any of them, and the first is wanted.
    scores, ids = stratum.index.search(vectors, min(k + 1, matching), EXACT, some)
    if matching > k:
        for place in np.flatnonzero(scores[:, k - 1] == scores[:, k]).tolist():
            rows = np.arange(stratum.count) if some is None else some.ids
            products = stratum.index.products(vectors[place], rows)
            best = _best(products, k)
            scores[place, :k], ids[place, :k] = products[best], rows[best]
    return scores[:, :k], ids[:, :k]


def _is_exact(stratum: Stratum, depth: OperatingPoint) -> bool:
    return depth.exact or stratum.index.strategy == EXACT_STRATEGY


def _compared(stratum: Stratum, depth: OperatingPoint, k: int, some: RowFilter | None) -> int:
    """Return how many rows of a stratum are compared exactly."""
    matching = stratum.count if some is None else some.count
    return matching if _is_exact(stratum, depth) else min(matching, k * depth.k_factor)


def _piece(stratum: Stratum, scores: Scores, rows: Rows, depth: OperatingPoint, compared: int) -> Candidates:
    strategy = EXACT_STRATEGY if _is_exact(stratum, depth) else stratum.index.strategy
    nprobe = depth.nprobe if strategy.endswith(WITH_CELLS) else 0
    return Candidates(scores, rows, compared, strategy, nprobe)


def _merged(pieces: Sequence[Candidates], limit: int) -> Candidates:
    """Return the best of what the strata found; the first of them is the largest."""
    if not pieces:
        return Candidates(np.empty(0, np.float32), np.empty(0, np.int64), 0, "", 0)
    scores, rows = pieces[0].scores, pieces[0].rows
    if len(pieces) > 1:
        scores = np.concatenate([piece.scores for piece in pieces])
        rows = np.concatenate([piece.rows for piece in pieces])
    # Within one stratum FAISS gives equal scores in any order.
    if len(pieces) > 1 or (scores[1:] == scores[:-1]).any():
        order = np.lexsort((rows, -scores))
        scores, rows = scores[order], rows[order]
    scores, rows = scores[:limit], rows[:limit]
    if len(scores) and scores[-1] == -np.inf:
        keep = np.isfinite(scores)
        scores, rows = scores[keep], rows[keep]
    candidates = sum(piece.candidates for piece in pieces)
    return Candidates(scores, rows, candidates, pieces[0].strategy, pieces[0].nprobe)
