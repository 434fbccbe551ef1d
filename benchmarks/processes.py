"""Servers as separate processes: started, waited for, measured and terminated."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import grpc
from grpc_health.v1 import health_pb2

from benchmarks.load import LoadFailed, write_messages
from engine.errors import InvalidSetting

_READY_S = 120.0
_TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Served:
    """A server that listens at `target`."""

    target: str
    pid: int

    def cpu_s(self) -> float:
        """Return the CPU time of the server and its children. Requires Linux's /proc."""
        return sum(_ticks(pid) for pid in _family(self.pid)) / _TICKS_A_SECOND

    def memory_mib(self) -> float:
        """Return the private memory of the server and its children, without mapped files."""
        return sum(_private_kib(pid) for pid in _family(self.pid)) / 1024

    def mappings_mib(self) -> dict[str, float]:
        """Return the private memory by kind: the heap, anonymous mappings, and modified pages of files."""
        found: dict[str, float] = {}
        for pid in _family(self.pid):
            for name, kib in _anonymous_kib(pid):
                found[name] = found.get(name, 0.0) + kib / 1024
        return found


@contextmanager
def engine_server(store: Path, *options: str) -> Iterator[Served]:
    """Start `engine serve` on a store with these options, and yield it when its health service reports SERVING."""
    target = f"127.0.0.1:{_free_port()}"
    command = [sys.executable, "-m", "engine.cli", "serve", "--store", str(store), "--address", target, *options]
    with tempfile.TemporaryFile("w+") as log, _running(command, stdout=log.fileno(), stderr=log.fileno()) as process:
        _wait_until_serving(target, process, log)
        yield Served(target, process.pid)


@contextmanager
def echo_server(requests: Sequence[bytes], answers: Sequence[bytes]) -> Iterator[Served]:
    """Start a bare server that returns these responses to these requests."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / "requests", Path(folder) / "answers"]
        for path, messages in zip(paths, (requests, answers), strict=True):
            write_messages(path, messages)
        command = [sys.executable, "-m", "benchmarks.echo", *map(str, paths)]
        with _running(command, stdout=subprocess.PIPE) as process:
            line = process.stdout.readline() if process.stdout is not None else ""
            if not line:
                raise LoadFailed(f"expected the port of the echo server, got end of output: code {process.wait()}")
            yield Served(f"127.0.0.1:{int(line)}", process.pid)


@contextmanager
def _running(command: list[str], stdout: int, stderr: int | None = None) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(command, stdout=stdout, stderr=stderr, text=True)
    with process:
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_until_serving(target: str, process: "subprocess.Popen[str]", log: IO[str]) -> None:
    deadline = time.monotonic() + _READY_S
    with grpc.insecure_channel(target) as channel:
        check = channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        while time.monotonic() < deadline:
            if process.poll() is not None:
                log.seek(0)
                raise LoadFailed(f"expected a server, got exit code {process.returncode}: {log.read()[-2000:]}")
            try:
                status = check(health_pb2.HealthCheckRequest(), timeout=2).status
            except grpc.RpcError:
                status = health_pb2.HealthCheckResponse.UNKNOWN  # not listening yet
            if status == health_pb2.HealthCheckResponse.SERVING:
                return
            time.sleep(0.02)
    raise LoadFailed(f"expected a server that serves within {_READY_S:g} s, got none")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _family(pid: int) -> list[int]:
    pids = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):  # the thread has ended
            for child in children.read_text().split():
                pids += _family(int(child))
    return pids


def _ticks(pid: int) -> int:
    path = Path(f"/proc/{pid}/stat")
    try:
        # The name in brackets may contain spaces; the fields after it do not.
        fields = path.read_text().rpartition(")")[2].split()
    except FileNotFoundError:
        raise InvalidSetting(f"expected the processor time of a running server in {path}, got no file") from None
    return int(fields[11]) + int(fields[12])


def _anonymous_kib(pid: int) -> Iterator[tuple[str, int]]:
    name = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        key, *rest = line.split()
        if not key.endswith(":"):
            what = rest[4] if len(rest) > 4 else "blocks of their own"
            name = what.strip("[]") if what.startswith("[") else "files" if what.startswith("/") else what
        elif key == "Anonymous:" and rest[0] != "0":
            yield name, int(rest[0])


def _private_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)
