"""What the server adds to the search itself: raw FAISS, a bare echo and the real server, measured in turn.

The machine is never idle, so one round measures all three one after the other, and a ratio is taken within a round; the
median over the rounds counts. Raw FAISS runs the very calls that the engine makes for the same queries, recorded from
the engine; the echo receives and returns the same bytes as the server.
"""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import echo, report
from benchmarks.bare import run_bare
from benchmarks.datasets import DATA, Clustered, clustered
from benchmarks.ground_truth import GroundTruth
from benchmarks.load import LoadProcess, Order, Outcome, load_process, read_messages, write_messages
from benchmarks.processes import Served, echo_server, engine_server
from benchmarks.stores import prepare
from benchmarks.workload import (
    METHOD,
    Bare,
    FoundItems,
    TextWorkload,
    VectorWorkload,
    Workload,
    bare_calls,
    from_answer,
    from_response,
    to_request,
)
from engine.encoders.encoder import ModelSpec

CALLERS = (1, 4, 16)
RATES = (100.0, 300.0)
GOAL = 1.3

RAW, ECHO, SERVER = "raw FAISS", "bare echo", "engine serve"
TARGETS = (RAW, ECHO, SERVER)

_OPEN_S = 4.0
_WARM_UP = 200


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds, requests of each closed loop in a round, and the rates of the open loops."""

    rounds: int = 5
    requests: int = 2_000
    callers: tuple[int, ...] = CALLERS
    rates: tuple[float, ...] = RATES


@dataclass(slots=True)
class Series:
    """The measurements of one target under one load: one number per round, except for the latencies."""

    latency_us: list[float] = field(default_factory=list)
    late_us: list[float] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    wall_us: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)

    def add(self, outcome: Outcome, cpu_s: float) -> None:
        """Add a round."""
        count = len(outcome.latency_us)
        self.latency_us += outcome.latency_us
        self.late_us += outcome.late_us
        self.p50_us.append(float(np.median(outcome.latency_us)))
        self.wall_us.append(outcome.wall_s / count * 1e6)
        self.cpu_us.append(cpu_s / count * 1e6)

    def to_json(self, recall: float | None) -> dict[str, Any]:
        """Return the spread over all rounds; for throughput and CPU time, the median round."""
        return {
            "recall_at_10": recall,
            "latency_us": report.spread(self.latency_us),
            "late_us": report.spread(self.late_us),
            "requests_per_s": round(1e6 / float(np.median(self.wall_us)), 1),
            "cpu_us_per_request": round(float(np.median(self.cpu_us)), 1),
            "requests": len(self.latency_us),
        }


def run(
    made: Clustered,
    count: int,
    effort: Effort,
    store: Path | None = None,
    seed: int = 5,
    catalogue: Path | None = None,
    model: ModelSpec | None = None,
    json_path: Path | None = None,
    data: Path = DATA,
) -> dict[str, Any]:
    """Measure raw FAISS, echo and server on `count` queries, print the tables and return the result.

    Without a catalogue the queries are vectors of the generated one; with one they are the titles of its items, which
    the snapshot's encoder encodes. Requires Linux: the servers' CPU time is read from /proc.
    """
    path = catalogue or clustered(made, data)
    folder = data / path.parent.name if catalogue else path.parent
    built = prepare(path, store, folder, model=model)
    searcher = built.searcher()
    workload: Workload
    if catalogue is None:
        workload = VectorWorkload(path, GroundTruth(path, built.manifest), count, seed)
    else:
        workload = TextWorkload(searcher, count, seed)
    calls, answers = bare_calls(searcher, workload.queries)
    known = workload.recall([from_answer(index, answer) for index, answer in enumerate(answers)])
    requests = [to_request(query) for query in workload.queries]
    with _bench(built.store, requests) as bench:
        responses = bench.answers
        closed = _closed(bench, calls, effort, seed)
        opened = _open(bench, effort, seed)
        memory_mib = bench.served[SERVER].memory_mib()
        recalls = {RAW: known, ECHO: None, SERVER: workload.recall(bench.found)}
    content = {
        "settings": {"queries": len(requests), "workload": workload.kind, "query_seed": seed, **asdict(effort)},
        "dataset": asdict(made) if catalogue is None else {"catalogue": path.parent.name},
        "snapshot": built.describe(),
        "request_bytes": report.spread([len(request) for request in requests]),
        "response_bytes": report.spread([len(response) for response in responses]),
        "server_private_mib": round(memory_mib, 1),
        "closed": [_closed_json(callers, series, recalls) for callers, series in closed.items()],
        "open": [
            {"rate": rate, "targets": {name: entry.to_json(recalls[name]) for name, entry in series.items()}}
            for rate, series in opened.items()
        ],
        "goal": {"ratio": GOAL, "of": "engine serve / (bare echo + raw FAISS)"},
    }
    tables = _tables(built.manifest.item_count, workload.kind, content)
    for table in tables:
        table.show()
    if json_path is not None:
        report.write(json_path, "latency", content, tables)
        _draw(content, json_path.with_suffix(".png"))
    return content


@dataclass(slots=True)
class _Bench:
    """Both servers and their load processes, each with one connection and prepared messages."""

    served: dict[str, Served]
    loads: dict[str, LoadProcess]
    messages: Path
    folder: Path
    answers: list[bytes]
    found: list[FoundItems] = field(default_factory=list)

    def run(self, name: str, **what: Any) -> tuple[Outcome, float]:
        """Run one load. Returns its outcome and the server's CPU seconds; responses are kept to measure recall."""
        kept = self.folder / "kept"
        served = self.served[name]
        method = METHOD if name == SERVER else echo.METHOD
        before = served.cpu_s()
        order = Order(served.target, method, str(self.messages), answers=str(kept) if name == SERVER else "", **what)
        outcome = self.loads[name].run(order)
        cpu_s = served.cpu_s() - before
        if name == SERVER:
            known = set(self.found)
            answered = [from_response(index, data) for index, data in enumerate(read_messages(kept)) if data]
            self.found += [found for found in answered if found not in known]
        return outcome, cpu_s


