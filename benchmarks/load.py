"""A load generator in a separate process, so that the caller's work never counts as the server's.

The process reads one order per line from stdin and writes one result per line to stdout. Messages are prepared before
the clock starts and responses are kept as bytes, so the same generator measures any unary method. In a closed loop each
caller sends its next request when it has the response; in an open loop requests are sent on schedule, whether the last
has returned or not, and latency counts from the scheduled time: a server that stalls cannot hide the queue behind it.
"""

import asyncio
import gc
import json
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np

from engine.errors import DiptychError, InvalidSetting

_LENGTH = struct.Struct("<I")
_TIMEOUT_S = 30.0


class LoadFailed(DiptychError):
    """A server failed to answer a request."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to send: `requests` requests, the messages of the file in turn, keeping each message's response if asked.

    callers: concurrent callers of a closed loop; 0 for an open loop.   rate: requests per second of an open loop, with
    exponential gaps, drawn from `seed`.
    """

    target: str
    method: str
    messages: str
    requests: int
    callers: int = 0
    rate: float = 0.0
    seed: int = 0
    answers: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """latency_us: of each request, in sending order.   late_us: delay of sending; all 0 for a closed loop."""

    latency_us: list[float]
    late_us: list[float]
    wall_s: float


class LoadProcess:
    """A running load process; `run` waits for the result of an order."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, order: Order) -> Outcome:
        """Return the outcome of an order. Raises LoadFailed if a request failed or the process ended."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise LoadFailed("expected a load process with pipes, got none")
        stdin.write(json.dumps(asdict(order)) + "\n")
        stdin.flush()
        line = stdout.readline()
        if not line:
            raise LoadFailed(f"the load process ended with code {self._process.wait()}")
        result = json.loads(line)
        if "error" in result:
            raise LoadFailed(result["error"])
        return Outcome(**result)


@contextmanager
def load_process() -> Iterator[LoadProcess]:
    """Start a load process; it ends with the block."""
    command = [sys.executable, "-m", "benchmarks.load"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            yield LoadProcess(process)
        finally:
            process.terminate()


def write_messages(path: Path, messages: Sequence[bytes]) -> None:
    """Write messages, each preceded by its length."""
    path.write_bytes(b"".join(_LENGTH.pack(len(message)) + message for message in messages))


def read_messages(path: Path) -> list[bytes]:
    """Return the messages of a file written by `write_messages`."""
    data = path.read_bytes()
    messages = []
    start = 0
    while start < len(data):
        (size,) = _LENGTH.unpack_from(data, start)
        start += _LENGTH.size
        messages.append(data[start : start + size])
        start += size
    return messages


async def send(order: Order) -> Outcome:
    """Carry out an order. Raises LoadFailed at the first request that fails."""
    messages = read_messages(Path(order.messages))
    if not messages or (order.callers > 0) == (order.rate > 0):
        raise InvalidSetting(f"expected messages, and either callers or a rate, got {order}")
    answers: list[bytes] = [b""] * len(messages)
    async with grpc.aio.insecure_channel(order.target, [("grpc.max_receive_message_length", -1)]) as channel:
        call: Any = channel.unary_unary(order.method)
        run = _Run(order, call, messages, answers)
        gc.collect()
        gc.disable()
        try:
            # Connecting is not measured.
            await call(messages[0], timeout=_TIMEOUT_S, wait_for_ready=True)
            outcome = await (run.closed() if order.callers else run.open())
        except grpc.aio.AioRpcError as error:
            raise LoadFailed(
                f"{order.method}: expected an answer, got {error.code().name}: {error.details()}"
            ) from error
        finally:
            gc.enable()
    if order.answers:
        write_messages(Path(order.answers), answers)
    return outcome


class _Run:
    """An order in progress."""

    def __init__(self, order: Order, call: Any, messages: list[bytes], answers: list[bytes]) -> None:
        self._order = order
        self._call = call
        self._messages = messages
        self._answers = answers
        self._latency = [0.0] * order.requests
        self._late = [0.0] * order.requests

    async def closed(self) -> Outcome:
        numbers = iter(range(self._order.requests))

        async def caller() -> None:
            for number in numbers:
                await self._ask(number, time.perf_counter_ns())

        started = time.perf_counter_ns()
        await asyncio.gather(*(caller() for _ in range(self._order.callers)))
        return self._outcome(started)

    async def open(self) -> Outcome:
        gaps = np.random.default_rng(self._order.seed).exponential(1e9 / self._order.rate, self._order.requests)
        loop = asyncio.get_running_loop()
        tasks: set[asyncio.Task[None]] = set()
        done = asyncio.Event()
        started = time.perf_counter_ns() + 1_000_000
        intended = (started + np.cumsum(gaps)).astype(np.int64).tolist()

        def leave(number: int) -> None:
            task = loop.create_task(self._ask(number, intended[number]))
            tasks.add(task)
            if number == len(intended) - 1:
                done.set()

        def clock() -> None:
            # A thread, since the event loop's timers have a resolution of a millisecond, longer than what is measured.
            for number, due in enumerate(intended):
                wait = due - time.perf_counter_ns()
                if wait > 0:
                    time.sleep(wait / 1e9)
                loop.call_soon_threadsafe(leave, number)

        ticking = threading.Thread(target=clock, daemon=True)
        ticking.start()
        await done.wait()
        await asyncio.gather(*tasks)
        ticking.join()
        return self._outcome(started)

    async def _ask(self, number: int, since: int) -> None:
        message = number % len(self._messages)
        self._late[number] = (time.perf_counter_ns() - since) / 1000
        self._answers[message] = await self._call(self._messages[message], timeout=_TIMEOUT_S)
        self._latency[number] = (time.perf_counter_ns() - since) / 1000

    def _outcome(self, started: int) -> Outcome:
        wall_s = (time.perf_counter_ns() - started) / 1e9
        return Outcome(self._latency, self._late, wall_s)


async def _serve_orders() -> None:
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as reader:
        while line := await loop.run_in_executor(reader, sys.stdin.readline):
            try:
                result = asdict(await send(Order(**json.loads(line))))
            except (DiptychError, grpc.RpcError, OSError) as error:
                result = {"error": f"{type(error).__name__}: {error}"}
            sys.stdout.write(json.dumps(result) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_serve_orders())
