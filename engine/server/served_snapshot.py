"""One snapshot that is ready to serve."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.scoring.answer import Answer
from engine.scoring.query import Query
from engine.search.searcher import Searcher
from engine.server.snapshot_overlay import SnapshotOverlay
from engine.snapshot.snapshot import Snapshot
from engine.v1 import index_pb2

SearchObserver = Callable[[Searcher, Query, Answer, int, int], None]
"""Called for every answer with its searcher and query, and the microseconds that parsing and the whole call took."""


@dataclass(frozen=True, slots=True)
class ServedSnapshot:
    """One snapshot that is ready to serve.

    Attributes:
        searcher: Searches it.
        index: Its description for clients.
        overlay: The live changes applied to it.
        observer: Called for every answer.
    """

    searcher: Searcher
    index: index_pb2.Index
    overlay: SnapshotOverlay
    observer: SearchObserver | None = None

    def observe(self, query: Query, answer: Answer, parse_us: int, total_us: int) -> None:
        """Report an answer of this searcher to the observer. Cost: a few microseconds."""
        if self.observer is not None:
            self.observer(self.searcher, query, answer, parse_us, total_us)

    @property
    def snapshot(self) -> Snapshot:
        """The snapshot."""
        return self.searcher.snapshot

    @property
    def name(self) -> str:
        """Name of the snapshot."""
        return self.searcher.snapshot.name
