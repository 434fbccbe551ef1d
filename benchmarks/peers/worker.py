"""One peer in a separate process: its builds, its answers and their cost.

A peer's packages may need other versions than ours, so it may run in a separate Python; this file and the peers
therefore import nothing of the engine and, beside numpy, only the peer's library. Orders and responses are JSON, one
per line on stdin and stdout; rows, queries and results are .npy files. The clock runs here, around each query alone:
queries are converted to the peer's preferred form before, and ids are extracted from its answer afterwards.
"""

import gc
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

PEERS = {
    "ours": "benchmarks.peers.ours:InProcess",
    "ours (wire)": "benchmarks.peers.ours:Converted",
    "ours (gRPC)": "benchmarks.peers.ours:Called",
    "FAISS IVF": "benchmarks.peers.libraries:FaissCells",
    "FAISS HNSW": "benchmarks.peers.libraries:FaissGraph",
    "hnswlib": "benchmarks.peers.libraries:Hnswlib",
    "USearch": "benchmarks.peers.libraries:Usearch",
    "ScaNN": "benchmarks.peers.libraries:Scann",
    "Chroma": "benchmarks.peers.databases:Chroma",
    "LanceDB": "benchmarks.peers.databases:Lance",
    "Milvus Lite": "benchmarks.peers.databases:MilvusLite",
    "Milvus Lite (weighted)": "benchmarks.peers.databases:MilvusWeighted",
    "Milvus Lite (RRF)": "benchmarks.peers.databases:MilvusRanks",
}

ONE_THREAD = dict.fromkeys(
    (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "RAYON_NUM_THREADS",
        "TOKIO_WORKER_THREADS",
        "LANCE_CPU_THREADS",
        "LANCE_IO_THREADS",
    ),
    "1",
)
"""Environment variables that limit the libraries to one thread."""

WARM_UP = 20
WARM_UP_S = 1.0
"""Number of warm-up calls, and their maximum time."""

Settings = Mapping[str, Any]
Float = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Data:
    """The data of an index. rows: (n, d), concatenated blocks, zeros for those that an item lacks.

    spans: each block's columns of the rows.   numbers: (n,), a column to filter by.
    """

    rows: Float
    spans: Mapping[str, slice]
    numbers: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class PeerQuery:
    """A query. vector: (d,), whose inner product with a row is the item's fused score.

    units: the unweighted unit vectors by block.   weights: by block.   below: 1, or only items whose number is below it
    match.   allowed: (n,), the items that match; None for all.
    """

    vector: Float
    units: Mapping[str, Float]
    weights: Mapping[str, float]
    below: float = 1.0
    allowed: NDArray[np.bool_] | None = None


class Peer(Protocol):
    """A library or database that finds rows; one instance for each process."""

    packages: Sequence[str]
    """Distributions whose versions are reported if installed."""

    imports: Sequence[str]
    """Modules to load before memory is first measured."""

    def build(self, data: Data, folder: Path, settings: Settings) -> None:
        """Write whatever `open` reads to an empty folder."""

    def open(self, folder: Path, k: int) -> None:
        """Prepare to answer with `k` rows per query."""

    def ready(self, asked: PeerQuery, settings: Settings) -> Callable[[], Any]:
        """Return the call that answers, with its arguments in the form that costs it least."""

    def rows(self, answer: Any) -> list[int]:
        """Return the rows in a result of that call, best first."""


