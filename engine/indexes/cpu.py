"""A FAISS index in this machine's memory, over rows that stay on disk.

`rows.faiss` holds the float16 rows and is mapped, never read whole; `index.faiss`, if there is one, finds candidates
that are then rescored exactly on the rows. Without it every row is compared.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.index import OperatingPoint
from engine.indexes.rows import MappedRows, end_short_rows, read_candidates

Scores = NDArray[np.float32]
Ids = NDArray[np.int64]


class CpuIndex:
    """Rows searched by FAISS, one thread a call unless `threads` says otherwise."""

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
        """The number of cells; 1 for an index that has none."""
        ivf = faiss.try_extract_index_ivf(self._candidates) if self._candidates is not None else None
        return int(ivf.nlist) if ivf is not None else 1

    def search(
        self, queries: NDArray[np.float32], k: int, point: OperatingPoint
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return the k best rows for each query, best first; short rows end in -inf, -1."""
        # OpenMP's thread count belongs to the calling thread, so it is set where the call is made.
        faiss.omp_set_num_threads(self.threads)
        if self._refined is None or point.exact:
            return self._rows.search(queries, k)
        scores, ids = self._refined.search(queries, k, params=refine_parameters(self.strategy, point))
        return end_short_rows(scores, ids)

    def bare(self, queries: NDArray[np.float32], k: int, point: OperatingPoint) -> Callable[[], tuple[Scores, Ids]]:
        """Return FAISS's own call for one search, nothing of this class around it: what this class is measured by."""
        index, parameters = self._rows.stored, None
        if self._refined is not None and not point.exact:
            index, parameters = self._refined, refine_parameters(self.strategy, point)

        def call() -> tuple[Scores, Ids]:
            faiss.omp_set_num_threads(self.threads)
            found: tuple[Scores, Ids] = index.search(queries, k, params=parameters)
            return found

        return call

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the stored rows (len(ids), d), copied out of the mapped file."""
        return self._rows[ids]


def strategy_of(candidates: faiss.Index) -> str:
    """Return "ivf", "hnsw" or FAISS's own class name, the transforms before it named first, as in "transform+ivf"."""
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
    """Return FAISS's parameters for one search; they are only read by it, so threads may share them."""
    inner: faiss.SearchParameters | None = None
    if strategy.endswith("ivf"):
        inner = faiss.SearchParametersIVF(nprobe=point.nprobe)
    elif strategy.endswith("hnsw"):
        inner = faiss.SearchParametersHNSW(efSearch=point.nprobe)
    if strategy.startswith("transform+"):
        inner = faiss.SearchParametersPreTransform(index_params=inner)
    return faiss.IndexRefineSearchParameters(k_factor=point.k_factor, base_index_params=inner)