@contextmanager
def _bench(store: Path, requests: Sequence[bytes]) -> Iterator[_Bench]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        messages, answers = folder / "messages", folder / "answers"
        write_messages(messages, requests)
        server = stack.enter_context(engine_server(store))
        loads = {name: stack.enter_context(load_process()) for name in (ECHO, SERVER)}
        order = Order(server.target, METHOD, str(messages), len(requests), callers=4, answers=str(answers))
        loads[SERVER].run(order)
        responses = read_messages(answers)
        bare = stack.enter_context(echo_server(requests, responses))
        bench = _Bench({ECHO: bare, SERVER: server}, loads, messages, folder, responses)
        for name in (ECHO, SERVER):
            bench.run(name, requests=_WARM_UP, callers=4)
        yield bench


def _closed(bench: _Bench, calls: Sequence[Sequence[Bare]], effort: Effort, seed: int) -> dict[int, dict[str, Series]]:
    measured: dict[int, dict[str, Series]] = {n: {name: Series() for name in TARGETS} for n in effort.callers}
    run_bare(calls, _WARM_UP, 1)
    for number in range(effort.rounds):
        for callers, series in measured.items():
            for name in _turn(TARGETS, number):
                if name == RAW:
                    series[name].add(*run_bare(calls, effort.requests, callers))
                else:
                    series[name].add(*bench.run(name, requests=effort.requests, callers=callers, seed=seed))
    return measured


def _open(bench: _Bench, effort: Effort, seed: int) -> dict[float, dict[str, Series]]:
    measured: dict[float, dict[str, Series]] = {r: {name: Series() for name in (ECHO, SERVER)} for r in effort.rates}
    for number in range(effort.rounds):
        for rate, series in measured.items():
            requests = max(1, min(effort.requests, round(rate * _OPEN_S)))
            for name in _turn((ECHO, SERVER), number):
                series[name].add(*bench.run(name, requests=requests, rate=rate, seed=seed + number))
    return measured


