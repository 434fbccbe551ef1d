"""Time, memory and disk by the number of items.

One catalogue for each size, built by the indexer and served by a separate process. Memory is the server's private
memory, without mapped files, above that of a server with one item: the cost of the items, not of Python.
"""

import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.datasets import DATA, Clustered, clustered
from benchmarks.ground_truth import GroundTruth
from benchmarks.load import Order, load_process, read_messages, write_messages
from benchmarks.processes import engine_server
from benchmarks.recall import ask
from benchmarks.stores import Built, prepare
from benchmarks.workload import METHOD, VectorWorkload, from_answer, from_response, to_request

COUNTS = (10_000, 100_000, 1_000_000)
REQUESTS = 2_000

LIMITS = {"private_bytes_an_item": 250.0, "ready_s": 3.0, "recall_at_10": 0.99}
"""Promises at the largest size: maximum, maximum, minimum."""

_GROWING = ("build_s", "size_bytes", "ready_s", "private_bytes", "in_process_us", "grpc_us")


def run(
    made: Clustered,
    counts: Sequence[int] = COUNTS,
    queries: int = 200,
    requests: int = REQUESTS,
    rebuild: bool = False,
    seed: int = 5,
    json_path: Path | None = None,
    data: Path = DATA,
) -> dict[str, Any]:
    """Measure a store of each size, print the tables and return the result. Requires Linux's /proc.

    rebuild: build stores again that exist from an earlier run; build times are those of the run that built them.
    """
    alone = _served(_store(replace(made, count=1, clusters=1, categories=1), True, data).store, [], 0)
    sizes = []
    for count in sorted(counts):
        sized = replace(made, count=count, clusters=max(1, count // 100))
        catalogue = clustered(sized, data)
        sizes.append(_measure(sized, catalogue, _store(sized, rebuild, data), queries, requests, seed, alone))
    content = {
        "settings": {"queries": queries, "requests": requests, "query_seed": seed, "limits": LIMITS},
        "dataset": asdict(made),
        "snapshot": sizes[-1]["snapshot"],
        "single_item": alone,
        "sizes": sizes,
        "growth": _growth(sizes),
        "kept": _kept(sizes[-1]),
    }
    tables = _tables(content)
    for table in tables:
        table.show()
    if json_path is not None:
        report.write(json_path, "scale", content, tables)
        _draw(sizes, json_path.with_suffix(".png"))
    return content


def _store(made: Clustered, rebuild: bool, data: Path) -> Built:
    """Return the store of this size, built if necessary; the build time is kept with it."""
    catalogue = clustered(made, data)
    folder = catalogue.parent / "scale"
    took = folder / "build_s"
    if took.exists() and not rebuild:
        return replace(prepare(catalogue, folder / "store", folder), build_s=float(took.read_text()))
    built = prepare(catalogue, None, folder)
    took.write_text(str(built.build_s))
    return built


def _served(store: Path, messages: Sequence[bytes], requests: int) -> dict[str, Any]:
    """Return the cost of serving a store, and the responses to `requests` requests of one caller."""
    with tempfile.TemporaryDirectory() as name, load_process() as load:
        asked, kept = Path(name) / "asked", Path(name) / "kept"
        started = time.perf_counter()
        with engine_server(store) as server:
            ready_s = time.perf_counter() - started
            idle_mib = server.memory_mib()
            latency_us, answers = [], []
            if requests:
                write_messages(asked, messages)
                outcome = load.run(Order(server.target, METHOD, str(asked), requests, callers=1, answers=str(kept)))
                latency_us, answers = outcome.latency_us, read_messages(kept)
            return {
                "ready_s": round(ready_s, 2),
                "idle_mib": round(idle_mib, 2),
                "private_mib": round(server.memory_mib(), 2),
                "mappings_mib": {what: round(mib, 2) for what, mib in server.mappings_mib().items()},
                "latency_us": latency_us,
                "answers": answers,
            }


def _measure(
    made: Clustered,
    catalogue: Path,
    built: Built,
    count: int,
    requests: int,
    seed: int,
    alone: Mapping[str, Any],
) -> dict[str, Any]:
    workload = VectorWorkload(catalogue, GroundTruth(catalogue, built.manifest), count, seed)
    messages = [to_request(query) for query in workload.queries]
    served = _served(built.store, messages, max(requests, len(messages)))
    searcher = built.searcher()
    searcher.warm_up()
    answers, took = ask(searcher, workload.queries)
    latency_us = served.pop("latency_us")
    responses = [from_response(index, data) for index, data in enumerate(served.pop("answers"))]
    found = [from_answer(index, answer) for index, answer in enumerate(answers)]
    # Computing the truth takes longer than answering, and both ways should find the same.
    same = [answer.item_ids for answer in found] == [answer.item_ids for answer in responses]
    recalls = [round(workload.recall(some), 5) for some in ([found] if same else [found, responses])]
    private = (served["private_mib"] - alone["private_mib"]) * 2**20
    return {
        "items": made.count,
        "build_s": None if built.build_s is None else round(built.build_s, 1),
        "size_bytes": built.manifest.size_bytes,
        "catalogue_bytes": catalogue.stat().st_size,
        "served": served,
        "ready_s": served["ready_s"],
        "private_bytes": round(private),
        "private_bytes_an_item": round(private / made.count, 1),
        "in_process_us": report.spread(took),
        "in_process_recall_at_10": recalls[0],
        "grpc_us": report.spread(latency_us),
        "recall_at_10": recalls[-1],
        "snapshot": built.describe(),
    }


def _growth(sizes: Sequence[Mapping[str, Any]]) -> dict[str, list[float]]:
    """Return, for each measure, its growth exponent in the number of items, from each size to the next."""
    powers: dict[str, list[float]] = {}
    for name in _GROWING:
        values = np.array([_number(size[name]) for size in sizes])
        steps = np.diff(np.log(np.maximum(values, 1e-9))) / np.diff(np.log([size["items"] for size in sizes]))
        powers[name] = [round(float(step), 2) for step in steps]
    return powers


def _number(value: Any) -> float:
    """Return the median of a spread, or the number itself; NaN for None."""
    if isinstance(value, Mapping):
        return float(value["p50"])
    return float("nan") if value is None else float(value)


def _kept(largest: Mapping[str, Any]) -> dict[str, bool]:
    return {
        name: largest[name] >= limit if name == "recall_at_10" else largest[name] <= limit
        for name, limit in LIMITS.items()
    }


def _tables(content: Mapping[str, Any]) -> list[report.Table]:
    sizes, growth = content["sizes"], content["growth"]
    speed = ("items", "recall@10", "in process p50 µs", "p99 µs", "gRPC p50 µs", "p99 µs")
    cost = (
        "items",
        "build s",
        "MiB on disk",
        "disk bytes/item",
        "ready s",
        "private MiB",
        "private bytes/item",
    )
    speeds = [
        (
            f"{size['items']:,}",
            f"{size['recall_at_10']:.4f}",
            *(f"{size[name][share]:,.0f}" for name in ("in_process_us", "grpc_us") for share in ("p50", "p99")),
        )
        for size in sizes
    ]
    costs = [
        (
            f"{size['items']:,}",
            "-" if size["build_s"] is None else f"{size['build_s']:,.0f}",
            f"{size['size_bytes'] / 2**20:,.0f}",
            f"{size['size_bytes'] / size['items']:,.0f}",
            f"{size['ready_s']:.1f}",
            f"{size['served']['private_mib']:,.0f}",
            f"{size['private_bytes_an_item']:,.0f}",
        )
        for size in sizes
    ]
    alone = content["single_item"]
    costs.insert(0, ("1", "-", "-", "-", f"{alone['ready_s']:.1f}", f"{alone['private_mib']:,.0f}", "-"))
    powers = [(name, *(f"{power:.2f}" for power in growth[name])) for name in _GROWING]
    steps = [f"to {size['items']:,}" for size in sizes[1:]]
    return [
        report.Table("one caller, one thread, half of the queries composed", speed, speeds),
        report.Table("cost; private memory above that of a one-item store", cost, costs),
        report.Table("growth exponent in the number of items", ("measure", *steps), [_plain(row) for row in powers]),
    ]


def _plain(row: Sequence[str]) -> tuple[str, ...]:
    return (row[0].removesuffix("_us").replace("_", " "), *row[1:])


def _draw(sizes: Sequence[Mapping[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    items = [size["items"] for size in sizes]
    for name, label in (("in_process_us", "in process"), ("grpc_us", "gRPC")):
        for share, line in (("p50", "-"), ("p99", "--")):
            left.plot(items, [size[name][share] for size in sizes], line, marker="o", label=f"{label} {share}")
    left.set_ylabel("µs")
    middle.plot(items, [size["size_bytes"] / 2**20 for size in sizes], marker="o", label="on disk")
    middle.plot(items, [size["private_bytes"] / 2**20 for size in sizes], marker="o", label="private memory")
    middle.set_ylabel("MiB")
    right.plot(items, [_number(size["build_s"]) for size in sizes], marker="o", label="build")
    right.plot(items, [size["ready_s"] for size in sizes], marker="o", label="start to serving")
    right.set_ylabel("s")
    for axes in (left, middle, right):
        axes.set(xscale="log", yscale="log", xlabel="items")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8)
    figure.suptitle(f"recall@10 {', '.join(str(size['recall_at_10']) for size in sizes)}")
    figure.savefig(path, dpi=110)
