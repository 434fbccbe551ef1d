"""How snapshots come and go: sealed whole, served if they may be, rolled back, pruned, swept if their writer died."""

import fcntl
import multiprocessing
import threading
from pathlib import Path

import numpy as np
import pytest

from engine.errors import CorruptSnapshot, DiptychError, GateFailed, InvalidSetting, SnapshotNotFound
from engine.scoring.query import Query, VectorPart
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import CURRENT_FILE, Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import draft, prune, publish, rollback, seal, verify
from indexer.progress import no_progress
from tests.support.catalogs import Prepared, clustered, write_parquet

pytestmark = pytest.mark.long

VECTORS = clustered(60)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    """A small snapshot that others are copies of."""
    return Prepared.build(tmp_path_factory.mktemp("prepared"), VECTORS)


def found(snapshot: Snapshot, number: int) -> str:
    """Return the id that is nearest to an item's own image."""
    query = Query(parts=(VectorPart(VECTORS.image[number], block="image"),), limit=1)
    return Searcher(snapshot, None).search(query).hits[0].item_id


def left_behind(empty_store: Store) -> list[str]:
    """Return what is in the store and neither a snapshot nor its lock."""
    return [path.name for path in empty_store.snapshots.glob(".*") if path.name != ".lock"]


def damage(empty_store: Store, name: str) -> Path:
    """Flip a bit of the last byte of a snapshot's rows."""
    path = empty_store.snapshots / name / "strata" / "image+text" / "rows.faiss"
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    return path


def test_a_draft_is_seen_by_nobody_until_it_is_sealed(empty_store: Store, prepared: Prepared) -> None:
    """Before, the store is empty; after, the snapshot is whole, and not served."""
    with draft(empty_store) as written:
        manifest = prepared.copy(written)
        assert empty_store.names() == []
        seal(empty_store, written, manifest)
    assert empty_store.names() == [written.name]
    assert empty_store.current() is None
    assert verify(empty_store, written.name) == []
    assert left_behind(empty_store) == []
    assert {path.name for path in (empty_store.snapshots / written.name).glob(".*")} == set()


def test_a_draft_that_fails_is_gone(empty_store: Store) -> None:
    """Whatever its writer raised, and with whatever files in it."""
    with pytest.raises(FileNotFoundError), draft(empty_store) as written:
        (written.directory / "half").write_bytes((empty_store.root / "missing").read_bytes())
    assert left_behind(empty_store) == []
    assert empty_store.names() == []


def test_names_rise_with_time(empty_store: Store) -> None:
    """So the order of names is the order of builds."""
    with draft(empty_store) as first, draft(empty_store) as second:
        assert first.name[:10] <= second.name[:10]
        assert first.name != second.name
        assert len(left_behind(empty_store)) == 2


def test_a_dead_writers_draft_is_swept_and_a_living_ones_is_not(empty_store: Store, prepared: Prepared) -> None:
    """Only the lock tells, so neither age nor process number can be mistaken."""
    with draft(empty_store) as living:
        dead = empty_store.snapshots / ".dead.draft"
        dead.mkdir()
        (dead / "half").write_bytes(b"half")
        half_pruned = empty_store.snapshots / ".gone.pruned"
        (half_pruned / "strata").mkdir(parents=True)
        with draft(empty_store) as other:
            assert sorted(left_behind(empty_store)) == sorted([living.directory.name, other.directory.name])
        seal(empty_store, living, prepared.copy(living))
    assert empty_store.names() == [living.name]


def test_sealing_waits_for_a_sweep(empty_store: Store, prepared: Prepared) -> None:
    """A draft that has let go of its lock must not be taken for a dead one: seal and sweep exclude each other."""
    with draft(empty_store) as written:
        manifest = prepared.copy(written)
        with (empty_store.snapshots / ".lock").open("w") as sweeper:
            fcntl.flock(sweeper, fcntl.LOCK_EX)
            sealing = threading.Thread(target=seal, args=(empty_store, written, manifest))
            sealing.start()
            sealing.join(0.2)
            assert sealing.is_alive()
            assert (written.directory / ".lock").exists()
        sealing.join()
    assert verify(empty_store, written.name) == []


