"""Speed and recall of other libraries and databases on the same data, each with its best settings.

Every peer runs in a separate process and is measured in turn with the others, so that ratios are taken within a round.
Indexes and chosen settings are kept; all numbers in a table are measured anew.
"""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import report
from benchmarks.datasets import DATA, Clustered
from benchmarks.load import LoadFailed
from benchmarks.peers.arena import KINDS, TARGET, WEIGHTS, K, Work, arrange, ask, choose_settings, kinds, opened, say
from benchmarks.peers.candidates import CANDIDATES, OURS, Chosen
from benchmarks.peers.process import PeerProcess, peers_python
from benchmarks.peers.worker import PEERS
from engine.errors import InvalidSetting

# A slower peer runs each query once in total, not once per round; an even slower one runs a share of them.
_SLOW_US = 2_000.0
_SLOWER_US = 50_000.0
_SLOWER_QUERIES = 100


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds, queries of each kind. tune: choose settings again. target: recall of the peers."""

    rounds: int = 5
    queries: int = 400
    tune: bool = False
    target: float = TARGET


@dataclass(slots=True)
class Series:
    """The rounds of a peer on one kind of query."""

    elapsed_us: list[float] = field(default_factory=list)
    p50_us: list[float] = field(default_factory=list)
    cpu_us: list[float] = field(default_factory=list)
    query_indices: list[int] = field(default_factory=list)
    found: list[NDArray[np.int64]] = field(default_factory=list)


def run(
    made: Clustered,
    effort: Effort,
    peers: Sequence[str] = tuple(PEERS),
    seed: int = 5,
    json_path: Path | None = None,
    data: Path = DATA,
    python: str | None = None,
) -> dict[str, Any]:
    """Measure all peers on the catalogue with all blocks and on one that lacks some, print tables, return the result.

    python: Python with the peers' packages; None sets one up under `data`. A peer that fails is reported and skipped.
    """
    python = python or peers_python(data / "peers")
    results = []
    for missing in dict.fromkeys((0.0, made.missing)):
        work = arrange(replace(made, missing=missing), effort.queries, seed, data)
        results.append(_compare(work, effort, peers, python))
    content = {
        "settings": {
            "k": K,
            "weights": WEIGHTS,
            "query_seed": seed,
            "missing": "neutral",
            **asdict(effort),
        },
        "dataset": asdict(made),
        "snapshot": results[0]["snapshot"],
        "works": results,
    }
    tables = [table for result in results for table in _tables(result)]
    for table in tables:
        table.show()
    if json_path is not None:
        report.write(json_path, "peers", content, tables)
        _draw(results, json_path.with_suffix(".png"))
    return content


def named(text: str) -> tuple[str, ...]:
    """Parse comma-separated peers, all if empty, and return them after our own. Raises InvalidSetting."""
    wanted = tuple(name.strip() for name in text.split(",")) if text else tuple(PEERS)
    for name in wanted:
        if name not in PEERS:
            raise InvalidSetting(f"expected peers out of {', '.join(PEERS)}, got {name!r}")
    return tuple(name for name in PEERS if name in wanted or name in OURS)


def _compare(work: Work, effort: Effort, names: Sequence[str], python: str) -> dict[str, Any]:
    chosen: dict[str, Chosen] = {}
    failed: dict[str, str] = {}
    for name in names:
        try:
            chosen[name] = choose_settings(work, name, python, effort.tune, effort.target)
        except LoadFailed as error:
            failed[name] = str(error)
            say(f"{name} fails: {error}")
    with ExitStack() as stack:
        running, costs = {}, {}
        for name, choice in chosen.items():
            try:
                running[name], costs[name] = stack.enter_context(opened(work, name, choice.build, python))
            except LoadFailed as error:
                if name == OURS[0]:
                    raise
                failed[name] = str(error)
                say(f"{name} fails: {error}")
        series = _measure(work, effort, running, chosen)
        for name, process in running.items():
            costs[name] |= process.order("cost")
    return {
        "missing": work.made.missing,
        "items": work.made.count,
        "snapshot": work.built.describe(),
        "peers": {
            name: _to_json(work, name, choice, series[name], series[OURS[0]], costs[name])
            for name, choice in chosen.items()
            if name in running
        },
        "failed": failed,
    }


def _measure(
    work: Work, effort: Effort, running: Mapping[str, PeerProcess], chosen: Mapping[str, Chosen]
) -> dict[str, dict[str, Series]]:
    series = {name: {kind: Series() for kind in kinds(name)} for name in running}
    names = list(running)
    for number in range(effort.rounds):
        say(f"round {number + 1} of {effort.rounds}, {work.made.missing:.0%} lack a block")
        for kind in KINDS:
            turn = number % len(names)
            for name in names[turn:] + names[:turn]:
                if kind not in series[name]:
                    continue
                rung = chosen[name].rungs[kind]
                query_indices = list(range(len(work.questions[kind])))
                if rung.p50_us > _SLOWER_US:
                    query_indices = query_indices[:_SLOWER_QUERIES]
                if rung.p50_us > _SLOW_US:
                    query_indices = query_indices[number :: effort.rounds]
                elapsed_us, found, cpu_us = ask(work, running[name], kind, query_indices, rung.settings)
                entry = series[name][kind]
                entry.elapsed_us += elapsed_us
                entry.p50_us.append(float(np.median(elapsed_us)))
                entry.cpu_us.append(cpu_us)
                entry.query_indices += query_indices
                entry.found.append(found)
    return series


def _to_json(
    work: Work,
    name: str,
    choice: Chosen,
    series: Mapping[str, Series],
    ours: Mapping[str, Series],
    cost: dict[str, Any],
) -> dict[str, Any]:
    kinds = {}
    for kind, entry in series.items():
        found = np.concatenate(entry.found)
        ratios = np.array(entry.p50_us) / np.array(ours[kind].p50_us)
        kinds[kind] = {
            "recall_at_10": round(work.questions[kind].recall(work.matrix, entry.query_indices, found), 5),
            "search_us": report.spread(entry.elapsed_us),
            "cpu_us": round(float(np.median(entry.cpu_us)), 1),
            "ratio": {
                "median": round(float(np.median(ratios)), 3),
                "least": round(float(ratios.min()), 3),
                "greatest": round(float(ratios.max()), 3),
            },
            "queries": len(entry.elapsed_us),
            "settings": choice.rungs[kind].settings,
        }
    rounded = {key: round(value, 2) if isinstance(value, float) else value for key, value in cost.items()}
    return {"build": CANDIDATES[name].builds[choice.build], **rounded, "kinds": kinds}


def _tables(result: Mapping[str, Any]) -> list[report.Table]:
    lacking = f"{result['missing']:.0%} of them lacking a block" if result["missing"] else "all with both blocks"
    what = f"{result['items']:,} items, {lacking}"
    columns = ("peer", "query", "recall@10", "p50 µs", "p99 µs", "CPU µs", "p50 vs. ours", "settings")
    tables = []
    for kind in KINDS:
        rows = [
            (
                name,
                kind,
                f"{entry['recall_at_10']:.4f}",
                f"{entry['search_us']['p50']:,.0f}",
                f"{entry['search_us']['p99']:,.0f}",
                f"{entry['cpu_us']:,.0f}",
                f"{entry['ratio']['median']:.2f} ({entry['ratio']['least']:.2f}-{entry['ratio']['greatest']:.2f})",
                _shown(entry["settings"]),
            )
            for name, peer in result["peers"].items()
            if (entry := peer["kinds"].get(kind)) is not None
        ]
        tables.append(report.Table(f"{what}: {kind}, one caller, one thread", columns, rows))
    costs = [
        (
            name,
            "-" if peer["build_s"] is None else f"{peer['build_s']:,.0f}",
            f"{peer['private_mib']:,.0f}",
            f"{peer['rss_mib']:,.0f}",
            _shown(peer["build"]),
            ", ".join(f"{package} {number}" for package, number in peer["versions"].items()),
        )
        for name, peer in result["peers"].items()
    ]
    names = ("peer", "build s, all cores", "private MiB", "resident MiB", "built with", "version")
    return [*tables, report.Table(f"{what}: cost", names, costs)]


def _shown(settings: Mapping[str, Any]) -> str:
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= value if isinstance(value, dict) else {name: value}
    return " ".join(f"{name}={value}" for name, value in flat.items() if value or name == "norm") or "planner"


def _draw(results: Sequence[Mapping[str, Any]], path: Path) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.2 * len(KINDS), 4.2 * len(results)), layout="constrained")
    drawn = figure.subplots(len(results), len(KINDS), squeeze=False, sharey=True)
    for line, result in zip(drawn, results, strict=True):
        for axes, kind in zip(line, KINDS, strict=True):
            for number, (name, peer) in enumerate(result["peers"].items()):
                if kind in peer["kinds"]:
                    entry = peer["kinds"][kind]
                    marker = "*" if name in OURS else "o"
                    axes.plot(
                        entry["search_us"]["p50"], entry["recall_at_10"], marker, color=f"C{number % 10}",
                        markersize=12 if name in OURS else 7, label=name, alpha=0.8,
                    )  # fmt: skip
            axes.axhline(TARGET, color="grey", linewidth=0.8, linestyle="--")
            axes.set(title=f"{kind}, {result['missing']:.0%} lack a block", xlabel="p50 µs", xscale="log")
            axes.grid(alpha=0.3)
        line[0].set_ylabel("recall@10 of the exact fused ranking")
    drawn[0][-1].legend(fontsize=7)
    figure.savefig(path, dpi=110)
