"""Snapshots that somebody damaged: each is refused, the file named, and whole again once the file is."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from engine.errors import CorruptSnapshot, SnapshotNotFound
from engine.snapshot.manifest import MANIFEST_FILE, Manifest, parse, render
from engine.snapshot.snapshot import Snapshot, open_snapshot
from engine.snapshot.store import CURRENT_FILE, Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.progress import no_progress
from tests.support.catalogs import clustered, write_parquet
from tests.support.cli import indexer

FILES = (
    "manifest.json",
    "columns.arrow",
    "items.arrow",
    "lookup.npy",
    "strata/image+text/rows.faiss",
    "strata/image+text/index.faiss",
    "curve.png",
    "rejects.jsonl",
)
SEED = 5


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with one served snapshot of 400 items, one row rejected."""
    directory = tmp_path_factory.mktemp("built")
    ids = [f"i{number}" for number in range(399)] + ["i0"]
    catalogue = write_parquet(directory / "catalogue.parquet", clustered(400), item_id=ids)
    build(BuildConfig(catalogue, directory / "store", signals=("price",), index="IVF8,Flat"), no_progress)
    return directory / "store"


@pytest.fixture
def store(built: Path, tmp_path: Path) -> Store:
    """A copy of it, to damage."""
    return Store(Path(shutil.copytree(built, tmp_path / "store")))


def served(store: Store) -> Snapshot:
    """Open what is served."""
    name = store.current()
    assert name is not None
    return open_snapshot(store, name)


def flip(data: bytes, place: int, rng: np.random.Generator) -> bytes:
    """Flip one bit."""
    return data[:place] + bytes([data[place] ^ 1 << int(rng.integers(8))]) + data[place + 1 :]


def truncate(data: bytes, place: int, rng: np.random.Generator) -> bytes:
    """Cut the file off."""
    return data[:place]


def lose(data: bytes, place: int, rng: np.random.Generator) -> bytes | None:
    """Delete the file."""
    return None


def test_a_snapshot_has_just_these_files(store: Store) -> None:
    """What is damaged below is all there is: the manifest, and every file that it names."""
    snapshot = served(store)
    assert {MANIFEST_FILE, *snapshot.manifest.files} == set(FILES)


