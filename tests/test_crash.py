"""kill -9 at any moment: what was served is served on, or the whole new snapshot is, and nothing is left behind."""

import json
import logging
import multiprocessing
import signal
import sqlite3
import subprocess
import sys
import time
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.encoders.encoder import ModelSpec
from engine.scoring.query import Query, VectorPart
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import open_snapshot
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import draft, prune, publish, seal, verify
from indexer.progress import no_progress
from tests.support.catalogs import Plain, Prepared, Vectors, clustered, write_lines, write_parquet
from tests.support.cli import indexer

pytestmark = pytest.mark.long

ITEMS = 2_500
ROOT = Path(__file__).parents[1]

_log = logging.getLogger(__name__)


def served_right(store: Store, versions: dict[str, Vectors]) -> str | None:
    """Return the name of what is served after opening it and asking for some items; None if nothing is."""
    name = store.current()
    if name is None:
        return None
    snapshot = open_snapshot(store, name)
    vectors = versions[snapshot.manifest.catalogue.name]
    searcher = Searcher(snapshot, None)
    count = len(vectors.image)
    assert len(snapshot) == count
    for number in (0, count // 3, count - 1):
        parts = (VectorPart(vectors.image[number], block="image"), VectorPart(vectors.text[number], block="text"))
        answer = searcher.search(Query(parts=parts, limit=3))
        assert answer.hits[0].item_id == f"i{number}"
        assert answer.snapshot == name
    return name


def clean(store: Store) -> bool:
    """Whether nothing of killed writers is left in the store."""
    hidden = {path.name for path in (*store.root.glob(".*"), *store.snapshots.glob(".*"))}
    inner = [path for name in store.names() for path in (store.snapshots / name).rglob(".*")]
    return hidden == {".lock"} and inner == []


def build_command(catalogue: Path, store: Store) -> list[str]:
    """Return the command that a person types."""
    return [sys.executable, "-m", "indexer.cli", "build", str(catalogue), "--store", str(store.root)]


def run_and_kill(command: list[str], after_s: float) -> float | None:
    """Run a command, kill -9 it after a while; return None, or the seconds it took if it was done before."""
    started = time.monotonic()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        process.wait(after_s)
    except subprocess.TimeoutExpired:
        process.kill()
    if process.wait() == -signal.SIGKILL:
        return None
    assert process.returncode == 0
    return time.monotonic() - started


@pytest.mark.parametrize("kills", [8, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(1200)])])
def test_builds_killed_all_along(tmp_path: Path, kills: int) -> None:
    """Kills spread evenly over `indexer build`, of two catalogues in turn: old or new, whole, and swept by the next."""
    versions = {f"{name}.parquet": clustered(ITEMS, seed) for seed, name in enumerate(("odd", "even"))}
    catalogues = [write_parquet(tmp_path / name, vectors) for name, vectors in versions.items()]
    store = Store(tmp_path / "store")
    started = time.monotonic()
    subprocess.run(build_command(catalogues[0], store), cwd=ROOT, check=True, capture_output=True)
    whole_s = time.monotonic() - started
    before = served_right(store, versions)
    killed = builds = drafts = published = 0
    while killed < kills:
        known = store.names()
        builds += 1
        done_s = run_and_kill(build_command(catalogues[builds % 2], store), whole_s * (killed + 0.5) / kills)
        killed += done_s is None
        whole_s = done_s or whole_s  # on a machine that has become faster the moments move with it
        drafts += len(list(store.snapshots.glob(".*.draft")))
        now = served_right(store, versions)
        assert now == before or now not in known, "the old one or the new one"
        published += now != before
        before = now
        assert all(verify(store, name) == [] for name in store.names() if name not in known)
    _log.info("%d of %d killed over %.1f s: %d drafts left, %d published", killed, builds, whole_s, drafts, published)
    last = subprocess.run(build_command(catalogues[0], store), cwd=ROOT, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    assert served_right(store, versions) == store.names()[-1]
    assert clean(store)
    assert indexer("verify", "--store", store.root).code == 0
    assert len(indexer("list", "--store", store.root, "--json").out.splitlines()) == len(store.names())


def publish_for_ever(prepared: Prepared, root: Path, ready: Connection) -> None:
    """Write, seal, publish and prune until killed."""
    store = Store(root)
    ready.send(True)
    while True:
        with draft(store) as written:
            seal(store, written, prepared.copy(written))
        publish(store, written.name)
        prune(store, 2)


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
@pytest.mark.parametrize("kills", [25, pytest.param(300, marks=pytest.mark.slow)])
def test_publishing_killed_at_any_step(tmp_path: Path, kills: int) -> None:
    """Kills at random moments of write, seal, publish and prune and nothing else: always whole, always swept."""
    vectors = clustered(50)
    prepared = Prepared.build(tmp_path, vectors)
    versions = {prepared.manifest.catalogue.name: vectors}
    store = Store(tmp_path / "killed")
    publish(store, prepared.add(store))
    context = multiprocessing.get_context("fork")  # hundreds of writers, and each import would cost a second
    rng = np.random.default_rng(9)
    before = served_right(store, versions)
    drafts = unpublished = pruned = 0
    for _ in range(kills):
        receiver, sender = context.Pipe(duplex=False)
        writer = context.Process(target=publish_for_ever, args=(prepared, store.root, sender))
        writer.start()
        assert receiver.poll(60)
        time.sleep(float(rng.uniform(0, 0.1)))
        writer.kill()
        writer.join()
        drafts += len(list(store.snapshots.glob(".*.draft")))
        pruned += len(list(store.snapshots.glob(".*.pruned")))
        now = served_right(store, versions)
        assert now is not None
        assert before is not None
        assert now >= before
        before = now
        unpublished += store.names()[-1] > now
        assert all(verify(store, name) == [] for name in store.names())
    _log.info("%d killed: %d drafts left, %d times unserved, %d half pruned", kills, drafts, unpublished, pruned)
    assert drafts > 0
    publish(store, prepared.add(store))
    assert clean(store)
    assert served_right(store, versions) == store.names()[-1]


def build_plainly(catalogue: Path, root: Path, log: Path) -> None:
    """Build with the plain encoder."""
    build(BuildConfig(catalogue, root, ModelSpec(str(log), encoder="tests.support.catalogs:Plain")), no_progress)


def encoded(log: Path, kind: str) -> int:
    """Return how many contents of a kind the encoder was given, the golden ones too."""
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return sum(count for name, count in lines if name == kind)


def test_the_cache_of_a_killed_build_is_used_by_the_next(tmp_path: Path) -> None:
    """What was embedded before the kill is not embedded again, and all of it is right."""
    count = 400
    for number in range(count):
        colour = (number % 256, number // 256 * 100, 50)
        Image.new("RGB", (4, 4), colour).save(tmp_path / f"{number}.png")
    rows = [{"item_id": f"i{n}", "title": f"thing {n}", "image": f"{n}.png"} for n in range(count)]
    catalogue = write_lines(tmp_path / "catalogue.jsonl", rows)
    store = Store(tmp_path / "store")
    context = multiprocessing.get_context("spawn")
    first = tmp_path / "first.log"
    builder = context.Process(target=build_plainly, args=(catalogue, store.root, first))
    builder.start()
    while encoded(first, "image") < 256:
        assert builder.is_alive()
        time.sleep(0.002)
    builder.kill()
    builder.join()
    assert store.current() is None
    with sqlite3.connect(store.root / "cache" / "embeddings.sqlite") as database:
        kept = database.execute("SELECT count(*) FROM vectors").fetchone()[0]
    database.close()
    assert kept >= 128
    second = tmp_path / "second.log"
    build_plainly(catalogue, store.root, second)
    fresh = tmp_path / "fresh.log"
    build_plainly(catalogue, tmp_path / "other", fresh)
    given, all_of_it = (encoded(log, "image") + encoded(log, "text") for log in (second, fresh))
    assert all_of_it >= 2 * count
    assert given == all_of_it - kept
    snapshot = open_snapshot(store, str(store.current()))
    encoder = Plain(ModelSpec(str(tmp_path / "third.log")), "cpu", "float32")
    for number in (0, 100, 399):
        with Image.open(tmp_path / f"{number}.png") as picture:
            expected = encoder.encode_images([picture])[0]
        found = snapshot.vectors(snapshot.items.get_row(f"i{number}"))
        np.testing.assert_allclose(found["image"], expected, atol=1e-3)
        np.testing.assert_allclose(found["text"], encoder.encode_texts([f"thing {number}"])[0], atol=1e-3)
    assert clean(store)


@pytest.mark.slow
def test_a_killed_build_of_the_demo_catalogue(tmp_path: Path, tiny_model: Path) -> None:
    """The same with the demo's pictures, a real model and the command line, killed at six moments."""
    assert indexer("sample", tmp_path / "demo", "--items", 200).code == 0
    store = Store(tmp_path / "store")
    command = [*build_command(tmp_path / "demo" / "catalog.jsonl", store), "--model", str(tiny_model)]
    started = time.monotonic()
    subprocess.run([*command[:-3], str(tmp_path / "other"), *command[-2:]], cwd=ROOT, check=True, capture_output=True)
    whole_s = time.monotonic() - started
    for number in range(6):
        run_and_kill(command, whole_s * (number + 0.5) / 6)
        name = store.current()
        assert name is None or len(open_snapshot(store, name)) == 200
    last = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert last.returncode == 0, last.stderr
    assert len(open_snapshot(store, str(store.current()))) == 200
    assert clean(store)
