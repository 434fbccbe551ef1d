"""The documentation: every command runs as it stands on its page, every snippet of the README too, and the site builds.

A console block that cannot run here has an HTML comment above it, `<!-- parsed only: REASON -->`; of its commands the
test checks that the verb and the options exist.
"""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import typer

from engine.cli import app as engine_app
from indexer.cli import app as indexer_app
from indexer.sample import write
from tests.support.cli import engine, indexer

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("*.md"))]
# What fetches the project, and the demo, which consists of the same commands.
NOT_HERE = ("git", "make", "source", "sqlite3")
ADDRESS = "127.0.0.1:50051"
APPS = {"engine": engine_app, "indexer": indexer_app}
_BLOCK = re.compile(r"(?:^<!-- (parsed only: .+?) -->\n+)?^```console\n(.*?)^```", re.M | re.S)


class Command(NamedTuple):
    """A command line of a page; `parsed_only` says why it cannot run here, or is empty."""

    words: list[str]
    parsed_only: str


def read_commands(page: str) -> list[Command]:
    """Return the commands of a page's console blocks, split as a shell splits them."""
    found = []
    for reason, block in _BLOCK.findall((ROOT / page).read_text()):
        lines = [line[2:] for line in block.splitlines() if line.startswith("$ ")]
        found += [Command(shlex.split(line, comments=True), reason) for line in lines if not line.startswith(NOT_HERE)]
    return found


PAGES_WITH_COMMANDS = [page for page in PAGES if read_commands(page)]


def write_rows(path: Path, rows: list[dict[str, object]]) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder as a reader of the pages has it: a catalogue, a photo, events, reviews, judged queries and a store."""
    folder = tmp_path_factory.mktemp("shop")
    write(folder, 88, seed=3)  # with 22 shoppers: fewer than 20 have no behaviour block
    shutil.copytree(folder, folder / "demo")
    rows = [json.loads(line) for line in (folder / "catalog.jsonl").read_text().splitlines()]
    write_rows(folder / "catalog.csv", rows)
    write_rows(folder / "queries.csv", [{"query_id": row["item_id"], "query": row["title"]} for row in rows[:12]])
    judgments = [{"query_id": row["item_id"], "item_id": row["item_id"], "rating": 2} for row in rows[:12]]
    write_rows(folder / "judgments.csv", judgments)
    photo = folder / "photo.jpg"
    shutil.copy(folder / rows[0]["image"], photo)
    (folder / "photos").mkdir()
    shutil.copy(photo, folder / "photos")
    run(
        folder,
        shlex.split("indexer build catalog.jsonl --store store --events events.jsonl --reviews reviews.jsonl"),
    )
    return folder


@pytest.fixture(scope="module")
def address(folder) -> Iterator[str]:
    """The address of a server of the folder's store."""
    process = serve(folder, shlex.split(f"engine serve --store store --address {ADDRESS}"))
    try:
        yield (folder / "address").read_text().strip()
    finally:
        stop(process)


def serve(folder: Path, words: list[str]) -> "subprocess.Popen[str]":
    """Start a server on a free port, and wait until it answers."""
    (folder / "address").unlink(missing_ok=True)
    words = ["127.0.0.1:0" if ":50051" in word else word for word in words]
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.cli", *words[1:], "--address-file", "address"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + 120
    while not (folder / "address").exists() and process.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    assert (folder / "address").exists(), words
    return process


def stop(process: "subprocess.Popen[str]") -> None:
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors


def run(folder: Path, words: list[str]) -> str:
    """Run a command in the folder and return what it printed."""
    environment = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    program, *arguments = words[len(environment) :]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name, value in {"COLUMNS": "200", **environment}.items():
            patch.setenv(name, value)
        ran = {"engine": engine, "indexer": indexer}[program](*arguments)
    assert ran.code == 0, (words, ran.out, ran.err)
    return ran.out + ran.err


def check_parses(words: list[str]) -> None:
    """Check that the verb of a command and its options exist."""
    words = [word for word in words if not re.match(r"[A-Z_]+=", word)]
    command = typer.main.get_command(APPS[words[0]])
    rest = words[1:]
    while hasattr(command, "commands"):
        assert rest, words
        assert rest[0] in command.commands, words
        command, rest = command.commands[rest[0]], rest[1:]
    known = {name for parameter in command.params for name in [*parameter.opts, *parameter.secondary_opts]}
    asked = {word.partition("=")[0] for word in rest if re.match(r"--?[a-z]", word)}
    assert asked <= known, (words, asked - known)


def test_the_pages_have_commands():
    """Otherwise the test below would check nothing."""
    assert len(PAGES_WITH_COMMANDS) >= 10
    assert sum(len(read_commands(page)) for page in PAGES_WITH_COMMANDS) >= 40


@pytest.mark.parametrize("page", PAGES_WITH_COMMANDS)
def test_every_command_runs(page, folder, request):
    """Each exits with 0 and prints something, or writes it with --out; a server answers and stops on SIGTERM."""
    for words, parsed_only in read_commands(page):
        if parsed_only:
            check_parses(words)
        elif words[-1] == "&":
            stop(serve(folder, words[:-1]))
        else:
            if ADDRESS in words and "serve" not in words:
                words = [request.getfixturevalue("address") if word == ADDRESS else word for word in words]
            assert run(folder, words) or "--out" in words, words


def test_commands_stand_in_console_blocks_only():
    """A command in another kind of block would not be run."""
    for page in PAGES:
        text = re.sub(r"^```console\n.*?^```", "", (ROOT / page).read_text(), flags=re.M | re.S)
        stray = re.findall(r"^ {4}(?:engine|indexer) .*|^\$ (?:indexer) .*", text, re.M)
        assert not stray, (page, stray)


def test_the_snippets_of_the_readme_run(folder, address):
    """The two Python programs print hits with their contributions."""
    snippets = re.findall(r"^```python\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    assert len(snippets) == 2
    for snippet in snippets:
        assert len(snippet.splitlines()) <= 15
        done = subprocess.run(
            [sys.executable, "-c", snippet.replace(ADDRESS, address)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "item-" in done.stdout
        assert "image" in done.stdout


def test_the_reference_is_that_of_the_code():
    """The generated pages are what the generator writes."""
    check = [sys.executable, str(ROOT / "tools/reference.py"), "check"]
    done = subprocess.run(check, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_site_builds(tmp_path):
    """Without warnings: every link and anchor has a target, and every page is in the navigation."""
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(
        build, cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "site/index.html").exists()