@pytest.mark.parametrize("number", range(50))
def test_each_damage_is_named_and_nothing_is_lost(store: Store, number: int) -> None:
    """A bit flipped, a tail cut off or a file gone is refused by its name, and whole again once it is restored."""
    rng = np.random.default_rng([SEED, number])
    damages: tuple[Callable[[bytes, int, np.random.Generator], bytes | None], ...] = (flip, flip, truncate, flip, lose)
    damage = damages[number // 8 % len(damages)]
    name = served(store).name
    path = store.root / CURRENT_FILE if number % 8 == 7 else store.snapshots / name / FILES[number % 8]
    if path.name == CURRENT_FILE and damage is lose:
        damage = flip  # a store without CURRENT serves nothing, which is no damage
    before = path.read_bytes()
    after = damage(before, int(rng.integers(len(before))), rng)
    path.unlink()
    if after is not None:
        path.write_bytes(after)
    with pytest.raises(CorruptSnapshot) as refusal:
        served(store)
    assert str(refusal.value).startswith(f"{path}: expected ")
    verified = indexer("verify", "--store", store.root)
    assert verified.code == 1
    assert str(path) in verified.out
    assert len(verified.out.splitlines()) == 1 + (path.name == CURRENT_FILE), "no other file is blamed"
    listed = indexer("list", "--store", store.root)
    assert listed.code == 0
    assert name in listed.out
    path.write_bytes(before)
    assert served(store).name == name
    assert indexer("verify", "--store", store.root).out == f"{name}: ok\n"


def test_several_damages_are_all_named(store: Store) -> None:
    """One message names every damaged file, so that one look is enough."""
    folder = store.snapshots / served(store).name
    (folder / "curve.png").write_bytes(b"")
    (folder / "items.arrow").unlink()
    (folder / "lookup.npy").write_bytes((folder / "lookup.npy").read_bytes() + b"\0")
    with pytest.raises(CorruptSnapshot) as refusal:
        served(store)
    assert all(name in str(refusal.value) for name in ("curve.png", "items.arrow", "lookup.npy"))
    assert len(indexer("verify", "--store", store.root).out.splitlines()) == 3


@pytest.mark.parametrize("name", [*FILES, CURRENT_FILE])
def test_an_empty_file_is_damage(store: Store, name: str) -> None:
    """Size 0, what a crash without fsync leaves, is refused by name."""
    folder = store.snapshots / served(store).name
    path = store.root / name if name == CURRENT_FILE else folder / name
    path.write_bytes(b"")
    with pytest.raises(CorruptSnapshot, match=path.name):
        served(store)


@pytest.mark.parametrize("name", [*FILES, CURRENT_FILE])
def test_a_folder_in_place_of_a_file_is_damage(store: Store, name: str) -> None:
    """It is named, and no error of the system comes through."""
    folder = store.snapshots / served(store).name
    path = store.root / name if name == CURRENT_FILE else folder / name
    path.unlink()
    path.mkdir()
    with pytest.raises(CorruptSnapshot, match=path.name):
        served(store)
    assert indexer("verify", "--store", store.root).code == 1


@pytest.mark.parametrize("name", [*FILES, CURRENT_FILE])
def test_a_symlink_is_as_good_as_what_it_points_to(store: Store, tmp_path: Path, name: str) -> None:
    """The same bytes elsewhere are whole; other bytes, or none, are refused by the link's name."""
    folder = store.snapshots / served(store).name
    path = store.root / name if name == CURRENT_FILE else folder / name
    target = path.rename(tmp_path / "elsewhere")
    path.symlink_to(target)
    assert served(store).name == folder.name
    target.write_bytes(target.read_bytes()[:-1])
    with pytest.raises(CorruptSnapshot, match=path.name):
        served(store)
    target.unlink()
    with pytest.raises(CorruptSnapshot, match=path.name):
        served(store)


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file whose reading fails")
def test_a_file_that_cannot_be_read_is_named(built: Path, tmp_path: Path) -> None:
    """What a dying disk does: the size is right, the reading fails."""
    store = Store(Path(shutil.copytree(built, tmp_path / "store")))
    snapshot = served(store)
    path = store.snapshots / snapshot.name / "rejects.jsonl"
    empty = snapshot.manifest.files["rejects.jsonl"].model_copy(update={"size_bytes": 0})
    write_manifest(store, snapshot.manifest.model_copy(update={"files": {"rejects.jsonl": empty}}))
    path.unlink()
    path.symlink_to("/proc/self/mem")
    with pytest.raises(CorruptSnapshot, match=r"rejects\.jsonl: expected 0 bytes, got Input/output error"):
        served(store)


def write_manifest(store: Store, manifest: Manifest) -> None:
    """Write the manifest of a snapshot, sealed as if it were meant so."""
    (store.snapshots / manifest.snapshot / MANIFEST_FILE).write_bytes(render(manifest))


def test_a_file_too_many_is_damage(store: Store) -> None:
    """An index that the manifest does not name would be searched unchecked, so it is refused."""
    stranger = store.snapshots / served(store).name / "strata" / "image+text" / "other.faiss"
    stranger.write_bytes(b"anything")
    with pytest.raises(CorruptSnapshot, match=r"other\.faiss: expected no such file"):
        served(store)
    assert "other.faiss" in indexer("verify", "--store", store.root).out


def test_a_manifest_of_another_snapshot_is_refused(store: Store) -> None:
    """A whole manifest in the wrong folder is named with both names."""
    name = served(store).name
    other = "01" + "A" * 24
    shutil.copytree(store.snapshots / name, store.snapshots / other)
    with pytest.raises(
        CorruptSnapshot, match=rf"{other}/manifest\.json: expected the manifest of {other}, got .*{name}"
    ):
        open_snapshot(store, other)
    assert served(store).name == name


def test_files_of_another_build_are_refused(store: Store, tmp_path: Path) -> None:
    """A manifest copied over that of another build of the same shape fits none of its vectors."""
    name = served(store).name
    catalogue = write_parquet(tmp_path / "other.parquet", clustered(399, seed=1))
    other = build(BuildConfig(catalogue, store.root, index="IVF8,Flat", signals=("price",)), no_progress)
    write_manifest(store, other.model_copy(update={"snapshot": name}))
    with pytest.raises(CorruptSnapshot, match=r"rows\.faiss: expected sha256"):
        open_snapshot(store, name)
    assert served(store).name == other.snapshot


def test_a_schema_of_the_future_is_refused(store: Store) -> None:
    """The message says which version came, so that a person knows to update the reader."""
    path = store.snapshots / served(store).name / MANIFEST_FILE
    content = json.loads(path.read_bytes()) | {"schema_version": 3, "new_in_3": True}
    path.write_text(json.dumps(content))
    with pytest.raises(CorruptSnapshot, match=r"manifest\.json: expected schema version 2, got 3"):
        served(store)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "7",
        '"text"',
        "{}",
        '{"sha256": "0"}',
        '{"sha256": "0", "schema_version": 2}',
        "\ufffe",
        "{" * 50,
        "[" * 100_000,
    ],
)
def test_whatever_is_no_manifest_is_refused(text: str) -> None:
    """Any text is answered with the file's name, never with an error of a library."""
    with pytest.raises(CorruptSnapshot, match=r"^m\.json: expected"):
        parse(text.encode(), Path("m.json"))


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e999", '"\\ud800"'])
def test_values_that_json_cannot_hold_are_refused(store: Store, value: str) -> None:
    """Python reads them without a word."""
    data = (store.snapshots / served(store).name / MANIFEST_FILE).read_text()
    assert data.count('"recall_target": 0.99') == 1
    with pytest.raises(CorruptSnapshot, match=r"^m\.json: expected a manifest"):
        parse(data.replace('"recall_target": 0.99', f'"recall_target": {value}').encode(), Path("m.json"))


