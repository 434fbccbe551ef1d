"""Vector databases that run in the caller's process: Chroma, LanceDB, Milvus Lite."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.worker import Data, PeerQuery, Settings

NAME = "items"
_BATCH = 5_000


class Chroma:
    """Chroma, persistent, with HNSW by inner product."""

    packages = ("chromadb",)
    imports = ("chromadb",)

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """settings: `m`, `ef_construction`."""
        hnsw = {"space": "ip", "max_neighbors": settings["m"], "ef_construction": settings["ef_construction"]}
        collection = _chroma(folder).create_collection(NAME, configuration={"hnsw": hnsw}, embedding_function=None)
        for start in range(0, len(data.rows), _BATCH):
            numbers = data.numbers[start : start + _BATCH].tolist()
            collection.add(
                ids=[str(row) for row in range(start, start + len(numbers))],
                embeddings=data.rows[start : start + _BATCH],
                metadatas=[{"number": number} for number in numbers],
            )

    def open(self, folder: Path, k: int) -> None:
        """Open the collection."""
        self._folder = folder
        self._collection = _chroma(folder).get_collection(NAME, embedding_function=None)
        self._k = k
        self._ef: int | None = None

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """settings: `ef`, which belongs to the collection, so all calls of an order share it."""
        if self._ef != settings["ef"]:
            self._ef = settings["ef"]
            self._collection.modify(configuration={"hnsw": {"ef_search": self._ef}})
            # It takes effect when the index is next read.
            _forget_chroma()
            self._collection = _chroma(self._folder).get_collection(NAME, embedding_function=None)
        where = {"where": {"number": {"$lt": asked.below}}} if asked.below < 1.0 else {}
        return partial(self._collection.query, query_embeddings=[asked.vector], n_results=self._k, include=[], **where)

    def rows(self, answer: Any) -> list[int]:
        """The ids are the rows as text."""
        return [int(row) for row in answer["ids"][0]]


def _chroma(folder: Path) -> Any:
    import chromadb
    from chromadb.config import Settings as ChromaSettings

    return chromadb.PersistentClient(str(folder), settings=ChromaSettings(anonymized_telemetry=False))


def _forget_chroma() -> None:
    from chromadb.api.shared_system_client import SharedSystemClient

    SharedSystemClient.clear_system_cache()


class Lance:
    """LanceDB on the local disk, by inner product."""

    packages = ("lancedb",)
    imports = ("lancedb",)

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """settings: `kind` of the index, and its own parameters."""
        import lancedb
        import lancedb.index
        import pyarrow as pa

        count, width = data.rows.shape
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(data.rows.ravel()), width)
        content = pa.table({"id": np.arange(count), "number": data.numbers, "vector": vectors})
        table = lancedb.connect(folder).create_table(NAME, content)
        parameters = {name: value for name, value in settings.items() if name != "kind"}
        config = getattr(lancedb.index, settings["kind"])(distance_type="dot", **parameters)
        table.create_index("vector", config=config)
        table.create_scalar_index("number", index_type="BTREE")

    def open(self, folder: Path, k: int) -> None:
        """Open the table."""
        import lancedb

        self._table = lancedb.connect(folder).open_table(NAME)
        self._k = k

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """settings: `nprobes`, `refine`, `ef`; 0 where the index has none."""

        def call() -> Any:
            query = self._table.search(asked.vector, vector_column_name="vector").distance_type("dot")
            query = query.nprobes(settings["nprobes"]).limit(self._k).select(["id"])
            if settings["refine"]:
                query = query.refine_factor(settings["refine"])
            if settings["ef"]:
                query = query.ef(settings["ef"])
            if asked.below < 1.0:
                query = query.where(f"number < {asked.below!r}", prefilter=True)
            return query.to_arrow()

        return call

    def rows(self, answer: Any) -> list[int]:
        """A column holds the rows."""
        return [int(row) for row in answer["id"].to_pylist()]


class MilvusLite:
    """Milvus Lite, with one field of concatenated blocks."""

    packages = ("pymilvus", "milvus-lite")
    imports = ("pymilvus", "milvus_lite")

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """settings: `index_type` and `params`."""
        from pymilvus import DataType, MilvusClient

        fields = self._fields(data)
        client = MilvusClient(str(folder / "milvus.db"))
        schema = client.create_schema(auto_id=False)
        schema.add_field("id", DataType.INT64, is_primary=True)
        schema.add_field("number", DataType.DOUBLE)
        indexes = client.prepare_index_params()
        for name, rows in fields.items():
            schema.add_field(name, DataType.FLOAT_VECTOR, dim=rows.shape[1])
            indexes.add_index(
                name, index_type=settings["index_type"], metric_type="IP", params=dict(settings["params"])
            )
        client.create_collection(NAME, schema=schema, index_params=indexes)
        for start in range(0, len(data.rows), _BATCH):
            stop = min(start + _BATCH, len(data.rows))
            client.insert(
                NAME,
                [
                    {
                        "id": row,
                        "number": float(data.numbers[row]),
                        **{name: rows[row] for name, rows in fields.items()},
                    }
                    for row in range(start, stop)
                ],
            )
        client.flush(NAME)
        client.load_collection(NAME)
        client.close()

    def open(self, folder: Path, k: int) -> None:
        """Open the file and load the collection."""
        from pymilvus import MilvusClient

        self._client = MilvusClient(str(folder / "milvus.db"))
        self._client.load_collection(NAME)
        self._k = k

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """settings: `params` of a search."""
        return partial(
            self._client.search,
            NAME,
            data=[asked.vector],
            anns_field="row",
            limit=self._k,
            filter=f"number < {asked.below!r}" if asked.below < 1.0 else "",
            search_params={"metric_type": "IP", "params": dict(settings["params"])},
        )

    def rows(self, answer: Any) -> list[int]:
        """A hit's id is the row."""
        return [int(hit["id"]) for hit in answer[0]]

    def _fields(self, data: Data) -> dict[str, Any]:
        return {"row": data.rows}


class _Hybrid(MilvusLite):
    """Milvus Lite's hybrid search: a field for each block, whose result lists are merged."""

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """settings: `params` of each search, `depth` of each list, and those of the ranker."""
        from pymilvus import AnnSearchRequest

        search = {"metric_type": "IP", "params": dict(settings["params"])}
        requests = [AnnSearchRequest([unit], name, search, settings["depth"]) for name, unit in asked.units.items()]
        ranker = self._ranker(list(asked.weights.values()), settings)
        return partial(self._client.hybrid_search, NAME, requests, ranker, limit=self._k)

    def _ranker(self, weights: list[float], settings: Settings) -> Any:
        raise NotImplementedError

    def _fields(self, data: Data) -> dict[str, Any]:
        return {name: np.ascontiguousarray(data.rows[:, span]) for name, span in data.spans.items()}


class MilvusWeighted(_Hybrid):
    """WeightedRanker: the weighted sum of both scores."""

    def _ranker(self, weights: list[float], settings: Settings) -> Any:
        from pymilvus import WeightedRanker

        return WeightedRanker(*weights, norm_score=settings["norm"])


class MilvusRanks(_Hybrid):
    """RRFRanker: reciprocal rank fusion without weights."""

    def _ranker(self, weights: list[float], settings: Settings) -> Any:
        from pymilvus import RRFRanker

        return RRFRanker(60)
