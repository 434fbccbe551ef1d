"""The commands of the README and of the operating guide, run as they stand there, on a small demo catalogue."""

import csv
import json
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexer.sample import write

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/operating.md", "docs/events.md")
QUESTIONS = ("recall", "latency", "fusion")
NOT_HERE = ("git", "make", "cd")  # what fetches the project, and the demo, which is these same commands


def commands(page: str) -> list[list[str]]:
    """Return the command lines of a page's console blocks, split as a shell splits them."""
    blocks = re.findall(r"^```console\n(.*?)^```", (ROOT / page).read_text(), re.M | re.S)
    lines = [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]
    return [shlex.split(line) for line in lines if not line.startswith(NOT_HERE)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder as the README's reader has it: catalog.csv with its pictures, and a photo."""
    folder = tmp_path_factory.mktemp("shop")
    write(folder, 40, seed=3)
    rows = [json.loads(line) for line in (folder / "catalog.jsonl").read_text().splitlines()]
    with (folder / "catalog.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    shutil.copy(folder / rows[0]["image"], folder / "photo.jpg")
    return folder


def start(words: list[str], folder: Path, *more: str) -> "subprocess.Popen[str]":
    environment = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    program, *arguments = [word for word in words if word not in [f"{k}={v}" for k, v in environment.items()]]
    return subprocess.Popen(
        [sys.executable, "-m", f"{program}.cli", *arguments, *more],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "COLUMNS": "200", "HF_HUB_OFFLINE": "1", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_pages_have_commands():
    """Else the test below would hold for nothing."""
    assert all(len(commands(page)) >= least for page, least in zip(PAGES, (4, 1, 3), strict=True))


def test_every_command_does_what_it_says(folder):
    """Each exits with 0 and prints something; a server answers and stops when it is asked to."""
    for page in PAGES:
        for words in commands(page):
            background = words[-1] == "&"
            words = ["127.0.0.1:0" if background and word.startswith("127.0.0.1:") else word for word in words]
            more = ("--address-file", "address") if background else ()
            process = start(words[:-1] if background else words, folder, *more)
            if background:
                until = time.monotonic() + 120
                while not (folder / "address").exists() and process.poll() is None and time.monotonic() < until:
                    time.sleep(0.1)
                process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=240)
            assert process.returncode == 0, (words, out, err)
            assert out or background, words


def test_the_numbers_are_those_of_the_result_files():
    """Every measured figure of the README stands in a committed result, with the commit it was measured at."""
    readme = (ROOT / "README.md").read_text()
    results = {name: json.loads((ROOT / f"benchmarks/results/{name}.json").read_text()) for name in QUESTIONS}
    recall, latency, fusion = results.values()
    lines = [f"built in {recall['summary']['build_s']:.0f} s", f"{recall['summary']['least_recall_at_10']:.3f}"]
    for closed in latency["closed"]:
        if closed["callers"] in (1, 16):
            cpu = [round(closed["targets"][name]["cpu_us_per_request"]) for name in ("raw FAISS", "bare echo")]
            served = closed["targets"]["engine serve"]
            ratio = closed["ratio"]["cpu_per_request"]["median"]
            lines.append(
                f"| {closed['callers']} | {served['recall_at_10']:.4f} | {served['latency_us']['p50']:,.0f} | "
                f"{cpu[0]} | {cpu[1]} | {served['cpu_us_per_request']:,.0f} | {ratio:.2f} |"
            )
    markdown = (ROOT / "benchmarks/results/fusion.md").read_text()
    lines += [line for line in readme.splitlines() if line.startswith(("| agreeing", "| composed"))]
    assert len(lines) > 6
    for line in lines:
        assert line in readme
        assert not line.startswith(("| agreeing", "| composed")) or line in markdown, line
    assert {result["environment"]["commit"][:10] for result in (recall, latency, fusion)} <= set(
        re.findall(r"[0-9a-f]{10}", readme)
    )


def test_the_tables_are_those_of_the_result_files():
    """A table that names its file holds lines of that file alone, and the commit it was measured at is told."""
    readme = (ROOT / "README.md").read_text()
    tables = re.findall(r"^<!-- (benchmarks/results/\S+)\.md -->\n((?:\|.*\n)+)", readme, re.M)
    assert {name.rpartition("/")[2] for name, _ in tables} >= {"peers", "relevance", "encoders", "scale"}
    for name, table in tables:
        measured = (ROOT / f"{name}.md").read_text().splitlines()
        assert not set(table.splitlines()) - set(measured), name
        assert json.loads((ROOT / f"{name}.json").read_text())["environment"]["commit"][:10] in readme, name
