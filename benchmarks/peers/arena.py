"""What peers are compared on: a catalogue, its queries, and each peer's best build and settings, chosen once."""

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.datasets import AGREEING, BLOCKS, COMPOSED, DATA, Clustered, clustered
from benchmarks.peers.candidates import CANDIDATES, MERGED, Candidates, Chosen, Tried, choose, fits
from benchmarks.peers.process import PeerProcess, peer_process
from benchmarks.peers.work import Questions, Rows, describe, mixed, write_questions, write_rows
from benchmarks.peers.worker import Float
from benchmarks.stores import Built, prepare

K = 10
TARGET = 0.99
WEIGHTS = (0.2, 0.5, 0.8)
IMAGE = BLOCKS[0]
MIXED = "mixed"
KINDS = (AGREEING, COMPOSED, IMAGE, MIXED)


@dataclass(frozen=True, slots=True)
class Work:
    """A catalogue with its rows, its store and the queries of each kind."""

    made: Clustered
    built: Built
    folder: Path
    rows: Rows
    questions: Mapping[str, Questions]

    @property
    def matrix(self) -> Float:
        """The rows, memory-mapped."""
        matrix: Float = np.load(self.rows.rows, mmap_mode="r")
        return matrix


def arrange(made: Clustered, count: int, seed: int, data: Path = DATA) -> Work:
    """Return the work on a catalogue, with `count` queries of each kind. Our store is built by the present code."""
    catalogue = clustered(made, data)
    folder = catalogue.parent / "peers"
    say(f"build a store of {catalogue.parent.name}")
    built = prepare(catalogue, None, folder / "ours")
    rows = write_rows(catalogue, folder)
    questions = {
        kind: write_questions(catalogue, built.manifest, rows, kind, WEIGHTS, count, seed, K) for kind in KINDS[:-1]
    }
    questions[MIXED] = mixed(MIXED, list(questions.values()))
    return Work(made, built, folder, rows, questions)


def choose_settings(work: Work, name: str, python: str, tune: bool = False, target: float = TARGET) -> Chosen:
    """Return the build and settings that reach the recall fastest; those of an earlier run unless `tune`."""
    candidates = CANDIDATES[name]
    count = len(work.questions[MIXED])
    tried = []
    for build_index, build in enumerate(candidates.builds):
        at = "" if target == TARGET else f"-{target}"
        kept = _folder(work, name, build_index) / f"tried-{_plain(name)}-{count}{at}.json"
        if candidates.home:
            # Nothing to choose: the planner chooses for each query.
            return Chosen(0, {kind: Tried({}, 1.0, 0.0) for kind in KINDS})
        _build(work, name, build_index, python)
        if tune or not kept.exists():
            say(f"choose settings for {name}, {json.dumps(build)}")
            with peer_process(name, python) as process:
                process.order("open", folder=str(_folder(work, name, build_index)), k=K)
                found = {kind: _climb(work, kind, candidates, build, process, target) for kind in kinds(name)}
            kept.write_text(json.dumps({kind: [asdict(rung) for rung in rungs] for kind, rungs in found.items()}))
        content = json.loads(kept.read_text())
        tried.append({kind: [Tried(**rung) for rung in rungs] for kind, rungs in content.items()})
    return choose(tried, target)


def _climb(
    work: Work, kind: str, candidates: Candidates, build: Mapping[str, Any], process: PeerProcess, target: float
) -> list[Tried]:
    questions = work.questions[kind]
    query_indices = list(range(min(len(questions), candidates.sweep)))
    tried = []
    for ladder in candidates.ladders:
        for settings in ladder:
            if not fits(build, settings):
                continue
            elapsed_us, found, _ = ask(work, process, kind, query_indices, settings)
            tried.append(
                Tried(settings, questions.recall(work.matrix, query_indices, found), float(np.median(elapsed_us)))
            )
            if tried[-1].recall >= target:
                break
    return tried


def _build(work: Work, name: str, build_index: int, python: str) -> float:
    """Return the seconds of a build, made now or earlier."""
    folder = _folder(work, name, build_index)
    done = folder / "built.json"
    if not done.exists():
        settings = CANDIDATES[name].builds[build_index]
        say(f"build {name}, {json.dumps(settings)}")
        for old in sorted(folder.rglob("*"), reverse=True):
            old.rmdir() if old.is_dir() else old.unlink()
        folder.mkdir(parents=True, exist_ok=True)
        with peer_process(name, python, threads=True) as process:
            built = process.order("build", **describe(work.rows), folder=str(folder), settings=settings)
        done.write_text(json.dumps(built))
    return float(json.loads(done.read_text())["build_s"])


@contextmanager
def opened(work: Work, name: str, build: int, python: str) -> Iterator[tuple[PeerProcess, dict[str, Any]]]:
    """Start a peer's process with one of its builds, and yield it with the time to open."""
    home = CANDIDATES[name].home
    folder = work.built.store if home else _folder(work, name, build)
    with peer_process(name, sys.executable if home else python) as process:
        opened = process.order("open", folder=str(folder), k=K)
        build_s = work.built.build_s if home else _build(work, name, build, python)
        yield process, {"build_s": build_s, **opened, "versions": process.versions}


def ask(
    work: Work,
    process: PeerProcess,
    kind: str,
    query_indices: list[int],
    settings: Mapping[str, Any],
    below: float = 1.0,
) -> tuple[list[float], NDArray[np.int64], float]:
    """Return the microseconds of each query, the rows found, and the CPU time per query."""
    answers = work.folder / "answers.npy"
    path = str(work.questions[kind].path)
    fields = {"settings": dict(settings), "answers": str(answers), "below": below, "numbers": str(work.rows.numbers)}
    result = process.order("ask", queries=path, query_indices=query_indices, **fields)
    found: NDArray[np.int64] = np.load(answers)
    return result["took_us"], found, result["cpu_us"]


def kinds(name: str) -> tuple[str, ...]:
    """Return the kinds of query for a peer; those that merge lists have none to merge for one block."""
    return (AGREEING, COMPOSED) if name in MERGED else KINDS


def _folder(work: Work, name: str, build: int) -> Path:
    return work.folder / f"{_plain(CANDIDATES[name].shares or name)}-{build}"


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())


def say(text: str) -> None:
    """Print progress on stderr."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