def _turn(names: Sequence[str], number: int) -> list[str]:
    """Return the names in the order of a round: each is first, and last, equally often."""
    start = number % len(names)
    return [*names[start:], *names[:start]]


def _closed_json(callers: int, series: Mapping[str, Series], recalls: Mapping[str, float | None]) -> dict[str, Any]:
    return {
        "callers": callers,
        "targets": {name: entry.to_json(recalls[name]) for name, entry in series.items()},
        "ratio": {
            # Many callers queue at a server, and that has no counterpart in raw FAISS's latency.
            "p50": _ratio(series, lambda entry: entry.p50_us) if callers == 1 else None,
            "wall_per_request": _ratio(series, lambda entry: entry.wall_us),
            "cpu_per_request": _ratio(series, lambda entry: entry.cpu_us),
        },
    }


def _ratio(series: Mapping[str, Series], number: Callable[[Series], list[float]]) -> dict[str, float]:
    rounds = zip(number(series[SERVER]), number(series[ECHO]), number(series[RAW]), strict=True)
    ratios = [server / (bare + raw) for server, bare, raw in rounds]
    return {
        "median": round(float(np.median(ratios)), 3),
        "least": round(min(ratios), 3),
        "greatest": round(max(ratios), 3),
    }


def _tables(items: int, kind: str, content: Mapping[str, Any]) -> list[report.Table]:
    loads = [(f"{entry['callers']} caller{'s' * (entry['callers'] > 1)}", entry) for entry in content["closed"]]
    loads += [(f"open, {entry['rate']:g}/s", entry) for entry in content["open"]]
    rows = [_row(load, name, entry) for load, measured in loads for name, entry in measured["targets"].items()]
    columns = ("load", "target", "recall@10", "p50 µs", "p95 µs", "p99 µs", "requests/s", "CPU µs/request")
    ratios = [
        (
            f"{entry['callers']}",
            *(_shown(entry["ratio"][of]) for of in ("p50", "wall_per_request", "cpu_per_request")),
        )
        for entry in content["closed"]
    ]
    names = ("callers", "median latency", "time per request", "CPU per request")
    return [
        report.Table(f"{items:,} items, queries of {kind}, load from a separate process", columns, rows),
        report.Table(f"{SERVER} / ({ECHO} + {RAW}), median of the rounds; goal {GOAL}", names, ratios),
    ]


def _shown(ratio: Mapping[str, float] | None) -> str:
    return "-" if ratio is None else f"{ratio['median']:.2f} ({ratio['least']:.2f}-{ratio['greatest']:.2f})"


def _row(load: str, name: str, entry: Mapping[str, Any]) -> tuple[str, ...]:
    recall = entry["recall_at_10"]
    return (
        load,
        name,
        "finds nothing" if recall is None else f"{recall:.4f}",
        *(f"{entry['latency_us'][share]:,.0f}" for share in ("p50", "p95", "p99")),
        f"{entry['requests_per_s']:,.0f}",
        f"{entry['cpu_us_per_request']:,.0f}",
    )


def _draw(content: Mapping[str, Any], path: Path) -> None:
    from matplotlib.figure import Figure

    loads = content["closed"]
    figure = Figure(figsize=(3.2 * len(loads), 3.6), layout="constrained")
    drawn = figure.subplots(1, len(loads), squeeze=False)[0]
    for axes, load in zip(drawn, loads, strict=True):
        for index, name in enumerate(TARGETS):
            spread = load["targets"][name]["latency_us"]
            heights = [spread[share] / 1000 for share in ("p50", "p95", "p99")]
            axes.bar(np.arange(3) + index * 0.27, heights, 0.25, label=name)
        axes.set_xticks(np.arange(3) + 0.27, ["p50", "p95", "p99"])
        axes.set(title=f"{load['callers']} callers", ylabel="ms")
        axes.grid(axis="y", alpha=0.3)
    drawn[0].legend()
    recall = loads[0]["targets"][SERVER]["recall_at_10"]
    figure.suptitle(f"Latency at recall@10 {recall:.4f}")
    figure.savefig(path, dpi=110)
