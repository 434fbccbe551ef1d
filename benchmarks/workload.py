"""The queries for the server and for FAISS, as messages as well, and the recall of their answers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import AGREEING, COMPOSED, draw
from benchmarks.ground_truth import GroundTruth
from engine.catalog.payload import from_bytes
from engine.errors import InvalidSetting, NotSupported
from engine.indexes.cpu import CpuIndex
from engine.indexes.index import EXACT, Index, OperatingPoint
from engine.indexes.recall import recall_at_k
from engine.indexes.row_filter import RowFilter
from engine.scoring.answer import Answer
from engine.scoring.query import Part, Query, TextPart, VectorPart
from engine.search.read_view import ReadView
from engine.search.searcher import Searcher
from engine.v1 import query_pb2, search_pb2

K = 10
METHOD = "/engine.v1.SearchService/Search"

# Scores of one snapshot, as float32 sums in another order.
_SCORE_TOLERANCE = 1e-4

Bare = Callable[[], tuple[NDArray[np.float32], NDArray[np.int64]]]


@dataclass(frozen=True, slots=True)
class FoundItems:
    """The items found for a query, and their scores."""

    query_index: int
    item_ids: tuple[str, ...]
    scores: tuple[float, ...]


class Workload(Protocol):
    """Queries, and their exact answers."""

    kind: str
    queries: list[Query]

    def recall(self, found: Sequence[FoundItems]) -> float:
        """Return the mean recall@10 of answers."""


class VectorWorkload:
    """Vectors of one item and of two, half each, with the ground truth of the catalogue."""

    kind = "vectors"

    def __init__(self, catalogue: Path, truth: GroundTruth, count: int, seed: int) -> None:
        self._truth = truth
        agreeing = draw(catalogue, AGREEING, count - count // 2, seed)
        composed = draw(catalogue, COMPOSED, count // 2, seed)
        self.queries = [Query(parts, limit=K) for parts in (*agreeing, *composed)]

    def recall(self, found: Sequence[FoundItems]) -> float:
        """Return the mean recall@10 of answers."""
        queries = [self.queries[answer.query_index] for answer in found]
        graded = self._truth.grade(queries, K, [answer.item_ids for answer in found])
        shares = [graded.recall(n, answer.item_ids, graded.found[n]) for n, answer in enumerate(found)]
        return float(np.mean(shares))


class TextWorkload:
    """Titles of items, which the encoder has to encode, with exact search as the truth."""

    kind = "texts"

    def __init__(self, searcher: Searcher, count: int, seed: int) -> None:
        snapshot = searcher.snapshot
        rows = np.random.default_rng(seed).permutation(len(snapshot))
        titles = [str(from_bytes(snapshot.items.payload(row)).get("title", "")) for row in rows.tolist()]
        texts = [title for title in dict.fromkeys(titles) if title][:count]
        if not texts:
            raise InvalidSetting("expected items with titles to search for, got none")
        self.queries = [Query((TextPart(text),), limit=K) for text in texts]
        self._exact = np.full((len(texts), K), -np.inf, np.float32)
        for query_index, query in enumerate(self.queries):
            fused = searcher.fuse(query, searcher.encode(query.parts))
            scores = searcher.nearest(fused, K, EXACT).scores
            self._exact[query_index, : len(scores)] = scores

    def recall(self, found: Sequence[FoundItems]) -> float:
        """Return the mean recall@10 of answers."""
        scores = np.full((len(found), K), -np.inf, np.float32)
        for row, answer in enumerate(found):
            scores[row, : len(answer.scores)] = answer.scores
        exact = self._exact[[answer.query_index for answer in found]]
        return float(recall_at_k(scores, exact, _SCORE_TOLERANCE).mean())


def to_request(query: Query) -> bytes:
    """Return the message of a query. Raises NotSupported for images, weights, boosts and policies."""
    if query != Query(query.parts, limit=query.limit):
        raise NotSupported("expected a query of parts only, got one with weights, boosts or a policy")
    request = search_pb2.SearchRequest(parts=[_to_part(part) for part in query.parts], page_size=query.limit)
    return request.SerializeToString()


def from_response(query_index: int, data: bytes) -> FoundItems:
    """Return the items that the server found for the query at an index."""
    hits = search_pb2.SearchResponse.FromString(data).hits
    return FoundItems(query_index, tuple(hit.item_id for hit in hits), tuple(hit.score for hit in hits))


def from_answer(query_index: int, answer: Answer) -> FoundItems:
    """Return the items that the engine found in this process for the query at an index."""
    return FoundItems(query_index, tuple(hit.item_id for hit in answer.hits), tuple(hit.score for hit in answer.hits))


def bare_calls(searcher: Searcher, queries: Sequence[Query]) -> tuple[list[list[Bare]], list[Answer]]:
    """Return the FAISS calls that the engine makes for each query, and the answers it makes of their results.

    Every call is repeated here and compared with the engine's result. Raises InvalidSetting if they differ.
    Not for a searcher in concurrent use, since its view is replaced meanwhile.
    """
    kept = searcher.view
    recorders = [_Recorder(stratum.index) for stratum in kept.strata]
    calls, answers = [], []
    recorded = ReadView(searcher.snapshot)
    recorded.strata = tuple(
        replace(stratum, index=recorder) for stratum, recorder in zip(kept.strata, recorders, strict=True)
    )
    searcher.view = recorded
    try:
        for query in queries:
            for recorder in recorders:
                recorder.calls.clear()
            answers.append(searcher.search(query))
            made = [call for recorder in recorders for call in recorder.calls]
            if not made:
                raise InvalidSetting("expected the engine to search an index, got no search")
            calls.append(made)
    finally:
        searcher.view = kept
    return calls, answers


class _Recorder:
    """An index that records the FAISS call of every search."""

    def __init__(self, index: Index) -> None:
        if not isinstance(index, CpuIndex):
            raise InvalidSetting(f"expected an index in this machine's memory, got {type(index).__name__}")
        self.strategy = index.strategy
        self.calls: list[Bare] = []
        self._index = index

    def __len__(self) -> int:
        return len(self._index)

    def search(
        self, queries: NDArray[np.float32], k: int, point: OperatingPoint, rows: RowFilter | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        if rows is not None:
            raise InvalidSetting("expected a search of all rows, got one of some")
        bare = self._index.bare(queries.copy(), k, point)
        scores, ids = self._index.search(queries, k, point)
        if not np.array_equal(bare()[1], ids):
            raise InvalidSetting("expected FAISS to find the same rows twice, got others")
        self.calls.append(bare)
        return scores, ids

    def products(self, vector: NDArray[np.float32], ids: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        return self._index.products(vector, ids)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.float16]:
        return self._index.rows(ids)


def _to_part(part: Part) -> query_pb2.QueryPart:
    fields: dict[str, Any] = {"block": part.block} if part.block else {}
    if isinstance(part, VectorPart):
        return query_pb2.QueryPart(vector=query_pb2.Vector(values=part.values.tolist()), **fields)
    if isinstance(part, TextPart):
        return query_pb2.QueryPart(text=part.text, **fields)
    raise NotSupported(f"expected parts of vectors and texts, got {type(part).__name__}")
