"""The cost of a filter for other libraries: one filter for all queries, on a number independent of the vectors.

Settings are a peer's best ones for the same queries without a filter, and those with twice and four times the depth;
the fastest that reaches the required recall counts.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import report
from benchmarks.datasets import COMPOSED, DATA, Clustered
from benchmarks.load import LoadFailed
from benchmarks.peers.arena import TARGET, K, Work, arrange, ask, choose_settings, opened, say
from benchmarks.peers.candidates import Tried, best_rung
from benchmarks.peers.process import peers_python
from benchmarks.peers.work import cutoffs

PEERS = ("ours", "FAISS IVF", "hnswlib", "Chroma", "LanceDB", "Milvus Lite")

_DEPTHS = ("ef", "nprobe", "nprobes")
_DEEPER = (1, 2, 4)
_TRIED = 40


def beside(
    made: Clustered,
    shares: Sequence[float],
    count: int,
    peers: Sequence[str] = PEERS,
    seed: int = 5,
    data: Path = DATA,
    python: str | None = None,
) -> list[dict[str, Any]]:
    """Return recall and latency of each peer for each share of matching items; `count` composed queries."""
    python = python or peers_python(data / "peers")
    work = arrange(made, count, seed, data)
    numbers = np.load(work.rows.numbers)
    measured = []
    for name in peers:
        try:
            chosen = choose_settings(work, name, python)
            with opened(work, name, chosen.build, python) as (process, _):
                for share in shares:
                    judge = _Judge(work, numbers < share)
                    tried = []
                    for settings in _deeper(chosen.rungs[COMPOSED].settings):
                        query_indices = list(range(min(count, _TRIED)))
                        elapsed_us, found, _ = ask(work, process, COMPOSED, query_indices, settings, share)
                        tried.append(Tried(settings, judge.recall(query_indices, found), float(np.median(elapsed_us))))
                    rung = best_rung(tried, TARGET)
                    query_indices = list(range(count))
                    elapsed_us, found, _ = ask(work, process, COMPOSED, query_indices, rung.settings, share)
                    measured.append(
                        {
                            "peer": name,
                            "share": share,
                            "recall_at_10": round(judge.recall(query_indices, found), 5),
                            "short_answers": judge.short(found),
                            "search_us": report.spread(elapsed_us),
                            "settings": rung.settings,
                        }
                    )
        except LoadFailed as error:
            say(f"{name} fails: {error}")
            measured.append({"peer": name, "failed": str(error)})
    return measured


def table(made: Clustered, measured: Sequence[Mapping[str, Any]]) -> report.Table:
    """Return a table with a row for each peer and share."""
    rows = [
        (
            entry["peer"],
            f"{entry['share']:.2%}",
            f"{entry['recall_at_10']:.4f}",
            str(entry["short_answers"]),
            f"{entry['search_us']['p50']:,.0f}",
            f"{entry['search_us']['p99']:,.0f}",
        )
        for entry in measured
        if "failed" not in entry
    ]
    columns = ("peer", "share", "recall@10", "short lists", "p50 µs", "p99 µs")
    return report.Table(f"{made.count:,} items with both blocks, composed queries, one filter for all", columns, rows)


class _Judge:
    """The exact answers among the allowed rows."""

    def __init__(self, work: Work, allowed: np.ndarray[Any, np.dtype[np.bool_]]) -> None:
        self._rows = work.matrix
        self._vectors = work.questions[COMPOSED].vectors
        self._allowed = allowed
        self._wanted = min(K, int(allowed.sum()))
        self._cutoff = cutoffs(self._rows, self._vectors, max(1, self._wanted), allowed)

    def recall(self, query_indices: Sequence[int], found: np.ndarray[Any, np.dtype[np.int64]]) -> float:
        """Return the mean recall."""
        shares = []
        for index, ids in zip(query_indices, found, strict=True):
            kept = np.unique(ids[ids >= 0])
            kept = kept[self._allowed[kept]]
            worth = self._rows[kept].astype(np.float64) @ self._vectors[index]
            good = np.count_nonzero(worth >= self._cutoff[index] - 1e-9)
            shares.append(good / self._wanted if self._wanted else 1.0)
        return float(np.mean(shares))

    def short(self, found: np.ndarray[Any, np.dtype[np.int64]]) -> int:
        """Return the number of answers with fewer rows than possible."""
        return int(np.count_nonzero((found >= 0).sum(axis=1) < self._wanted))


def _deeper(settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield settings unmodified and deeper; only once if none is a depth."""
    for factor in _DEEPER:
        deeper = {
            key: dict(_deep(value, factor)) if isinstance(value, Mapping) else value for key, value in settings.items()
        }
        yield dict(_deep(deeper, factor))
        if not any(key in _DEPTHS for key in (*settings, *settings.get("params", ()))):
            return


def _deep(settings: Mapping[str, Any], factor: int) -> Iterator[tuple[str, Any]]:
    for key, value in settings.items():
        yield key, value * factor if key in _DEPTHS else value
