"""The one thread that touches a device: a GPU's indexes are not safe for concurrent calls, and like large batches.

Whoever searches puts a request into the owner's queue and waits. What has gathered there while the device was busy
is answered together: searches of the same index, k and point are one call. Loading and freeing go the same way, so
a swap of snapshots never meets a search, and what was asked before it is answered before it.
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

# Beyond this a batch gains nothing on a GPU, and those who wait at its end wait for all of it.
MAX_BATCH = 1_024


class DeviceIndex(Protocol):
    """What only the owner's thread may call."""

    def search(self, queries: NDArray[np.float32], k: int, point: OperatingPoint) -> Found:
        """Return scores, ids: (nq, k) for queries (nq, d)."""


@dataclass(frozen=True, slots=True)
class _Search:
    held: DeviceIndex
    queries: NDArray[np.float32]
    k: int
    point: OperatingPoint
    answer: "Future[Found]" = field(default_factory=Future)

    @property
    def alike(self) -> Hashable:
        return id(self.held), self.k, self.point


@dataclass(frozen=True, slots=True)
class _Call:
    function: Callable[[], Any]
    answer: "Future[Any]" = field(default_factory=Future)


class DeviceThread:
    """A thread with a queue; it starts with the owner and ends with `close`, or with the process."""

    def __init__(self, name: str) -> None:
        # A SimpleQueue, since its put may come from a finaliser in the midst of another put.
        self._queue: SimpleQueue[_Search | _Call | None] = SimpleQueue()
        self._closing = Lock()
        self._closed = False
        self._thread = Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """About how many searches and calls wait while the device is busy."""
        return self._queue.qsize()

    def search(self, held: DeviceIndex, queries: NDArray[np.float32], k: int, point: OperatingPoint) -> Found:
        """Return held.search(queries, k, point), called by the owner, perhaps together with others' queries.

        Raises what the call raised, to each who had a query in it.
        """
        search = _Search(held, queries, k, point)
        self._put(search)
        return search.answer.result()

    def call(self, function: Callable[[], Result]) -> Result:
        """Return function(), called by the owner after all that was asked before. Raises what it raised."""
        call = _Call(function)
        self._put(call)
        result: Result = call.answer.result()
        return result

    def post(self, function: Callable[[], None]) -> None:
        """Have the owner call the function and do not wait; nothing happens once the owner is closed.

        Never blocks, so finalisers may use it, in any thread, the owner's own too.
        """
        self._queue.put(_Call(function))

    def close(self) -> None:
        """Answer all that was asked before, then end the thread."""
        with self._closing:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _put(self, job: _Search | _Call) -> None:
        # Under the lock, or a job could land behind the one that ends the thread, and its caller wait for ever.
        with self._closing:
            if self._closed:
                raise InvalidSetting(f"expected an open device, got {self._thread.name}, which is closed")
            self._queue.put(job)

    def _serve(self) -> None:
        while True:
            gathered, open_still = self._gathered()
            _answer_all(gathered)
            if not open_still:
                return
            # Or what was last searched would stay alive, and on the device, until the next is asked.
            del gathered

    def _gathered(self) -> tuple[list[_Search | _Call], bool]:
        """Return all that is in the queue, at least one, in order, and whether there is more to come."""
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
    """Yield searches alike together, in the order of their first; no search passes a call."""
    groups: dict[Hashable, list[_Search]] = {}
    for job in jobs:
        if isinstance(job, _Call):
            yield from groups.values()
            groups = {}
            yield job
            continue
        group = groups.setdefault(job.alike, [])
        if group and sum(len(search.queries) for search in group) + len(job.queries) > MAX_BATCH:
            yield groups.pop(job.alike)
            group = groups.setdefault(job.alike, [])
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
        scores, ids = first.held.search(queries, first.k, first.point)
    except Exception as error:  # noqa: BLE001  those who wait are told, and this thread has to live on
        for waiting in (batch,) if isinstance(batch, _Call) else searches:
            waiting.answer.set_exception(error)
        return
    start = 0
    for search in searches:
        end = start + len(search.queries)
        search.answer.set_result((scores[start:end], ids[start:end]))
        start = end
