"""Raw FAISS in this process: the lower bound of every search."""

import threading
import time
from collections.abc import Sequence

from benchmarks.load import Outcome
from benchmarks.workload import Bare


def run_bare(calls: Sequence[Sequence[Bare]], requests: int, callers: int) -> tuple[Outcome, float]:
    """Run `requests` queries from several threads in a closed loop.

    calls: for each query, the FAISS calls that answer it; queries are taken in turn. Returns the outcome and the CPU
    seconds used.
    """
    latency = [0.0] * requests
    numbers = iter(range(requests))

    def caller() -> None:
        for number in numbers:
            query = calls[number % len(calls)]
            started = time.perf_counter_ns()
            for call in query:
                call()
            latency[number] = (time.perf_counter_ns() - started) / 1000

    threads = [threading.Thread(target=caller) for _ in range(callers)]
    before, started = time.process_time_ns(), time.perf_counter_ns()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wall_s = (time.perf_counter_ns() - started) / 1e9
    return Outcome(latency, [0.0] * requests, wall_s), (time.process_time_ns() - before) / 1e9
