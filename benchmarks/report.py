"""Results on a terminal, as JSON, as Markdown for the docs and as charts.

A number means nothing without the machine, the versions and the commit it was measured with, so every file has them;
and no table can show a latency without a column of recall beside it.
"""

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import InvalidSetting

ROOT = Path(__file__).resolve().parents[1]
RESULTS = "benchmarks/results"

_PACKAGES = ("diptych", "numpy", "faiss-gpu", "faiss-cpu", "grpcio", "protobuf", "pyarrow", "torch", "open-clip-torch")
_UNITS = ("µs", "ms")


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of formatted cells under their columns. Raises InvalidSetting for latencies without recall."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def __post_init__(self) -> None:
        timed = [column for column in self.columns if any(unit in column.split() for unit in _UNITS)]
        if timed and not any("recall" in column for column in self.columns):
            raise InvalidSetting(
                f"expected a column of recall beside {', '.join(timed)}, got {', '.join(self.columns)}"
            )
        for row in self.rows:
            if len(row) != len(self.columns):
                raise InvalidSetting(f"expected {len(self.columns)} cells a row, got {len(row)}")

    def to_markdown(self) -> str:
        """Return the table as Markdown, with its title in bold above it."""
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return f"**{self.title}**\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def show(self) -> None:
        """Print the table on stdout."""
        from rich.console import Console
        from rich.table import Table as Drawn

        drawn = Drawn(title=self.title, title_justify="left")
        for index, column in enumerate(self.columns):
            drawn.add_column(column, justify="left" if index == 0 else "right")
        for row in self.rows:
            drawn.add_row(*row)
        # A pipe has no width, and rich's default of 80 columns would cut tables.
        console = Console()
        Console(width=None if console.is_terminal else 160).print(drawn)


def environment() -> dict[str, Any]:
    """Return the date, commit, machine and versions of a measurement."""
    commit, dirty = _commit()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "dirty": dirty,
        "cpu": _first_value(Path("/proc/cpuinfo"), "model name") or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "memory_gib": _memory_gib(),
        "load_average": round(os.getloadavg()[0], 2),
        "os": platform.platform(),
        "python": platform.python_version(),
        "versions": _versions(),
    }


def spread(values: Sequence[float] | np.ndarray[Any, Any], digits: int = 1) -> dict[str, float]:
    """Return the median and the tails of measurements: p50, p95 and p99."""
    p50, p95, p99 = np.percentile(np.asarray(values, np.float64), [50, 95, 99])
    return {"p50": round(float(p50), digits), "p95": round(float(p95), digits), "p99": round(float(p99), digits)}


def write(path: Path, question: str, content: Mapping[str, Any], tables: Iterable[Table]) -> None:
    """Write the result as JSON, and its tables as Markdown in a file of the same name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    here = environment()
    result = {"question": question, "environment": here, **content}
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    texts = [*(table.to_markdown() for table in tables), _caption(here) + "\n"]
    path.with_suffix(".md").write_text("\n".join(texts), encoding="utf-8")


def _caption(here: Mapping[str, Any]) -> str:
    """Return the line that belongs with every number: machine, commit and date."""
    commit = f"commit {str(here['commit'])[:10]}{', changed since' if here['dirty'] else ''}"
    return f"{here['cpu']}, {here['cores']} cores, {here['memory_gib']} GiB; {commit}; {here['date'][:10]}"


def _commit() -> tuple[str | None, bool | None]:
    try:
        commit = _git("rev-parse", "HEAD")
        # Results are written one after the other; earlier ones do not make the code dirty.
        changed = _git("status", "--porcelain", "--", ".", f":(exclude){RESULTS}")
    except (OSError, subprocess.CalledProcessError):
        return None, None
    return commit, bool(changed)


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _first_value(path: Path, key: str) -> str | None:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(key)), None)


def _memory_gib() -> float | None:
    found = _first_value(Path("/proc/meminfo"), "MemTotal")
    return None if found is None else round(int(found.split()[0]) / 2**20, 1)


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
