"""Finds the best rows of a view for a fused query: searches every stratum as deep as it needs and merges the results.

What is added beside the inner product (words, boosts that the index does not hold) is searched by the bound of the
threshold algorithm (Fagin, Lotem, Naor 2001): the nearest rows, and the rows with the largest additions, give a score
that the k-th best certainly reaches; then every row is scored that has enough added to reach it without being among
the nearest.
"""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

import numpy as np

from engine.indexes.index import OperatingPoint
from engine.indexes.row_filter import RowFilter
from engine.scoring.fusion import FusedQuery, StratumQuery, stratum_query
from engine.search.depth_planner import MEASURED_K, DepthPlanner, SearchDepth, at_size
from engine.search.read_view import ReadView
from engine.search.row_selection import RowSelection
from engine.search.score_terms import ScoreTerms, SparseTerms
from engine.search.stratum_search import (
    EXACT_STRATEGY,
    Rows,
    Scores,
    count_compared,
    get_strategy,
    is_member,
    search_stratum,
    top_k,
)
from engine.snapshot.snapshot import Stratum

WITH_CELLS = ("ivf", "hnsw")
"""Suffixes of strategies whose depth is a number of cells, or of a graph's candidates."""

# The first round fetches this many times the wanted rows, and rescores at least so many candidates for each.
_FIRST_ROUND = 4
_MIN_FACTOR = 2

# Up to this many times the wanted rows are scored rather than a higher bound computed.
_MAX_SCORED = 40

# From this share of the rows on, scoring all of them costs less than gathering those that could be best.
_SCORE_ALL_SHARE = 1 / 4


class Candidates(NamedTuple):
    """The best rows of one query, best first, and how they were found.

    Attributes:
        scores: (n,) scores.
        rows: (n,) rows of the view.
        candidates: How many rows were rescored exactly.
        strategy: How the largest stratum that was searched was searched, "" if none was.
        nprobe: Cells visited there, 0 if it has none.
    """

    scores: Scores
    rows: Rows
    candidates: int
    strategy: str
    nprobe: int


