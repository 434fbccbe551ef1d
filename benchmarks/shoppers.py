"""Latency and recall of recommendations over gRPC.

Shoppers of a generated catalogue keep to a few of its clusters, as they do in a shop; the build learns from their
events, and every recommendation reads its shopper's events from the store's log. The exact result is that of the same
request with a recall target of 1, which scores every item.
"""

import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from benchmarks import report
from benchmarks.datasets import DATA, SIGNALS, Clustered, clustered
from benchmarks.latency import Series
from benchmarks.load import LoadProcess, Order, load_process, read_messages, write_messages
from benchmarks.processes import Served, engine_server
from benchmarks.stores import Built
from engine.errors import InvalidSetting
from engine.snapshot.store import Store
from engine.v1 import recommendation_pb2
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import Reporter

METHOD = "/engine.v1.RecommendationService/Recommend"
MODES = ("MIXED", "DISCOVER", "REPEAT")
CALLERS = (1, 16)
K = 10
PAGE = 20

_NEWEST_S = 1_700_000_000
_DAY_S = 86_400
_DAYS = 365
_WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Crowd:
    """The generated shoppers: their number, the events of each, and the maximum number of clusters they keep to.

    bought: share of the events that are purchases; half of the others are views, a quarter carts and a quarter likes.
    """

    shoppers: int = 5_000
    events: int = 50
    clusters: int = 3
    bought: float = 0.7
    seed: int = 3


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: shoppers, rounds, and requests of each closed loop in a round."""

    asked: int = 400
    rounds: int = 5
    requests: int = 1_000
    callers: tuple[int, ...] = CALLERS


def run(
    made: Clustered,
    crowd: Crowd,
    effort: Effort,
    store: Path | None = None,
    seed: int = 5,
    json_path: Path | None = None,
    data: Path = DATA,
) -> dict[str, Any]:
    """Measure recommendations in each mode, print the table and return the result. Requires Linux, as latency does."""
    path = clustered(made, data)
    built = _built(path, crowd, path.parent / f"shoppers-{crowd.shoppers}-{crowd.events}-{crowd.seed}", store)
    chosen = np.random.default_rng(seed).choice(crowd.shoppers, min(effort.asked, crowd.shoppers), replace=False)
    rows = []
    with _bench(built.store) as bench:
        for mode in MODES:
            requests = [_request(f"s{number}", mode) for number in chosen.tolist()]
            exact = bench.answers([_request(f"s{number}", mode, recall_target=1.0) for number in chosen.tolist()])
            found = bench.answers(requests)
            recall = float(np.mean([_recall(response, true) for response, true in zip(found, exact, strict=True)]))
            measured = bench.measure(requests, effort)
            rows += [
                {"mode": mode, "callers": callers, **series.to_json(round(recall, 4)), **_told(found)}
                for callers, series in measured.items()
            ]
        memory_mib = bench.served.memory_mib()
    content = {
        "settings": {"page_size": PAGE, "seed": seed, **asdict(effort)},
        "dataset": {**asdict(made), "shoppers": asdict(crowd)},
        "snapshot": built.describe(),
        "server_private_mib": round(memory_mib, 1),
        "recommendations": rows,
    }
    table = _table(built.manifest.item_count, crowd, rows)
    table.show()
    if json_path is not None:
        report.write(json_path, "shoppers", content, [table])
    return content


@dataclass(slots=True)
class _Bench:
    """A server, and a process that calls it."""

    served: Served
    load: LoadProcess
    folder: Path

    def answers(self, requests: Sequence[bytes]) -> list[recommendation_pb2.RecommendResponse]:
        """Return the response to each request."""
        messages, kept = self.folder / "messages", self.folder / "kept"
        write_messages(messages, requests)
        self.load.run(Order(self.served.target, METHOD, str(messages), len(requests), 4, answers=str(kept)))
        return [recommendation_pb2.RecommendResponse.FromString(data) for data in read_messages(kept)]

    def measure(self, requests: Sequence[bytes], effort: Effort) -> dict[int, Series]:
        """Return the cost of requests for each number of callers, measured in turn."""
        messages = self.folder / "measured"
        write_messages(messages, requests)
        measured = {callers: Series() for callers in effort.callers}
        self.load.run(Order(self.served.target, METHOD, str(messages), _WARM_UP, 4))
        for _ in range(effort.rounds):
            for callers, series in measured.items():
                before = self.served.cpu_s()
                outcome = self.load.run(Order(self.served.target, METHOD, str(messages), effort.requests, callers))
                series.add(outcome, self.served.cpu_s() - before)
        return measured


@contextmanager
def _bench(store: Path) -> Iterator[_Bench]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        yield _Bench(stack.enter_context(engine_server(store)), stack.enter_context(load_process()), folder)


def _built(catalogue: Path, crowd: Crowd, folder: Path, store: Path | None) -> Built:
    """Return the store to measure, built if none is given."""
    if store is not None:
        name = Store(store).current()
        if name is None:
            raise InvalidSetting(f"expected a published snapshot in {store}, got none")
        return Built(store, Store(store).manifest(name), None)
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    _write_events(catalogue, crowd, folder / "events.jsonl")
    config = BuildConfig(catalogue, folder / "store", signals=SIGNALS, events=folder / "events.jsonl", publish=False)
    with Reporter() as progress:
        started = time.perf_counter()
        manifest = build(config, progress)
    Store(folder / "store").activate(manifest.snapshot)
    return Built(folder / "store", manifest, time.perf_counter() - started)


def _write_events(catalogue: Path, crowd: Crowd, path: Path) -> None:
    """Write the events of shoppers s0, s1 …, unordered. In their clusters they prefer some items to others."""
    rng = np.random.default_rng(crowd.seed)
    table = pq.read_table(catalogue, columns=["item_id", "cluster"])
    item_ids, cluster_of = table["item_id"].to_pylist(), table["cluster"].to_numpy()
    order = np.argsort(cluster_of, kind="stable")
    starts = np.searchsorted(cluster_of[order], np.arange(cluster_of.max() + 2))
    filled = np.flatnonzero(np.diff(starts))
    kinds = ["purchase", "view", "cart", "like"]
    shares = [crowd.bought, (1 - crowd.bought) / 2, (1 - crowd.bought) / 4, (1 - crowd.bought) / 4]
    with path.open("w", encoding="utf-8") as file:
        for shopper in range(crowd.shoppers):
            liked = rng.choice(filled, size=int(rng.integers(1, crowd.clusters + 1)))
            for number in range(crowd.events):
                first, last = starts[(cluster := liked[rng.integers(len(liked))])], starts[cluster + 1]
                # Squared, so that the first items of a cluster are bought most.
                item = order[first + int((last - first) * rng.random() ** 2)]
                line = {
                    "event_id": f"{shopper}-{number}",
                    "user_id": f"s{shopper}",
                    "item_id": item_ids[item],
                    "type": str(rng.choice(kinds, p=shares)),
                    "time": _NEWEST_S - int(_DAYS * _DAY_S * rng.random()),
                }
                file.write(json.dumps(line) + "\n")


def _request(user_id: str, mode: str, **fields: Any) -> bytes:
    wanted = recommendation_pb2.RecommendRequest.Mode.Value(f"MODE_{mode}")
    request = recommendation_pb2.RecommendRequest(user_id=user_id, mode=wanted, page_size=PAGE, **fields)
    data: bytes = request.SerializeToString()
    return data


def _recall(found: recommendation_pb2.RecommendResponse, exact: recommendation_pb2.RecommendResponse) -> float:
    """Return the recall of the first K items."""
    true = {hit.item_id for hit in exact.hits[:K]}
    return len(true & {hit.item_id for hit in found.hits[:K]}) / len(true) if true else 1.0


def _told(found: Sequence[recommendation_pb2.RecommendResponse]) -> dict[str, Any]:
    """Return the time of each stage as the server reports it, and the number of interests in the responses."""
    stages = ("parse_us", "encode_us", "plan_us", "search_us", "score_us", "total_us")
    return {
        "stages_us": {
            stage: float(np.median([getattr(response.timings, stage) for response in found])) for stage in stages
        },
        "interests": float(np.mean([len({hit.interest for hit in response.hits}) for response in found])),
    }


def _table(items: int, crowd: Crowd, rows: Sequence[dict[str, Any]]) -> report.Table:
    columns = ("mode", "callers", f"recall@{K}", "p50 µs", "p99 µs", "requests/s", "CPU µs/request")
    cells = [
        (
            row["mode"],
            str(row["callers"]),
            f"{row['recall_at_10']:.4f}",
            f"{row['latency_us']['p50']:,.0f}",
            f"{row['latency_us']['p99']:,.0f}",
            f"{row['requests_per_s']:,.0f}",
            f"{row['cpu_us_per_request']:,.0f}",
        )
        for row in rows
    ]
    return report.Table(
        f"Recommend over gRPC: {items:,} items, {crowd.shoppers:,} shoppers with {crowd.events} events each, "
        f"{PAGE} hits",
        columns,
        cells,
    )
