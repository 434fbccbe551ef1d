"""A FAISS index in memory over rows that stay on disk.

`rows.faiss` holds the float16 rows and is mapped, never read whole; `index.faiss`, if it exists, finds candidates that
are then rescored exactly on the rows. Without it every row is compared.
"""

from collections.abc import Callable
from functools import cached_property, lru_cache
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.indexes.index import OperatingPoint
from engine.indexes.row_filter import RowFilter
from engine.indexes.stored_rows import MappedRows, end_short_rows, read_candidates

# A filter that keeps this share of the rows needs no extra depth.
NEARLY_ALL = 0.9

# If the nearest quarter of the cells, or all visited cells, hold less than these shares of the rows that a random
# filter would leave in them, the filter keeps rows far from the query. Measured on 100,000 clustered items with a
# filter that keeps the half far from the query: recall .91 at the depth of other filters, .97 in all cells, 1.00 with
# four times the candidates as well. One random filter in a hundred is mistaken for such a filter.
FAR_SHARES = ((0.25, 0.8), (1.0, 0.9))
FAR_FACTOR = 4

Scores = NDArray[np.float32]
Ids = NDArray[np.int64]


class CpuIndex:
    """Rows searched by FAISS on the CPU, with one thread a call by default."""

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self.threads = threads
        self._rows = MappedRows(directory)
        self._candidates = read_candidates(directory, self._rows)
        if self._candidates is None:
            self._refined = None
            self.strategy = "exact"
            return
        self._refined = faiss.IndexRefine(self._candidates, self._rows.stored)
        self.strategy = strategy_of(self._candidates)

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def nlist(self) -> int:
        """Number of cells, 1 for an index without cells."""
        ivf = faiss.try_extract_index_ivf(self._candidates) if self._candidates is not None else None
        return int(ivf.nlist) if ivf is not None else 1

    def search(
        self, queries: NDArray[np.float32], k: int, point: OperatingPoint, rows: RowFilter | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k best rows for each query, best first; short lines end in -inf, -1.

        With a filter, nprobe counts only cells that hold any of its rows, and more are visited if these hold fewer than
        the average cell: all rows that a filter keeps may be far from the query.
        """
        # OpenMP's thread count belongs to the calling thread, so it is set at the call.
        faiss.omp_set_num_threads(self.threads)
        if self._refined is None or point.exact or (rows is not None and not (self.selects and rows.count)):
            return self._rows.search(queries, k, rows)
        point = self._within(point)
        if rows is None:
            found = self._refined.search(queries, k, params=refine_parameters(self.strategy, point))
            return end_short_rows(*found)
        selectors = self._selectors(rows)
        if selectors.counts is None:
            found = self._refined.search(queries, k, params=_to_parameters(self.strategy, point, selectors))
            return end_short_rows(*found)
        pieces = []
        for query in queries:
            depth = self._deepen(query, point, selectors.counts)
            parameters = _to_parameters(self.strategy, depth, selectors)
            pieces.append(self._refined.search(query[None], k, params=parameters))
        scores, ids = (np.concatenate(part) for part in zip(*pieces, strict=True))
        return end_short_rows(scores, ids)

    @property
    def selects(self) -> bool:
        """Whether the candidate index supports filters; if not, filtered rows are compared exactly."""
        return self.strategy.endswith(("ivf", "hnsw"))

    def products(self, vector: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the exact inner product of a vector (d,) with each of these rows, or with every row if None."""
        faiss.omp_set_num_threads(self.threads)
        return self._rows.products(vector, ids)

    def bare(self, queries: NDArray[np.float32], k: int, point: OperatingPoint) -> Callable[[], tuple[Scores, Ids]]:
        """Return the bare FAISS call for one search, to measure the overhead of this class."""
        index, parameters = self._rows.stored, None
        if self._refined is not None and not point.exact:
            index, parameters = self._refined, refine_parameters(self.strategy, self._within(point))

        def call() -> tuple[Scores, Ids]:
            faiss.omp_set_num_threads(self.threads)
            found: tuple[Scores, Ids] = index.search(queries, k, params=parameters)
            return found

        return call

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the stored rows (len(ids), d), copied out of the mapped file."""
        return self._rows[ids]

    def _within(self, point: OperatingPoint) -> OperatingPoint:
        """Return the point with at most as many cells as exist.

        FAISS would pad with invalid cells, whose scores corrupt those of residual codes.
        """
        if point.nprobe <= self._cells or not self.strategy.endswith("ivf"):
            return point
        return OperatingPoint(self._cells, point.k_factor)

    @cached_property
    def _cells(self) -> int:
        return self.nlist

    def _selectors(self, rows: RowFilter) -> "_Selectors":
        if not isinstance(rows.native, _Selectors):
            counts = None
            # With a transform before the cells, the query would have to be transformed first.
            if self.strategy == "ivf" and rows.count < NEARLY_ALL * len(rows):
                counts = np.bincount(self._cell_of[rows.ids], minlength=self.nlist)
            rows.native = _Selectors(rows.bits, counts)
        return rows.native

    def _deepen(self, query: NDArray[np.float32], point: OperatingPoint, counts: NDArray[np.int64]) -> OperatingPoint:
        """Return the depth at which a query meets as many filtered rows as nprobe average cells hold.

        counts: how many of the filter's rows each cell holds.
        """
        by_distance = counts[np.argsort(-(self._centroids @ query))]
        mean = float(by_distance.mean())
        visited = min(point.nprobe, len(by_distance))
        parts = [(max(1, round(part * visited)), share) for part, share in FAR_SHARES]
        if any(by_distance[:cells].sum() < share * cells * mean for cells, share in parts):
            # From that far, cells and rows are hardly distinguishable: visit all cells and rescore many candidates.
            return OperatingPoint(int(np.count_nonzero(by_distance)), FAR_FACTOR * point.k_factor)
        met = np.cumsum(by_distance[by_distance > 0])
        nprobe = max(point.nprobe, int(np.searchsorted(met, visited * mean)) + 1)
        # Cells without filtered rows are excluded from the search and do not count.
        return OperatingPoint(min(nprobe, len(met)), point.k_factor)

    @cached_property
    def _centroids(self) -> NDArray[np.float32]:
        """(nlist, d) the centre of each cell."""
        ivf = faiss.extract_index_ivf(self._candidates)
        centres: NDArray[np.float32] = ivf.quantizer.reconstruct_n(0, ivf.nlist)
        return centres

    @cached_property
    def _cell_of(self) -> NDArray[np.int32]:
        """(n,) the cell of each row."""
        ivf = faiss.extract_index_ivf(self._candidates)
        cells = np.zeros(len(self), np.int32)
        for cell in range(self.nlist):
            size = ivf.invlists.list_size(cell)
            if size:
                cells[faiss.rev_swig_ptr(ivf.invlists.get_ids(cell), size)] = cell
        return cells


class _Selectors:
    """The FAISS form of a RowFilter; it keeps the bitmaps alive while FAISS reads them."""

    def __init__(self, rows: NDArray[np.uint8], counts: NDArray[np.int64] | None) -> None:
        """Build the selectors. counts: how many of the rows each cell holds, None to select rows only."""
        cells = None if counts is None else np.packbits(counts > 0, bitorder="little")
        self._bitmaps = (rows, cells)
        self.counts = counts
        self.rows = faiss.IDSelectorBitmap(rows)
        self.cells = None if cells is None else faiss.SearchParameters(sel=faiss.IDSelectorBitmap(cells))


def strategy_of(candidates: faiss.Index) -> str:
    """Return "ivf", "hnsw" or the FAISS class name, prefixed with "transform+" if a transform precedes it."""
    index = faiss.downcast_index(candidates)
    if isinstance(index, faiss.IndexPreTransform):
        return "transform+" + strategy_of(index.index)
    if faiss.try_extract_index_ivf(index) is not None:
        return "ivf"
    if isinstance(index, faiss.IndexHNSW):
        return "hnsw"
    return type(index).__name__


@lru_cache(maxsize=1024)
def refine_parameters(strategy: str, point: OperatingPoint) -> faiss.SearchParameters:
    """Return the FAISS parameters for one search; FAISS only reads them, so threads may share them."""
    return _to_parameters(strategy, point, None)


def _to_parameters(strategy: str, point: OperatingPoint, selectors: _Selectors | None) -> faiss.SearchParameters:
    inner: faiss.SearchParameters | None = None
    sel = None if selectors is None else selectors.rows
    if strategy.endswith("ivf"):
        cells = None if selectors is None else selectors.cells
        inner = faiss.SearchParametersIVF(nprobe=point.nprobe, sel=sel, quantizer_params=cells)
    elif strategy.endswith("hnsw"):
        inner = faiss.SearchParametersHNSW(efSearch=point.nprobe, sel=sel)
    if strategy.startswith("transform+"):
        inner = faiss.SearchParametersPreTransform(index_params=inner)
    return faiss.IndexRefineSearchParameters(k_factor=point.k_factor, base_index_params=inner)