def test_publishing_serves(empty_store: Store, prepared: Prepared) -> None:
    """CURRENT is one line with the name, and the items are found."""
    name = prepared.add(empty_store)
    publish(empty_store, name)
    assert (empty_store.root / CURRENT_FILE).read_text() == f"{name}\n"
    assert empty_store.current() == name
    assert found(open_snapshot(empty_store, name), 7) == "i7"


def test_a_snapshot_that_failed_a_gate_is_not_served(empty_store: Store, prepared: Prepared) -> None:
    """The message names the snapshot, the gate, the limit and the value; what was served stays."""
    good, bad = prepared.add(empty_store), prepared.add(empty_store, passed=False)
    publish(empty_store, good)
    with pytest.raises(GateFailed, match=rf"{bad} may not be published: recall@10 agreeing: expected 0.99, got 0.5"):
        publish(empty_store, bad)
    assert empty_store.current() == good


def test_a_damaged_snapshot_is_not_served(empty_store: Store, prepared: Prepared) -> None:
    """Every byte is compared before, so a reader never meets it."""
    good, bad = prepared.add(empty_store), prepared.add(empty_store)
    publish(empty_store, good)
    damage(empty_store, bad)
    with pytest.raises(CorruptSnapshot, match=rf"{bad}.*rows\.faiss: expected sha256"):
        publish(empty_store, bad)
    assert empty_store.current() == good


def test_what_is_not_there_is_not_served(empty_store: Store, prepared: Prepared) -> None:
    """The message names the snapshots that there are."""
    name = prepared.add(empty_store)
    with pytest.raises(SnapshotNotFound, match=rf"expected one of {name}, got 'other'"):
        publish(empty_store, "other")
    assert empty_store.current() is None


def test_rolling_back_goes_to_the_one_before(empty_store: Store, prepared: Prepared) -> None:
    """Step by step to the oldest, and no further."""
    names = [prepared.add(empty_store) for _ in range(3)]
    publish(empty_store, names[2])
    assert rollback(empty_store) == names[1]
    assert rollback(empty_store) == names[0]
    with pytest.raises(SnapshotNotFound, match=f"expected a snapshot older than {names[0]} to roll back to, got none"):
        rollback(empty_store)
    assert empty_store.current() == names[0]


def test_rolling_back_passes_over_what_may_not_be_served(empty_store: Store, prepared: Prepared) -> None:
    """One failed its gates, one is damaged, one has lost its manifest: the one before all these is served."""
    names = [prepared.add(empty_store, passed=number != 1) for number in range(5)]
    publish(empty_store, names[4])
    damage(empty_store, names[2])
    (empty_store.snapshots / names[3] / "manifest.json").unlink()
    assert rollback(empty_store) == names[0]


def test_rolling_back_from_a_damaged_snapshot(empty_store: Store, prepared: Prepared) -> None:
    """It is the way out of damage, so the served one need not be whole."""
    names = [prepared.add(empty_store) for _ in range(2)]
    publish(empty_store, names[1])
    (empty_store.snapshots / names[1] / "manifest.json").write_bytes(b"")
    assert rollback(empty_store) == names[0]


def test_rolling_back_needs_something_served(empty_store: Store, prepared: Prepared) -> None:
    """With nothing published it is refused, and nothing is published."""
    prepared.add(empty_store)
    with pytest.raises(SnapshotNotFound, match="expected a published snapshot to roll back from"):
        rollback(empty_store)
    assert empty_store.current() is None


def test_pruning_keeps_the_newest_and_the_served(empty_store: Store, prepared: Prepared) -> None:
    """Five snapshots, the second served, two kept: the first and the third go."""
    names = [prepared.add(empty_store) for _ in range(5)]
    publish(empty_store, names[1])
    assert prune(empty_store, 2) == [names[0], names[2]]
    assert empty_store.names() == [names[1], names[3], names[4]]
    assert empty_store.current() == names[1]
    assert left_behind(empty_store) == []
    assert prune(empty_store, 2) == []


