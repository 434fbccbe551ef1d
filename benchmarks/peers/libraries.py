"""Libraries with one in-memory index of vectors: FAISS itself, hnswlib, USearch, ScaNN."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.worker import Data, PeerQuery, Settings

FILE = "index"


class FaissCells:
    """FAISS as one would use it: IVF with 4-bit codes, refined with float32 rows in memory."""

    packages: Sequence[str] = ("faiss-cpu", "faiss-gpu")
    imports = ("faiss",)

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """settings: `factory`, where {codes} stands for half the number of columns."""
        import faiss

        width = data.rows.shape[1]
        factory = settings["factory"].format(codes=width // 2)
        index = faiss.index_factory(width, factory, faiss.METRIC_INNER_PRODUCT)
        index.train(data.rows)
        index.add(data.rows)
        faiss.write_index(index, str(folder / FILE))

    def open(self, folder: Path, k: int) -> None:
        """Read the index into memory."""
        import faiss

        faiss.omp_set_num_threads(1)
        self._index = faiss.read_index(str(folder / FILE))
        self._k = k

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """settings: `nprobe`, and `k_factor` if the index refines."""
        import faiss

        selector = None if asked.allowed is None else _selector(asked.allowed)
        inside = faiss.SearchParametersIVF(nprobe=settings["nprobe"], sel=selector)
        outside = faiss.IndexRefineSearchParameters(k_factor=settings["k_factor"], base_index_params=inside)
        return partial(_search, self._index, asked.vector[None], self._k, outside, (inside, selector))

    def rows(self, answer: Any) -> list[int]:
        """FAISS returns -1 for no row."""
        return [row for row in answer[1][0].tolist() if row >= 0]


def _search(index: Any, query: NDArray[np.float32], k: int, parameters: Any, kept: Any) -> Any:
    """Search. `kept` holds objects that the parameters only point to, so they must live as long."""
    return index.search(query, k, params=parameters)


def _selector(allowed: NDArray[np.bool_]) -> Any:
    """Return a mask as a FAISS selector; it refers to the bitmap and so keeps it alive."""
    import faiss

    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


class FaissGraph(FaissCells):
    """FAISS's HNSW over float32 rows."""

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """settings: `m`, `ef_construction`."""
        import faiss

        index = faiss.IndexHNSWFlat(data.rows.shape[1], settings["m"], faiss.METRIC_INNER_PRODUCT)
        index.hnsw.efConstruction = settings["ef_construction"]
        index.add(data.rows)
        faiss.write_index(index, str(folder / FILE))

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """settings: `ef`."""
        import faiss

        parameters = faiss.SearchParametersHNSW(efSearch=settings["ef"])
        return partial(self._index.search, asked.vector[None], self._k, params=parameters)


class Hnswlib:
    """hnswlib: HNSW over float32 rows."""

    packages = ("hnswlib",)
    imports = ("hnswlib",)

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """settings: `m`, `ef_construction`."""
        import hnswlib

        count, width = data.rows.shape
        index = hnswlib.Index("ip", width)
        index.init_index(count, M=settings["m"], ef_construction=settings["ef_construction"], random_seed=1)
        index.add_items(data.rows)
        index.save_index(str(folder / FILE))
        (folder / "width").write_text(str(width))

    def open(self, folder: Path, k: int) -> None:
        """Read the index into memory."""
        import hnswlib

        self._index = hnswlib.Index("ip", int((folder / "width").read_text()))
        self._index.load_index(str(folder / FILE))
        self._index.set_num_threads(1)
        self._k = k
        self._allowed: NDArray[np.bool_] | None = None
        self._kept: list[bool] = []

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """settings: `ef`, which belongs to the index, so all calls of an order share it."""
        self._index.set_ef(settings["ef"])
        if asked.allowed is None:
            return partial(self._index.knn_query, asked.vector[None], self._k, num_threads=1)
        if self._allowed is not asked.allowed:
            # It calls Python for each row it visits, and Python indexes lists fastest.
            self._allowed, self._kept = asked.allowed, asked.allowed.tolist()
        kept = self._kept.__getitem__
        return partial(self._index.knn_query, asked.vector[None], self._k, num_threads=1, filter=kept)

    def rows(self, answer: Any) -> list[int]:
        """The labels are the rows."""
        return [int(row) for row in answer[0][0]]


class Usearch:
    """USearch: HNSW over rows of a configurable type."""

    packages = ("usearch",)
    imports = ("usearch.index",)

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """settings: `m`, `ef_construction`, `dtype`."""
        from usearch.index import Index

        index = Index(
            ndim=data.rows.shape[1],
            metric="ip",
            dtype=settings["dtype"],
            connectivity=settings["m"],
            expansion_add=settings["ef_construction"],
        )
        index.add(np.arange(len(data.rows)), data.rows)
        index.save(str(folder / FILE))

    def open(self, folder: Path, k: int) -> None:
        """Read the index into memory."""
        from usearch.index import Index

        index = Index.restore(str(folder / FILE))
        if index is None:
            raise ValueError(f"expected an index in {folder}, got none")
        self._index = index
        self._k = k

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """settings: `ef`, which belongs to the index, so all calls of an order share it."""
        self._index.expansion_search = settings["ef"]
        return partial(self._index.search, asked.vector, self._k, threads=1)

    def rows(self, answer: Any) -> list[int]:
        """The keys are the rows."""
        return [int(row) for row in answer.keys]


class Scann:
    """ScaNN: a tree of leaves, anisotropic 4-bit codes, reordering with the rows."""

    packages = ("scann",)
    imports = ("scann",)

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """settings: `leaves`, `threshold` of the anisotropic quantisation, `dims` per code."""
        from scann import scann_ops_pybind as ops

        count = len(data.rows)
        leaves = settings["leaves"]
        searcher = (
            ops.builder(data.rows, 10, "dot_product")
            .tree(leaves, max(1, leaves // 10), training_sample_size=count)
            .score_ah(settings["dims"], anisotropic_quantization_threshold=settings["threshold"])
            .reorder(100)
            .build()
        )
        searcher.serialize(str(folder))

    def open(self, folder: Path, k: int) -> None:
        """Read the index into memory."""
        from scann import scann_ops_pybind as ops

        self._searcher = ops.load_searcher(str(folder))
        self._k = k

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """settings: `leaves` to search, `reorder`."""
        return partial(
            self._searcher.search,
            asked.vector,
            final_num_neighbors=self._k,
            pre_reorder_num_neighbors=settings["reorder"],
            leaves_to_search=settings["leaves"],
        )

    def rows(self, answer: Any) -> list[int]:
        """The first of the two arrays holds the rows."""
        return [int(row) for row in answer[0]]
