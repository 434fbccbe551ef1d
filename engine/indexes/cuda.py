"""The rows of one stratum on a GPU in float16; candidates are rescored exactly on the mapped rows.

A stratum with cells has the same cells on the GPU, which hold whole rows instead of codes, so nprobe means the same
and k_factor has no effect, unless a transform before the cells drops dimensions. Any other stratum is compared row by
row, because a GPU needs no graph for that.
"""

import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Lock

import faiss
import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSetting, MissingDependency
from engine.indexes.cpu import strategy_of
from engine.indexes.device_thread import DeviceThread, Found
from engine.indexes.index import EXACT, OperatingPoint
from engine.indexes.row_filter import RowFilter
from engine.indexes.stored_rows import MappedRows, read_candidates
from engine.scoring.vectors import to_unit

# The GPU kernels select at most this many rows or cells.
MAX_K = 2_048

# Queries and centroids are rounded on the GPU, so rows near rank k may swap before they are rescored.
SPARE = 16

# Rows loaded between two searches of a running server.
LOAD_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Device:
    """A device that holds rows.

    Attributes:
        owner: The only thread that uses it.
        place: Moves an empty index there; runs on that thread.
    """

    owner: DeviceThread
    place: Callable[[faiss.Index], faiss.Index]


_devices: dict[int, Device] = {}
_opening = Lock()


def gpu(number: int = 0) -> Device:
    """Return a GPU of this machine, the same object at every call. Raises MissingDependency if FAISS sees none."""
    with _opening:
        if number not in _devices:
            _devices[number] = _open_gpu(number)
        return _devices[number]