def test_pruning_leaves_an_open_reader_alone(empty_store: Store, prepared: Prepared) -> None:
    """Its files are mapped, so it answers on, with every row, until it lets go."""
    old, new = prepared.add(empty_store), prepared.add(empty_store)
    reader = open_snapshot(empty_store, old)
    publish(empty_store, new)
    assert prune(empty_store, 1) == [old]
    assert not (empty_store.snapshots / old).exists()
    assert [found(reader, number) for number in range(60)] == [f"i{number}" for number in range(60)]
    assert reader.items.payload(5)
    assert reader.items.item_id(reader.items.get_row("i5")) == "i5"


def test_pruning_keeps_at_least_one(empty_store: Store, prepared: Prepared) -> None:
    """0 is refused, and a store that is not there is not made."""
    prepared.add(empty_store)
    with pytest.raises(InvalidSetting, match="expected to keep at least 1 snapshot, got 0"):
        prune(empty_store, 0)
    assert prune(Store(empty_store.root / "none"), 1) == []
    assert not (empty_store.root / "none").exists()


def test_pruning_refuses_while_nobody_knows_what_is_served(empty_store: Store, prepared: Prepared) -> None:
    """With CURRENT damaged any snapshot may be the served one, so none is deleted."""
    names = [prepared.add(empty_store) for _ in range(3)]
    (empty_store.root / CURRENT_FILE).write_text("?")
    with pytest.raises(CorruptSnapshot, match="CURRENT"):
        prune(empty_store, 1)
    assert empty_store.names() == names


def test_pruning_and_publishing_exclude_each_other(empty_store: Store, prepared: Prepared) -> None:
    """Of an old snapshot that is pruned and published at once one wins, so CURRENT always names one that is there."""
    for _ in range(10):
        old, new = prepared.add(empty_store), prepared.add(empty_store)
        publish(empty_store, new)
        refused: list[DiptychError] = []

        def try_to_publish(name: str = old, refused: list[DiptychError] = refused) -> None:
            try:
                publish(empty_store, name)
            except (SnapshotNotFound, CorruptSnapshot) as error:
                refused.append(error)

        publishing = threading.Thread(target=try_to_publish)
        publishing.start()
        prune(empty_store, 1)
        publishing.join()
        current = empty_store.current()
        assert current == (new if refused else old)
        assert open_snapshot(empty_store, str(current))
        if current == old:
            publish(empty_store, new)
            prune(empty_store, 1)


def build_some(catalogue: Path, empty_store: Path, count: int, ready: "multiprocessing.synchronize.Barrier") -> None:
    """Build and publish, as another process does."""
    ready.wait(60)
    for _ in range(count):
        build(BuildConfig(catalogue, empty_store), no_progress)


def test_two_builds_at_once_both_finish_whole(empty_store: Store, tmp_path: Path) -> None:
    """Two processes build into one store: all their snapshots are whole, and one is served."""
    catalogue = write_parquet(tmp_path / "catalogue.parquet", VECTORS)
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(2)
    builders = [context.Process(target=build_some, args=(catalogue, empty_store.root, 2, ready)) for _ in range(2)]
    for builder in builders:
        builder.start()
    for builder in builders:
        builder.join()
    assert [builder.exitcode for builder in builders] == [0, 0]
    assert len(empty_store.names()) == 4
    assert [verify(empty_store, name) for name in empty_store.names()] == [[]] * 4
    assert left_behind(empty_store) == []
    assert not (empty_store.root / f".{CURRENT_FILE}.new").exists()
    current = empty_store.current()
    assert current is not None
    assert found(open_snapshot(empty_store, current), 3) == "i3"


def test_the_last_published_wins(empty_store: Store, prepared: Prepared) -> None:
    """A build that began first and ends last is served: what counts is the publishing, not the name."""
    with draft(empty_store) as slow:
        fast = prepared.add(empty_store)
        publish(empty_store, fast)
        seal(empty_store, slow, prepared.copy(slow))
        publish(empty_store, slow.name)
    assert empty_store.current() == slow.name
    np.testing.assert_array_equal(empty_store.names(), [slow.name, fast])
