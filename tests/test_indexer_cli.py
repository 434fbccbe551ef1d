"""The indexer's verbs for snapshots: what they print, for persons and programs, and their exit codes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from engine.snapshot.store import CURRENT_FILE, Store
from indexer.build.publish import publish
from tests.support.catalogs import Prepared, clustered, write_lines, write_parquet
from tests.support.cli import indexer

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A small snapshot that others are copies of."""
    return Prepared.build(tmp_path_factory.mktemp("prepared"), clustered(40))


def test_build_publishes_and_says_so(tmp_path: Path, empty_store: Store) -> None:
    """Stdout names the snapshot, its items, index and gates; progress goes to stderr."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(40))
    ran = indexer("build", catalogue, "--store", empty_store.root, "--signal", "price")
    assert ran.code == 0
    name = empty_store.current()
    assert ran.out.startswith(f"Published {name}: 40 items, 0 rejected, 40 x image+text in Flat\n")
    assert "  recall@10 agreeing: 1 (limit 0.99)\n" in ran.out
    assert "  self-retrieval@1: 1 (limit 0.99)\n" in ran.out
    assert "embed" in ran.err


def test_build_for_a_program(tmp_path: Path, empty_store: Store) -> None:
    """One JSON object, and nothing else, on stdout; `list --json` gives the same one."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(40))
    ran = indexer("build", catalogue, "--store", empty_store.root, "--json")
    summary = json.loads(ran.out)
    assert summary["snapshot"] == empty_store.current()
    assert (summary["items"], summary["rejects"], summary["served"], summary["passed"]) == (40, 0, True, True)
    assert summary["blocks"] == {"image": 40, "text": 40}
    assert summary["model"] is None
    assert json.loads(indexer("list", "--store", empty_store.root, "--json").out) == summary


