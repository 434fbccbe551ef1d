"""A FAISS index in this machine's memory, over rows that stay on disk.

`rows.faiss` holds the float16 rows and is mapped, never read whole; `index.faiss`, if there is one, finds candidates
that are then rescored exactly on the rows. Without it every row is compared.
"""

from functools import lru_cache
from pathlib import Path

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.errors import CorruptSnapshot
from engine.index import OperatingPoint

ROWS_FILE = "rows.faiss"
INDEX_FILE = "index.faiss"


class CpuIndex:
    """Rows searched by FAISS, one thread a call unless `threads` says otherwise."""

    def __init__(self, directory: Path, threads: int = 1) -> None:
        self.threads = threads
        self._rows = _read(directory / ROWS_FILE)
        codes = self._rows.codes
        self._matrix: NDArray[np.float16] = (
            faiss.rev_swig_ptr(codes.data(), codes.size()).view(np.float16).reshape(self._rows.ntotal, self._rows.d)
        )
        self._candidates = _read(directory / INDEX_FILE) if (directory / INDEX_FILE).exists() else None
        if self._candidates is None:
            self._refined = None
            self.strategy = "exact"
            return
        if self._candidates.ntotal != self._rows.ntotal:
            raise CorruptSnapshot(
                f"{directory / INDEX_FILE}: expected {self._rows.ntotal} rows, got {self._candidates.ntotal}"
            )
        self._refined = faiss.IndexRefine(self._candidates, self._rows)
        self.strategy = strategy_of(self._candidates)

    def __len__(self) -> int:
        return int(self._rows.ntotal)

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
            scores, ids = self._rows.search(queries, k)
        else:
            scores, ids = self._refined.search(queries, k, params=self._parameters(point))
        if ids[:, -1].min() < 0:
            scores[ids < 0] = -np.inf
        return scores, ids

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the stored rows (len(ids), d), copied out of the mapped file."""
        return self._matrix[ids]

    def _parameters(self, point: OperatingPoint) -> faiss.SearchParameters:
        return refine_parameters(self.strategy, point)


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


def _read(path: Path) -> faiss.Index:
    try:
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        raise CorruptSnapshot(f"{path}: expected a FAISS index, got a file that FAISS cannot read") from error
