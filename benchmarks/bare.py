"""Raw FAISS in this process: the floor under every search."""

import threading
import time
from collections.abc import Sequence

from benchmarks.load import Outcome
from benchmarks.workload import Bare


def run_bare(calls: Sequence[Sequence[Bare]], requests: int, callers: int) -> tuple[Outcome, float]:
    """Return what came of `requests` queries asked by threads in a closed loop, and the processor seconds they took.

    calls: for each query the FAISS calls that answer it; they are asked in turn.
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