class CudaIndex:
    """Rows searched on a GPU; safe to share between threads, whose waiting searches are batched."""

    def __init__(self, directory: Path, device: Device | None = None) -> None:
        self._device = gpu() if device is None else device
        self._rows = MappedRows(directory)
        candidates = read_candidates(directory, self._rows)
        ivf = None if candidates is None else faiss.try_extract_index_ivf(candidates)
        self.strategy = "exact" if ivf is None else strategy_of(candidates)
        self.nlist = 1 if ivf is None else int(ivf.nlist)
        # The transforms belong to the candidate index, so it is kept alive.
        self._transformed = candidates if ivf is not None and _transforms(candidates) else None
        # A transform that drops dimensions causes an error that only more candidates compensate.
        self._shortened = ivf is not None and ivf.d < self._rows.width
        empty = faiss.IndexFlatIP(self._rows.width) if ivf is None else empty_cells(ivf)
        self._device_rows = self._load(empty)
        self._free = weakref.finalize(self, self._device.owner.post, self._device_rows.free)
        # The end of the process frees the GPU anyway, and the device thread may end before.
        self._free.atexit = False

    def __len__(self) -> int:
        return len(self._rows)

    def search(
        self, queries: NDArray[np.float32], k: int, point: OperatingPoint, rows: RowFilter | None = None
    ) -> Found:
        """Return the k best rows for each query, best first; short lines end in -inf, -1.

        Searches that the GPU does not support (filters, more than MAX_K rows or, when exact, cells) compare every row
        on the CPU.
        """
        depth = self._depth(point)
        if depth is None or min(k, len(self)) > MAX_K or rows is not None:
            faiss.omp_set_num_threads(1)
            return self._rows.search(queries, k, rows)
        wanted = max(k + max(SPARE, k // 4), k * point.k_factor if self._shortened else 0)
        wanted = min(wanted, MAX_K, len(self))
        # Scaled to unit length, because a heavily weighted query would overflow float16.
        _, ids = self._device.owner.search(self._device_rows, self._transform(to_unit(queries)), wanted, depth)
        return self._rescore(queries, ids, k)

    def products(self, vector: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Return the exact inner product of a vector (d,) with each of these rows, or with every row if None."""
        faiss.omp_set_num_threads(1)
        return self._rows.products(vector, ids)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        """Return the stored rows (len(ids), d), copied out of the mapped file."""
        return self._rows[ids]

    def close(self) -> None:
        """Free the GPU memory after earlier searches; garbage collection of the index does the same."""
        self._free()

    def _depth(self, point: OperatingPoint) -> OperatingPoint | None:
        """Return the depth of the search on the device, None if it does not support it."""
        if self.strategy == "exact":
            return EXACT
        if point.exact:
            return None if self._transformed is not None or self.nlist > MAX_K else OperatingPoint(self.nlist, 1)
        return OperatingPoint(min(point.nprobe, self.nlist, MAX_K), 1)

    def _load(self, empty: faiss.Index) -> "_DeviceRows":
        owner = self._device.owner
        on_device = _DeviceRows()
        try:
            owner.call(partial(on_device.take, self._device.place, empty))
            for start in range(0, len(self), LOAD_ROWS):
                rows = self._rows[slice(start, start + LOAD_ROWS)].astype(np.float32)
                owner.call(partial(on_device.add, self._transform(rows)))
            owner.call(on_device.trim)
        except RuntimeError as error:
            owner.post(on_device.free)
            size = len(self) * self._rows.width * 2 / 2**20
            raise InvalidSetting(f"expected a device with room for {size:.0f} MiB of rows, got: {error}") from error
        return on_device

    def _transform(self, vectors: NDArray[np.float32]) -> NDArray[np.float32]:
        for transform in [] if self._transformed is None else _transforms(self._transformed):
            vectors = transform.apply(vectors)
        return vectors

    def _rescore(self, queries: NDArray[np.float32], ids: NDArray[np.int64], k: int) -> Found:
        scores = np.full((len(queries), k), -np.inf, np.float32)
        best = np.full((len(queries), k), -1, np.int64)
        for line, query in enumerate(queries):
            # In the order of the file, which is faster to read and puts the lower row first among equal scores.
            found = np.sort(ids[line][ids[line] >= 0])
            products = self._rows.products(query, found)
            order = np.argsort(-products, kind="stable")[:k]
            scores[line, : len(order)] = products[order]
            best[line, : len(order)] = found[order]
        return scores, best


class _DeviceRows:
    """The rows on the device; only the device thread calls these methods."""

    def __init__(self) -> None:
        self._index: faiss.Index | None = None

    def take(self, place: Callable[[faiss.Index], faiss.Index], empty: faiss.Index) -> None:
        self._index = place(empty)

    def add(self, rows: NDArray[np.float32]) -> None:
        self._open().add(rows)

    def trim(self) -> None:
        """Free the memory that the cells reserved while they grew."""
        if hasattr(self._index, "reclaimMemory"):
            self._open().reclaimMemory()

    def search(self, queries: NDArray[np.float32], k: int, point: OperatingPoint) -> Found:
        params = None if point.exact else faiss.SearchParametersIVF(nprobe=point.nprobe)
        scores, ids = self._open().search(queries, k, params=params)
        return scores, ids

    def free(self) -> None:
        self._index = None

    def _open(self) -> faiss.Index:
        if self._index is None:
            raise InvalidSetting("expected an open index, got one that was closed")
        return self._index


def empty_cells(ivf: faiss.IndexIVF) -> faiss.IndexIVFScalarQuantizer:
    """Return an empty index of the same cells that holds whole rows in float16, a type that GPUs support."""
    centroids = ivf.quantizer.reconstruct_n(0, ivf.nlist)
    quantizer = faiss.IndexFlat(ivf.d, ivf.quantizer.metric_type)
    quantizer.add(centroids)
    by_residual = False
    cells = faiss.IndexIVFScalarQuantizer(
        quantizer, ivf.d, ivf.nlist, faiss.ScalarQuantizer.QT_fp16, ivf.metric_type, by_residual
    )
    cells.is_trained = True
    return cells


def _transforms(candidates: faiss.Index) -> list[faiss.VectorTransform]:
    index = faiss.downcast_index(candidates)
    if not isinstance(index, faiss.IndexPreTransform):
        return []
    return [faiss.downcast_VectorTransform(index.chain.at(number)) for number in range(index.chain.size())]


def _open_gpu(number: int) -> Device:
    if not hasattr(faiss, "StandardGpuResources"):
        raise MissingDependency(
            "expected FAISS with GPUs, got one without; pip install faiss-gpu in place of faiss-cpu"
        )
    seen = faiss.get_num_gpus()
    if seen <= number:
        raise MissingDependency(
            f"expected GPU {number}, but FAISS sees {seen}; see what nvidia-smi lists, or serve with --device cpu"
        )
    owner = DeviceThread(f"gpu-{number}")
    resources = owner.call(faiss.StandardGpuResources)

    def place(index: faiss.Index) -> faiss.Index:
        if isinstance(index, faiss.IndexFlat):
            flat = faiss.GpuIndexFlatConfig()
            flat.device = number
            flat.useFloat16 = True
            return faiss.GpuIndexFlat(resources, index, flat)
        cells = faiss.GpuIndexIVFScalarQuantizerConfig()
        cells.device = number
        return faiss.GpuIndexIVFScalarQuantizer(resources, index, cells)

    return Device(owner, place)