class Retriever:
    """Finds rows of one view; safe to share between threads."""

    def __init__(self, view: ReadView, depths: DepthPlanner, largest_rows: int) -> None:
        self.view = view
        self.depths = depths
        self._largest_rows = largest_rows

    def nearest_many(
        self,
        queries: Sequence[FusedQuery],
        limit: int,
        point: OperatingPoint,
        selection: RowSelection | None = None,
        terms: Sequence[ScoreTerms | None] = (),
    ) -> list[Candidates]:
        """Return the `limit` best rows of each query over all strata, with one search of each stratum for all queries.

        Args:
            queries: Any number of queries.
            limit: Number of rows for each query.
            point: Depth of the search in the largest stratum.
            selection: The rows that may be returned, None for every live row.
            terms: Sparse terms of each query, empty where only inner products count.
        """
        selected = self.view.everything if selection is None else selection
        k = max(limit, MEASURED_K)
        pieces: list[list[Candidates]] = [[] for _ in queries]
        for number, (stratum, row_filter) in enumerate(zip(self.view.strata, selected.rows, strict=True)):
            by_query = [stratum_query(query, stratum.layout) for query in queries]
            present = [(index, query) for index, query in enumerate(by_query) if query is not None]
            if not present or (row_filter is not None and row_filter.count == 0):
                continue
            rows = stratum.count if row_filter is None else row_filter.count
            sparse = {index: added.sparse(number) for index, added in enumerate(terms) if added}
            lowered = max(map(_count_lowered, sparse.values()), default=0)
            depth = _with_more(at_size(point, k, stratum.count, self._largest_rows), k, lowered)
            first = present[0][1].vector[None]
            vectors = first if len(present) == 1 else np.stack([query.vector for _, query in present])
            scores, ids = search_stratum(stratum, vectors, min(k + lowered, rows), depth, row_filter)
            compared = count_compared(stratum, depth, k + lowered, row_filter)
            for line, (index, query) in enumerate(present):
                found, found_ids = scores[line], ids[line]
                if index in sparse:
                    found, found_ids = _add_sparse(stratum, query, found, found_ids, row_filter, sparse[index])
                pieces[index].append(
                    _to_candidates(stratum, found + np.float32(query.offset), found_ids, depth, compared)
                )
        return [_merge(found, limit) for found in pieces]

    def best(
        self, query: FusedQuery, limit: int, depth: SearchDepth, selection: RowSelection, terms: ScoreTerms | None
    ) -> Candidates:
        """Return the `limit` best rows of a selection; fewer only if the selection has fewer."""
        pieces = []
        for index, (stratum, row_filter) in enumerate(zip(self.view.strata, selection.rows, strict=True)):
            in_stratum = stratum_query(query, stratum.layout)
            matching = stratum.count if row_filter is None else row_filter.count
            if in_stratum is None or matching == 0:
                continue
            k = min(max(limit, MEASURED_K), matching)
            if terms and not terms.are_sparse:
                piece = self._search_with_totals(stratum, in_stratum, k, depth, row_filter, terms.totals(index))
            else:
                sparse = terms.sparse(index) if terms else None
                piece = self._search(stratum, in_stratum, k, depth, row_filter, sparse)
            pieces.append(piece)
        return _merge(pieces, limit)

    def _search(
        self,
        stratum: Stratum,
        query: StratumQuery,
        k: int,
        depth: SearchDepth,
        row_filter: RowFilter | None,
        sparse: SparseTerms | None,
    ) -> Candidates:
        """Return the best rows by inner product and sparse terms."""
        matching = stratum.count if row_filter is None else row_filter.count
        lowered = 0 if sparse is None else _count_lowered(sparse)
        point = _with_more(self._scale(depth, k, stratum, row_filter), k, lowered)
        k = min(k + lowered, matching)
        scores, ids = (found[0] for found in search_stratum(stratum, query.vector[None], k, point, row_filter))
        if sparse is not None:
            scores, ids = _add_sparse(stratum, query, scores, ids, row_filter, sparse)
        compared = count_compared(stratum, point, k, row_filter)
        return _to_candidates(stratum, scores + np.float32(query.offset), ids, point, compared)

    def _search_with_totals(
        self,
        stratum: Stratum,
        query: StratumQuery,
        k: int,
        depth: SearchDepth,
        row_filter: RowFilter | None,
        added: Scores,
    ) -> Candidates:
        """Return the best rows by inner product plus `added`, (count,)."""
        point = self._scale(depth, k, stratum, row_filter)
        if point.exact or not query.vector.any():
            return _score_all(stratum, query, k, row_filter, added)
        matching = stratum.count if row_filter is None else row_filter.count
        wanted = min(_FIRST_ROUND * k, matching)
        # As many candidates are rescored as for the k best alone.
        point = OperatingPoint(point.nprobe, max(_MIN_FACTOR, point.k_factor // _FIRST_ROUND))
        near, near_ids = (found[0] for found in search_stratum(stratum, query.vector[None], wanted, point, row_filter))
        bounds = added if row_filter is None else np.where(row_filter.mask, added, np.float32(-np.inf))
        scores = near + added[near_ids]
        # A row that is not among the nearest has a lower product than the last of them, so it needs the rest added.
        could_be = bounds >= _kth(scores, k) - near[-1]
        if np.count_nonzero(could_be) > _MAX_SCORED * k:
            rows = np.flatnonzero(could_be)
            most = rows[np.argpartition(-bounds[rows], wanted - 1)[:wanted]] if len(rows) > wanted else rows
            most = most[~is_member(most, np.sort(near_ids))]
            more = stratum.index.products(query.vector, most) + added[most]
            could_be = bounds >= _kth(np.concatenate([scores, more]), k) - near[-1]
        could_be[near_ids] = True
        ids = np.flatnonzero(could_be)
        if len(ids) > _SCORE_ALL_SHARE * matching:
            return _score_all(stratum, query, k, row_filter, added)
        scores = stratum.index.products(query.vector, ids) + added[ids]
        best = np.lexsort((ids, -scores))[:k]
        return _to_candidates(stratum, scores[best] + np.float32(query.offset), ids[best], point, len(ids))

    def _scale(self, depth: SearchDepth, k: int, stratum: Stratum, row_filter: RowFilter | None) -> OperatingPoint:
        return self.depths.scale(depth, k, stratum.count, None if row_filter is None else row_filter.count)


def _score_all(
    stratum: Stratum, query: StratumQuery, k: int, row_filter: RowFilter | None, added: Scores
) -> Candidates:
    ids = None if row_filter is None else row_filter.ids
    scores = added.copy() if ids is None else added[ids]
    if query.vector.any():
        scores += stratum.index.products(query.vector, ids)
    best = top_k(scores, k)
    rows = best if ids is None else ids[best]
    return Candidates(scores[best] + np.float32(query.offset), rows + stratum.start, len(scores), EXACT_STRATEGY, 0)


def _kth(scores: Scores, k: int) -> np.float32:
    """Return the k-th best of at least k scores."""
    kth: np.float32 = np.partition(scores, len(scores) - k)[len(scores) - k]
    return kth


def _count_lowered(sparse: SparseTerms) -> int:
    """Return how many of the best rows may drop out because something is subtracted from them."""
    return int(np.count_nonzero(sparse.values < 0))


def _with_more(depth: OperatingPoint, k: int, lowered: int) -> OperatingPoint:
    """Return the depth for `k + lowered` results that rescores as many candidates as for `k`, plus `lowered`."""
    if depth.exact or not lowered:
        return depth
    return OperatingPoint(depth.nprobe, ceil((k * depth.k_factor + lowered) / (k + lowered)))


def _add_sparse(
    stratum: Stratum,
    query: StratumQuery,
    scores: Scores,
    ids: Rows,
    row_filter: RowFilter | None,
    sparse: SparseTerms,
) -> tuple[Scores, Rows]:
    """Return the best rows of a stratum after sparse terms are added.

    Only the rows of the sparse terms have to be scored: any other row that is not among `ids` stays below as many rows
    as before.

    Args:
        stratum: Holds the rows.
        query: The query in this stratum.
        scores: (n,) scores of the best rows by inner product, `_count_lowered` more of them than are wanted.
        ids: (n,) those rows.
        row_filter: The rows that may be returned.
        sparse: What is added.
    """
    rows, values = sparse
    if row_filter is not None:
        may_return = row_filter.mask[rows]
        rows, values = rows[may_return], values[may_return]
    others = ~is_member(ids, rows)
    rows, values = rows[values > -np.inf], values[values > -np.inf]
    count = len(ids)
    scores, ids = scores[others], ids[others]
    if len(rows):
        scores = np.concatenate([scores, stratum.index.products(query.vector, rows) + values])
        ids = np.concatenate([ids, rows])
        best = np.lexsort((ids, -scores))[:count]
        scores, ids = scores[best], ids[best]
    return scores, ids


def _to_candidates(stratum: Stratum, scores: Scores, ids: Rows, depth: OperatingPoint, compared: int) -> Candidates:
    strategy = get_strategy(stratum, depth)
    nprobe = depth.nprobe if strategy.endswith(WITH_CELLS) else 0
    return Candidates(scores, ids + stratum.start, compared, strategy, nprobe)


def _merge(pieces: Sequence[Candidates], limit: int) -> Candidates:
    """Return the best of all strata; the first of them is the largest."""
    if not pieces:
        return Candidates(np.empty(0, np.float32), np.empty(0, np.int64), 0, "", 0)
    scores, rows = pieces[0].scores, pieces[0].rows
    if len(pieces) > 1:
        scores = np.concatenate([piece.scores for piece in pieces])
        rows = np.concatenate([piece.rows for piece in pieces])
    # Within one stratum FAISS returns equal scores in any order.
    if len(pieces) > 1 or (scores[1:] == scores[:-1]).any():
        order = np.lexsort((rows, -scores))
        scores, rows = scores[order], rows[order]
    scores, rows = scores[:limit], rows[:limit]
    if len(scores) and scores[-1] == -np.inf:
        keep = np.isfinite(scores)
        scores, rows = scores[keep], rows[keep]
    candidates = sum(piece.candidates for piece in pieces)
    return Candidates(scores, rows, candidates, pieces[0].strategy, pieces[0].nprobe)
