"""The only thread that uses a device: GPU indexes are not safe for concurrent calls, and large batches are faster.

A search puts a request into the queue and waits. Requests that gathered while the device was busy are answered
together: searches of the same index, k and point become one call. Loading and freeing use the same queue, so a swap of
snapshots never overlaps a search, and requests made before it are answered before it.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSetting
from engine.indexes.index import OperatingPoint

Found = tuple[NDArray[np.float32], NDArray[np.int64]]
Result = TypeVar("Result")

# A larger batch is no faster on a GPU, and its last query waits for all of it.
MAX_BATCH = 1_024


class DeviceIndex(Protocol):
    """An index that only the device thread may call."""

    def search(self, queries: NDArray[np.float32], k: int, point: OperatingPoint) -> Found:
        """Return scores, ids: (nq, k) for queries (nq, d)."""


@dataclass(frozen=True, slots=True)
class _Search:
    index: DeviceIndex
    queries: NDArray[np.float32]
    k: int
    point: OperatingPoint
    answer: "Future[Found]" = field(default_factory=Future)

    @property
    def batch_key(self) -> Hashable:
        """Searches with the same key become one call; the index itself may not be hashable."""
        return id(self.index), self.k, self.point


@dataclass(frozen=True, slots=True)
class _Call:
    function: Callable[[], Any]
    answer: "Future[Any]" = field(default_factory=Future)


class DeviceThread:
    """A thread with a queue; it starts with this object and ends with `close`, or with the process."""

    def __init__(self, name: str) -> None:
        # A SimpleQueue, because a finaliser may call its put in the middle of another put.
        self._queue: SimpleQueue[_Search | _Call | None] = SimpleQueue()
        self._closing = Lock()
        self._closed = False
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Approximate number of searches and calls that wait for the device."""
        return self._queue.qsize()

    def search(self, index: DeviceIndex, queries: NDArray[np.float32], k: int, point: OperatingPoint) -> Found:
        """Return index.search(queries, k, point), run by the device thread, possibly in a batch with other queries.

        Raises what the call raises, to every caller with a query in the batch.
        """
        search = _Search(index, queries, k, point)
        self._put(search)
        return search.answer.result()

    def call(self, function: Callable[[], Result]) -> Result:
        """Return function(), run by the device thread after all earlier requests. Raises what it raises."""
        call = _Call(function)
        self._put(call)
        result: Result = call.answer.result()
        return result

    def post(self, function: Callable[[], None]) -> None:
        """Run a function on the device thread without waiting; ignored once the thread is closed.

        Never blocks, so a finaliser may call it from any thread, including the device thread.
        """
        self._queue.put(_Call(function))

    def close(self) -> None:
        """Answer all earlier requests, then end the thread."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _put(self, job: _Search | _Call) -> None:
        # Under the lock, or a job could be queued behind the one that ends the thread, and wait forever.
        with self._closing:
            if self._closed:
                raise InvalidSetting(f"expected an open device, got {self._thread.name}, which is closed")
            self._queue.put(job)

    def _serve(self) -> None:
        while True:
            jobs, is_open = self._take_jobs()
            _answer_all(jobs)
            if not is_open:
                return
            # Otherwise the index searched last would stay on the device until the next search.
            del jobs

    def _take_jobs(self) -> tuple[list[_Search | _Call], bool]:
        """Return all queued jobs in order, waiting for the first, and whether the thread stays open."""
        jobs: list[_Search | _Call] = []
        job = self._queue.get()
        while True:
            if job is None:
                return jobs, False
            jobs.append(job)
            try:
                job = self._queue.get_nowait()
            except Empty:
                return jobs, True


def _answer_all(jobs: Sequence[_Search | _Call]) -> None:
    for batch in _batches(jobs):
        _answer(batch)


def _batches(jobs: Sequence[_Search | _Call]) -> Iterator[list[_Search] | _Call]:
    """Yield searches of the same key together, in the order of their first; no search overtakes a call."""
    groups: dict[Hashable, list[_Search]] = {}
    for job in jobs:
        if isinstance(job, _Call):
            yield from groups.values()
            groups = {}
            yield job
            continue
        group = groups.setdefault(job.batch_key, [])
        if group and sum(len(search.queries) for search in group) + len(job.queries) > MAX_BATCH:
            yield groups.pop(job.batch_key)
            group = groups.setdefault(job.batch_key, [])
        group.append(job)
    yield from groups.values()


def _answer(batch: list[_Search] | _Call) -> None:
    searches = [] if isinstance(batch, _Call) else batch
    try:
        if isinstance(batch, _Call):
            batch.answer.set_result(batch.function())
            return
        first = batch[0]
        queries = first.queries if len(batch) == 1 else np.concatenate([search.queries for search in batch])
        scores, ids = first.index.search(queries, first.k, first.point)
    except Exception as error:  # noqa: BLE001  every caller gets it, and this thread must survive
        for waiting in (batch,) if isinstance(batch, _Call) else searches:
            waiting.answer.set_exception(error)
        return
    start = 0
    for search in searches:
        end = start + len(search.queries)
        search.answer.set_result((scores[start:end], ids[start:end]))
        start = end