class Worker:
    """Carries out orders. Each order names a method, which takes the order's fields and returns the response's."""

    def __init__(self) -> None:
        self._peer: Peer | None = None
        self._k = 10
        self._before = memory()

    def start(self, peer: str) -> dict[str, Any]:
        """Create the peer and import its library."""
        module, _, name = PEERS[peer].partition(":")
        made: Peer = getattr(import_module(module), name)()
        for needed in made.imports:
            import_module(needed)
        self._peer = made
        self._before = memory()
        return {"versions": dict(_versions(made.packages))}

    def build(
        self, rows: str, spans: dict[str, list[int]], numbers: str, folder: str, settings: Settings
    ) -> dict[str, Any]:
        """Build an index; the rows are read before the clock starts."""
        data = Data(np.load(rows), {name: slice(*ends) for name, ends in spans.items()}, np.load(numbers))
        started = time.perf_counter()
        self._made().build(data, Path(folder), settings)
        return {"build_s": time.perf_counter() - started}

    def open(self, folder: str, k: int) -> dict[str, Any]:
        """Open a built index."""
        self._k = k
        started = time.perf_counter()
        self._made().open(Path(folder), k)
        return {"open_s": time.perf_counter() - started}

    def ask(
        self,
        queries: str,
        query_indices: list[int],
        settings: Settings,
        answers: str,
        below: float = 1.0,
        numbers: str = "",
    ) -> dict[str, Any]:
        """Run queries from a file one after the other; the first are run once beforehand."""
        peer = self._made()
        allowed = np.load(numbers) < below if below < 1.0 else None
        asked = list(read_queries(Path(queries), query_indices, below, allowed))
        calls = [peer.ready(one, settings) for one in asked]
        warm_until = time.perf_counter() + WARM_UP_S
        for call in calls[:WARM_UP]:
            call()
            if time.perf_counter() > warm_until:
                break
        elapsed_us = np.empty(len(calls))
        found = np.full((len(calls), self._k), -1, np.int64)
        with quiet():
            before = cpu_s()
            for index, call in enumerate(calls):
                started = time.perf_counter_ns()
                answer = call()
                elapsed_us[index] = (time.perf_counter_ns() - started) / 1000
                rows = peer.rows(answer)[: self._k]
                found[index, : len(rows)] = rows
            spent = cpu_s() - before
        np.save(answers, found)
        return {"took_us": elapsed_us.tolist(), "cpu_us": spent / len(calls) * 1e6, **self.cost()}

    def cost(self) -> dict[str, Any]:
        """Return the memory used since the library was imported, including children."""
        now = memory()
        return {name: now[name] - self._before[name] for name in now}

    def _made(self) -> Peer:
        if self._peer is None:
            raise ValueError("expected the order start first, got another")
        return self._peer


def _versions(packages: Sequence[str]) -> Iterator[tuple[str, str]]:
    for package in packages:
        try:
            yield package, version(package)
        except PackageNotFoundError:
            continue


def read_queries(
    path: Path, query_indices: Sequence[int], below: float = 1.0, allowed: NDArray[np.bool_] | None = None
) -> Iterator[PeerQuery]:
    """Yield the queries of a file written by `write_queries`."""
    with np.load(path) as file:
        vectors, weights = file["vectors"], file["weights"]
        blocks = [str(name) for name in file["blocks"]]
        units = {name: file[f"unit_{name}"] for name in blocks}
    for index in query_indices:
        asked = {name: float(weight) for name, weight in zip(blocks, weights[index], strict=True) if weight > 0}
        yield PeerQuery(vectors[index], {name: units[name][index] for name in asked}, asked, below, allowed)


def write_queries(path: Path, vectors: Float, units: Mapping[str, Float], weights: NDArray[np.float64]) -> None:
    """Write queries. vectors: (nq, d).   units: (nq, d_b) by block.   weights: (nq, blocks), 0 for unused blocks."""
    arrays: dict[str, Any] = {f"unit_{name}": rows for name, rows in units.items()}
    np.savez(path, vectors=vectors, weights=weights, blocks=np.array(list(units)), **arrays)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the garbage collector from running during measurements."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    pids = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in _read(children).split():
            pids += family(int(child))
    return pids


def _read(path: Path) -> str:
    """Return the content of a file of /proc, empty if its thread or process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def cpu_s() -> float:
    """Return the CPU time of this process and its children."""
    total = time.process_time()
    for pid in family(os.getpid())[1:]:
        if fields := _read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split():
            total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def memory() -> dict[str, float]:
    """Return the resident and the private memory of this process and its children in MiB."""
    total = {"rss_mib": 0.0, "private_mib": 0.0}
    names = {"VmRSS:": "rss_mib", "RssAnon:": "private_mib"}
    for pid in family(os.getpid()):
        for line in _read(Path(f"/proc/{pid}/status")).splitlines():
            key, _, rest = line.partition("\t")
            if key in names:
                total[names[key]] += int(rest.split()[0]) / 1024
    return total


def main() -> None:
    """Serve orders until stdin ends."""
    # Output of the libraries must not get between the responses.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker()
    for line in sys.stdin:
        order = json.loads(line)
        try:
            result = getattr(worker, order.pop("do"))(**order)
        except Exception as error:  # noqa: BLE001 whatever a library raises is reported to the caller
            result = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(result) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