def test_spaces_in_a_manifest_are_damage(store: Store) -> None:
    """The same content in other bytes was not written here."""
    data = (store.snapshots / served(store).name / MANIFEST_FILE).read_bytes()
    assert render(parse(data, Path("m.json"))) == data
    with pytest.raises(CorruptSnapshot, match=r"^m\.json: expected the content of checksum"):
        parse(data + b"\n", Path("m.json"))


def test_current_that_names_what_is_not_there(store: Store) -> None:
    """A snapshot deleted by hand: CURRENT is named, with the snapshots that there are."""
    name = served(store).name
    kept = "01" + "A" * 24
    (store.snapshots / name).rename(store.snapshots / kept)
    with pytest.raises(CorruptSnapshot, match=rf"CURRENT: expected the name of a snapshot \({kept}\).*, got '{name}"):
        store.current()


def test_without_current_nothing_is_served(store: Store) -> None:
    """It is no damage, but verify says so."""
    (store.root / CURRENT_FILE).unlink()
    assert store.current() is None
    ran = indexer("verify", "--store", store.root)
    assert ran.code == 0
    assert "CURRENT: missing, so no snapshot is published" in ran.out


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    """Reading creates nothing, and names what was asked for."""
    store = Store(tmp_path / "none")
    assert store.names() == []
    assert store.current() is None
    with pytest.raises(SnapshotNotFound, match="expected one of none, got 'x'"):
        open_snapshot(store, "x")
    assert list(tmp_path.iterdir()) == []


def test_names_that_lead_out_of_the_store_are_unknown(store: Store) -> None:
    """A name is looked up among those there are, so a path is none."""
    for name in ("..", ".", "", "../snapshots", f"./{served(store).name}"):
        with pytest.raises(SnapshotNotFound, match="expected one of"):
            open_snapshot(store, name)


def test_a_whole_snapshot_gives_back_what_was_built(store: Store) -> None:
    """Ids, payloads and vectors of all items are those of the catalogue."""
    snapshot = served(store)
    vectors = clustered(400)
    assert len(snapshot) == 399
    for number in (0, 1, 200, 398):
        row = snapshot.items.get_row(f"i{number}")
        assert snapshot.items.item_id(row) == f"i{number}"
        found = snapshot.vectors(row)
        np.testing.assert_allclose(found["image"], vectors.image[number], atol=1e-3)
        np.testing.assert_allclose(found["text"], vectors.text[number], atol=1e-3)
