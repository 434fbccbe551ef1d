"""Thread pools with bounded queues for blocking work.

Besides FAISS, the hop to a thread and back is most of the cost of a vector query, so this is not ThreadPoolExecutor:
with 1 and with 16 callers a hop takes 20 and 3 µs of CPU here, 37 and 18 there. The loop is woken once for all jobs
that have finished by then.
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
    """Arrival and deadline of a call.

    Attributes:
        arrived_ns: Arrival, by perf_counter_ns.
        deadline_ns: Deadline, by the same clock; None if it has none.
    """

    arrived_ns: int
    deadline_ns: int | None = None

    def check(self, needed_ns: int = 0) -> None:
        """Raise OutOfTime if less than `needed_ns` is left."""
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
    """A pool of threads with a queue of at most `waiting_limit` jobs, for use on one event loop."""

    def __init__(self, name: str, threads: int, waiting_limit: int) -> None:
        self.name = name
        self.waiting_limit = waiting_limit
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_WorkerJob | None] = SimpleQueue()
        self._done: deque[_WorkerJob] = deque()
        self._woken = False
        self._fastest_ns: dict[str, int] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f"{name}-{index}", daemon=True) for index in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, kind: str, work: Callable[[], Result], call: CallDeadline) -> Result:
        """Run `work` in one of the threads; return what it returns, or raise what it raises.

        Args:
            kind: Kind of work. A call with less time left than the fastest such work took is rejected at once.
            work: The work.
            call: The call that waits for it.

        Raises:
            Overloaded: The queue is full.
            OutOfTime: The deadline has passed, or is too close.
        """
        call.check(self._fastest_ns.get(kind, 0))
        waiting = self._jobs.qsize()
        if waiting >= self.waiting_limit:
            raise Overloaded(f"expected fewer than {self.waiting_limit} calls waiting for {self.name}, got {waiting}")
        job = _WorkerJob(self._loop.create_future(), work, call, kind)
        self._jobs.put(job)
        result: Result = await job.future
        return result

    def waiting(self) -> int:
        """Return the number of jobs in the queue."""
        return self._jobs.qsize()

    def close(self) -> None:
        """Finish the queued jobs, then end the threads."""
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
            except BaseException as error:  # noqa: BLE001 not swallowed: it is raised to the caller
                job.error = error
            else:
                duration_ns = perf_counter_ns() - started
                if duration_ns < self._fastest_ns.get(job.kind, duration_ns + 1):
                    self._fastest_ns[job.kind] = duration_ns
            self._done.append(job)
            # Read after the append, and reset before the jobs are taken, so that no job is missed.
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
