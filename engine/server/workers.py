"""Threads that do what must not hold up the event loop, and the bounded queue before them.

A thread hop is most of what a vector query costs beside FAISS, so this is not ThreadPoolExecutor: for 1 and for 16
callers a hop takes 20 and 3 µs of CPU here, 37 and 18 there. The loop is woken once for all work that is done by then.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from queue import SimpleQueue
from time import perf_counter_ns
from typing import Any, TypeVar

from engine.errors import OutOfTime, Overloaded

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CallDeadline:
    """When a call came, and until when its answer is of use; both as perf_counter_ns tells time."""

    arrived_ns: int
    deadline_ns: int | None = None

    def check(self, needed_ns: int = 0) -> None:
        """Raise OutOfTime if less time is left than needed."""
        if self.deadline_ns is None:
            return
        left = self.deadline_ns - perf_counter_ns()
        if left < needed_ns or left <= 0:
            raise OutOfTime(f"expected at least {needed_ns // 1000} us before the deadline, got {left // 1000}")


@dataclass(slots=True)
class _WorkerJob:
    future: asyncio.Future[Any]
    work: Callable[[], Any]
    call: CallDeadline
    kind: str
    result: Any = None
    error: BaseException | None = None


class Workers:
    """A few threads; `waiting_limit` jobs may wait for them. Made and asked on one event loop."""

    def __init__(self, name: str, threads: int, waiting_limit: int) -> None:
        self.name = name
        self.waiting_limit = waiting_limit
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_WorkerJob | None] = SimpleQueue()
        self._done: deque[_WorkerJob] = deque()
        self._woken = False
        self._fastest_ns: dict[str, int] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{place}", daemon=True) for place in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, kind: str, work: Callable[[], Result], call: CallDeadline) -> Result:
        """Return what `work` returns in one of the threads, or raise what it raises.

        kind: what sort of work it is; no such work has ever been faster than the fastest seen, so a call whose
        deadline is nearer than that is refused at once. Raises Overloaded, OutOfTime.
        """
        call.check(self._fastest_ns.get(kind, 0))
        waiting = self._jobs.qsize()
        if waiting >= self.waiting_limit:
            raise Overloaded(f"expected fewer than {self.waiting_limit} waiting for {self.name}, got {waiting}")
        job = _WorkerJob(self._loop.create_future(), work, call, kind)
        self._jobs.put(job)
        result: Result = await job.future
        return result

    def waiting(self) -> int:
        """How many jobs wait for a thread."""
        return self._jobs.qsize()

    def close(self) -> None:
        """End the threads once the jobs before are done, and wait for them."""
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            if job.future.cancelled():
                continue
            started = perf_counter_ns()
            try:
                job.call.check()
                job.result = job.work()
            except BaseException as error:  # noqa: BLE001 it is not swallowed: who waits for the job gets it
                job.error = error
            else:
                taken = perf_counter_ns() - started
                if taken < self._fastest_ns.get(job.kind, taken + 1):
                    self._fastest_ns[job.kind] = taken
            self._done.append(job)
            # Read after the append, reset before the jobs are taken: a job is never left behind.
            if not self._woken:
                self._woken = True
                self._loop.call_soon_threadsafe(self._deliver)

    def _deliver(self) -> None:
        self._woken = False
        while self._done:
            job = self._done.popleft()
            if job.future.done():
                continue
            if job.error is not None:
                job.future.set_exception(job.error)
            else:
                job.future.set_result(job.result)
