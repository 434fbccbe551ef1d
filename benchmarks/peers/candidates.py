"""The settings that each peer may choose from: a few builds, and every search depth.

Each ladder of settings is climbed from the cheapest rung to the first that reaches the required recall; the fastest of
all that reach it is chosen. The tables hold what was worth trying at 100,000 rows of 512 dimensions; more leaves, finer
codes and larger graphs were slower there at the same recall.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from benchmarks.peers.worker import Settings

OURS = ("ours", "ours (wire)", "ours (gRPC)")

MERGED = ("Milvus Lite (weighted)", "Milvus Lite (RRF)")
"""Peers that search a list for each block and merge them."""

Ladder = tuple[Settings, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The settings that a peer may choose from.

    home: runs in our Python.   sweep: queries to try a rung with.   shares: peer whose indexes it uses, "" for none.
    """

    builds: Sequence[Settings]
    ladders: Sequence[Ladder]
    home: bool = False
    sweep: int = 400
    shares: str = ""


@dataclass(frozen=True, slots=True)
class Tried:
    """The result of one rung on one kind of query."""

    settings: Settings
    recall: float
    p50_us: float


@dataclass(frozen=True, slots=True)
class Chosen:
    """A build and, by kind of query, the rung to measure."""

    build: int
    rungs: Mapping[str, Tried] = field(default_factory=dict)


def choose(tried: Sequence[Mapping[str, Sequence[Tried]]], target: float) -> Chosen:
    """Return the index of the best build and its rungs. `tried` has, for each build, all rungs by kind.

    For one kind that is the fastest rung that reaches the target, or the one of the highest recall if none does; over
    all kinds it is the build that reaches the target for most, and among those the one with the least total time.
    """
    options = [
        Chosen(index, {kind: best_rung(rungs, target) for kind, rungs in kinds.items()})
        for index, kinds in enumerate(tried)
    ]
    return min(
        options,
        key=lambda one: (
            sum(rung.recall < target for rung in one.rungs.values()),
            sum(rung.p50_us for rung in one.rungs.values()),
        ),
    )


def best_rung(rungs: Sequence[Tried], target: float) -> Tried:
    """Return the fastest rung that reaches the target, or the one of the highest recall if none does."""
    reaching = [rung for rung in rungs if rung.recall >= target]
    if reaching:
        return min(reaching, key=lambda rung: rung.p50_us)
    return max(rungs, key=lambda rung: (rung.recall, -rung.p50_us))


def _ladders(fixed: Sequence[Settings], name: str, values: Sequence[int]) -> list[Ladder]:
    """Return a ladder for each fixed setting, whose rungs are the values of another."""
    return [tuple({**one, name: value} for value in values) for one in fixed]


def _graph(m: int, **more: Any) -> Settings:
    return {"m": m, "ef_construction": 200, **more}


_EF = (20, 40, 60, 80, 120, 160, 200, 300, 400, 600, 800, 1200)
_NPROBE = (4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)

_MILVUS_BUILDS = (
    {"index_type": "HNSW", "params": {"M": 32, "efConstruction": 200}},
    {"index_type": "IVF_FLAT", "params": {"nlist": 316}},
)

CANDIDATES: Mapping[str, Candidates] = {
    **{name: Candidates([{}], [({},)], home=True) for name in OURS},
    "FAISS IVF": Candidates(
        [{"factory": "IVF632,PQ{codes}x4fs,RFlat"}, {"factory": "IVF316,PQ{codes}x4fs,RFlat"}],
        _ladders([{"k_factor": factor} for factor in (3, 5, 10, 20)], "nprobe", _NPROBE),
    ),
    "FAISS HNSW": Candidates([_graph(32)], _ladders([{}], "ef", _EF)),
    "hnswlib": Candidates([_graph(16), _graph(32)], _ladders([{}], "ef", _EF)),
    "USearch": Candidates([_graph(32, dtype="f16"), _graph(32, dtype="f32")], _ladders([{}], "ef", _EF)),
    "ScaNN": Candidates(
        [{"leaves": leaves, "threshold": 0.2, "dims": 2} for leaves in (1000, 500, 300)],
        _ladders([{"reorder": rows} for rows in (30, 50, 100, 200)], "leaves", (10, 15, 20, 30, 40, 60, 80, 120, 160)),
    ),
    "Chroma": Candidates([_graph(32)], _ladders([{}], "ef", _EF[3:])),
    "LanceDB": Candidates(
        [
            {"kind": "IvfSq", "num_partitions": 316},
            {"kind": "IvfHnswSq", "num_partitions": 1, "m": 32, "ef_construction": 200},
        ],
        _ladders([{"refine": refine, "ef": 0} for refine in (0, 2)], "nprobes", (8, 16, 32, 64, 128))
        + _ladders([{"refine": refine, "nprobes": 1} for refine in (0, 2)], "ef", (50, 100, 200, 400, 800)),
        sweep=200,
    ),
    "Milvus Lite": Candidates(
        _MILVUS_BUILDS,
        [
            tuple({"params": {"ef": ef}} for ef in (50, 100, 200, 400, 800)),
            tuple({"params": {"nprobe": nprobe}} for nprobe in (8, 16, 32, 64, 128)),
        ],
        sweep=100,
    ),
    "Milvus Lite (weighted)": Candidates(
        _MILVUS_BUILDS[:1],
        [
            ({"params": {"ef": max(400, depth)}, "depth": depth, "norm": norm},)
            for norm, depth in product((False, True), (10, 100, 400))
        ],
        sweep=40,
    ),
    "Milvus Lite (RRF)": Candidates(
        _MILVUS_BUILDS[:1],
        [({"params": {"ef": max(400, depth)}, "depth": depth},) for depth in (10, 100, 400)],
        sweep=40,
        shares="Milvus Lite (weighted)",
    ),
}


def fits(build: Settings, rung: Settings) -> bool:
    """Return whether a rung's settings apply to a build: an IVF has no ef, and a graph no nprobe."""
    kind = str(build.get("kind", build.get("index_type", "")))
    if not kind:
        return True
    graph = "hnsw" in kind.lower()
    inner = rung.get("params", rung)
    return graph == bool(inner.get("ef", 0))