def test_build_first_and_publish_later(tmp_path: Path, empty_store: Store) -> None:
    """With --no-publish nothing is served until `publish` is told to."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(40))
    ran = indexer("build", catalogue, "--store", empty_store.root, "--no-publish")
    (name,) = empty_store.names()
    assert ran.code == 0
    assert ran.out.startswith(f"Built {name}: 40 items")
    assert empty_store.current() is None
    published = indexer("publish", name, "--store", empty_store.root)
    assert (published.code, published.out) == (0, f"Published {name}\n")
    assert empty_store.current() == name


def test_too_many_bad_rows(tmp_path: Path, empty_store: Store) -> None:
    """Exit code 1, one line with the share and where the reasons are; a higher limit lets it through."""
    own = enumerate(clustered(20).image.tolist())
    rows = [{"item_id": f"i{n}", "image_vector": row, "text_vector": row} for n, row in own]
    rows[3]["image_vector"] = [0.0] * 16
    rows[8]["item_id"] = "i7"
    catalogue = write_lines(tmp_path / "c.jsonl", rows)
    ran = indexer("build", catalogue, "--store", empty_store.root)
    assert ran.code == 1
    assert ran.out == ""
    assert "expected at most 5.0% bad rows, got 2 of 20 (10.0%)" in ran.err
    assert str(empty_store.root / "rejects.jsonl") in ran.err
    assert "Traceback" not in ran.err
    assert empty_store.names() == []
    rejects = [json.loads(line) for line in (empty_store.root / "rejects.jsonl").read_text().splitlines()]
    assert [(reject["line"], reject["item_id"]) for reject in rejects] == [(4, "i3"), (9, "i7")]
    assert "expected a vector with a direction, got all zeros" in rejects[0]["reason"]
    assert "duplicate item_id, first on line 8" in rejects[1]["reason"]
    allowed = indexer("build", catalogue, "--store", empty_store.root, "--max-rejects", "10%")
    assert allowed.code == 0
    assert f"18 items, 2 rejected (see {empty_store.root}/rejects.jsonl)" in allowed.out


@pytest.mark.parametrize("index", ["IVF4,Nonsense", "PQ8"])
def test_an_index_that_cannot_be(tmp_path: Path, empty_store: Store, index: str) -> None:
    """Exit code 1 and one line that names the string."""
    catalogue = write_parquet(tmp_path / "c.parquet", clustered(10))
    ran = indexer("build", catalogue, "--store", empty_store.root, "--index", index)
    assert ran.code == 1
    assert ran.err.splitlines()[-1].startswith("indexer: expected ")
    assert repr(index) in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["build"],
        ["build", "c.parquet"],
        ["build", "c.parquet", "--store", "s", "--max-rejects", "a few"],
        ["build", "c.parquet", "--store", "s", "--max-rejects", "101%"],
        ["build", "c.parquet", "--store", "s", "--max-drift", "nan"],
        ["build", "c.parquet", "--store", "s", "--recall-target", "high"],
        ["list"],
        ["verify"],
        ["publish", "--store", "s"],
        ["prune", "--store", "s", "--keep", "few"],
        ["nothing"],
        ["list", "--store", "s", "--nothing"],
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str]) -> None:
    """Exit code 2, and nothing is made."""
    ran = indexer(*arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err
    assert not Path("s").exists()


@pytest.mark.parametrize("catalogue", ["none.parquet", "none.xlsx", "none"])
def test_a_catalogue_that_is_not_there(tmp_path: Path, empty_store: Store, catalogue: str) -> None:
    """Exit code 1, and the name in one line."""
    ran = indexer("build", tmp_path / catalogue, "--store", empty_store.root)
    assert ran.code == 1
    assert catalogue in ran.err
    assert "Traceback" not in ran.err


def test_publishing_what_failed_a_gate(empty_store: Store, prepared: Prepared) -> None:
    """Exit code 1, the gate in the message, and what was served stays."""
    good, bad = prepared.add(empty_store), prepared.add(empty_store, passed=False)
    publish(empty_store, good)
    ran = indexer("publish", bad, "--store", empty_store.root)
    assert ran.code == 1
    assert ran.err == f"indexer: {bad} may not be published: recall@10 agreeing: expected 0.99, got 0.5\n"
    assert empty_store.current() == good
    assert f"  {bad}" in indexer("list", "--store", empty_store.root).out
    assert "gates failed" in indexer("list", "--store", empty_store.root).out


def test_listing(empty_store: Store, prepared: Prepared) -> None:
    """Oldest first, the served one marked; nothing to list is no failure."""
    empty = indexer("list", "--store", empty_store.root)
    assert (empty.code, empty.out) == (0, f"no snapshots in {empty_store.root}\n")
    names = [prepared.add(empty_store) for _ in range(3)]
    publish(empty_store, names[1])
    lines = indexer("list", "--store", empty_store.root).out.splitlines()
    assert [line[:2] + line.split()[line[0] == "*"] for line in lines] == [
        f"  {names[0]}",
        f"* {names[1]}",
        f"  {names[2]}",
    ]
    rows = [json.loads(line) for line in indexer("list", "--store", empty_store.root, "--json").out.splitlines()]
    assert [row["snapshot"] for row in rows] == names
    assert [row["served"] for row in rows] == [False, True, False]


def test_listing_what_is_damaged(empty_store: Store, prepared: Prepared) -> None:
    """A manifest that cannot be read is a line, not the end; so is CURRENT, on stderr."""
    names = [prepared.add(empty_store) for _ in range(2)]
    (empty_store.snapshots / names[0] / "manifest.json").write_bytes(b"{}")
    (empty_store.root / CURRENT_FILE).write_bytes(b"?")
    ran = indexer("list", "--store", empty_store.root)
    assert ran.code == 0
    assert f"  {names[0]}  DAMAGED: " in ran.out
    assert names[1] in ran.out
    assert ran.err.startswith("warning: ")
    assert "CURRENT" in ran.err
    rows = [json.loads(line) for line in indexer("list", "--store", empty_store.root, "--json").out.splitlines()]
    assert "manifest.json" in rows[0]["damage"]


def test_verifying(empty_store: Store, prepared: Prepared) -> None:
    """One or all; exit code 1 if any is damaged, the whole ones said to be whole."""
    names = [prepared.add(empty_store) for _ in range(2)]
    publish(empty_store, names[1])
    assert indexer("verify", "--store", empty_store.root).out == f"{names[0]}: ok\n{names[1]}: ok\n"
    path = empty_store.snapshots / names[0] / "lookup.npy"
    path.write_bytes(path.read_bytes()[:-1])
    ran = indexer("verify", "--store", empty_store.root)
    assert ran.code == 1
    assert ran.out.splitlines()[0].startswith(f"{path}: expected ")
    assert ran.out.splitlines()[1:] == [f"{names[1]}: ok"]
    assert indexer("verify", names[1], "--store", empty_store.root).code == 0
    assert indexer("verify", names[0], "--store", empty_store.root).code == 1


def test_verifying_nothing_is_a_failure(tmp_path: Path) -> None:
    """A mistyped store must not look whole to a nightly job."""
    ran = indexer("verify", "--store", tmp_path / "stroe")
    assert ran.code == 1
    assert ran.err == f"indexer: expected snapshots in {tmp_path / 'stroe'}, got none\n"
    assert not (tmp_path / "stroe").exists()


def test_rolling_back(empty_store: Store, prepared: Prepared) -> None:
    """It names what is served now, and fails with 1 where there is nothing before."""
    names = [prepared.add(empty_store) for _ in range(2)]
    publish(empty_store, names[1])
    ran = indexer("rollback", "--store", empty_store.root)
    assert (ran.code, ran.out) == (0, f"Published {names[0]}\n")
    again = indexer("rollback", "--store", empty_store.root)
    assert again.code == 1
    assert f"expected a snapshot older than {names[0]}" in again.err
    assert empty_store.current() == names[0]


def test_pruning(empty_store: Store, prepared: Prepared) -> None:
    """It names what it deleted; 0 is refused."""
    names = [prepared.add(empty_store) for _ in range(4)]
    publish(empty_store, names[0])
    ran = indexer("prune", "--store", empty_store.root, "--keep", 1)
    assert (ran.code, ran.out) == (0, f"Deleted 2: {names[1]}, {names[2]}\n")
    assert empty_store.names() == [names[0], names[3]]
    assert indexer("prune", "--store", empty_store.root, "--keep", 1).out == "Nothing to delete\n"
    assert indexer("prune", "--store", empty_store.root, "--keep", 0).code == 1


@pytest.mark.parametrize("verb", ["publish", "rollback", "prune"])
def test_a_mistyped_store_is_not_made(tmp_path: Path, verb: str) -> None:
    """No verb but build makes a store."""
    arguments = ["x"] if verb == "publish" else []
    ran = indexer(verb, *arguments, "--store", tmp_path / "stroe")
    assert ran.code == (0 if verb == "prune" else 1)
    assert "Traceback" not in ran.err
    assert list(tmp_path.iterdir()) == []


def test_the_command_as_a_process(tmp_path: Path) -> None:
    """The exit code of a refusal reaches the shell, and its message stderr alone."""
    command = [sys.executable, "-m", "indexer.cli", "rollback", "--store", str(tmp_path)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr == "indexer: expected a published snapshot to roll back from, got none\n"
