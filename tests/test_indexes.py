"""Every index against the exact one: ids as sets inside equal-score groups, and scores; one body for every device."""

import gc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event, get_ident

import faiss
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import CorruptSnapshot, InvalidSetting, MissingDependency
from engine.indexes.cpu import CpuIndex
from engine.indexes.cuda import MAX_K, CudaIndex, Device, gpu
from engine.indexes.device_thread import MAX_BATCH, DeviceThread, Found
from engine.indexes.exact import ExactIndex
from engine.indexes.index import EXACT, Index, OperatingPoint, open_index
from engine.indexes.index_writer import MIN_CELL_ROWS, MIN_CODED_ROWS, check, choose_factory, write_index
from engine.indexes.recall import recall_at_k
from engine.indexes.row_filter import RowFilter
from engine.indexes.stored_rows import INDEX_FILE, ROWS_FILE
from engine.scoring.vectors import to_unit

FACTORIES = {
    "Flat": "exact",
    "PQ16x4fs": "IndexPQFastScan",
    "IVF32,PQ16x4fs": "ivf",
    "IVF32,PQ16x4fs,RFlat": "ivf",
    "IVF32,PQ16x4fsr": "ivf",
    "HNSW32": "hnsw",
    "IVF32,Flat": "ivf",
    "IVF32,SQfp16": "ivf",
    "RR64,IVF32,PQ16x4fs": "transform+ivf",
    "RR64,PQ16x4fs": "transform+IndexPQFastScan",
    "PCA32,IVF32,Flat": "transform+ivf",
}
DEEP = OperatingPoint(512, 160)
MIDDLE = OperatingPoint(8, 40)


def quiet(done: int, total: int) -> None:
    """Take a report and say nothing."""


def clustered(count: int, width: int = 64, seed: int = 0) -> NDArray[np.float16]:
    """Rows in 40 clusters; every fiftieth is there twice, so that equal scores happen."""
    rng = np.random.default_rng(seed)
    centres = to_unit(rng.standard_normal((40, width)))
    rows = to_unit(centres[rng.integers(0, 40, count)] + rng.standard_normal((count, width)) / np.sqrt(width))
    rows[1::50] = rows[0::50][: len(rows[1::50])]
    return rows.astype(np.float16)


ROWS = clustered(3_000)
QUERIES = 7 * to_unit(ROWS[:40].astype(np.float32) + np.random.default_rng(1).standard_normal((40, 64)) / 12)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return the directory of ROWS indexed by a factory string, written once."""
    root = tmp_path_factory.mktemp("indexes")

    def directory(factory: str) -> Path:
        path = root / factory
        if not path.exists():
            path.mkdir()
            assert write_index(ROWS, path, factory, "cpu", quiet) == factory
        return path

    return directory


@contextmanager
def opened(path: Path, device: str) -> Iterator[Index]:
    """An index on a device; "owned" is CudaIndex with its queue and its cells, but FAISS's CPU in the GPU's place."""
    if device != "owned":
        yield open_index(path, device)
        return
    owner = DeviceThread("cpu-for-gpu")
    try:
        yield CudaIndex(path, Device(owner, lambda empty: empty))
    finally:
        owner.close()


devices = pytest.mark.parametrize("device", ["cpu", "owned", pytest.param("cuda", marks=pytest.mark.gpu)])
factories = pytest.mark.parametrize("factory", FACTORIES)


def assert_same(found: Found, exact: Found, tolerance: float = 2e-5) -> None:
    """Scores are the same, and so are the ids within each group of equal scores that ends before the k-th place."""
    np.testing.assert_allclose(found[0], exact[0], atol=tolerance, rtol=tolerance)
    np.testing.assert_array_equal(found[1] < 0, exact[1] < 0)
    exact = np.nan_to_num(exact[0], neginf=-1e6), exact[1]
    for scores, ids, true_ids in zip(exact[0], found[1], exact[1], strict=True):
        ends = np.flatnonzero(np.diff(scores) < -2 * tolerance * max(1.0, float(np.abs(scores[0])))) + 1
        for start, end in zip([0, *ends[:-1]], ends, strict=False):
            assert set(ids[start:end].tolist()) == set(true_ids[start:end].tolist())


@devices
@factories
def test_the_exact_point_is_exact(written: Callable[[str], Path], factory: str, device: str) -> None:
    """Whatever finds candidates, the exact point compares every row."""
    with opened(written(factory), device) as index:
        assert_same(index.search(QUERIES, 10, EXACT), ExactIndex(ROWS).search(QUERIES, 10))


SHARES = (0.0, 0.001, 0.02, 0.3, 1.0)


def some(share: float) -> RowFilter:
    """A share of ROWS, at least one of them unless it is 0."""
    mask = np.random.default_rng(3).random(len(ROWS)) < share
    mask[17] |= share > 0
    return RowFilter(mask)


@devices
@factories
@pytest.mark.parametrize("share", SHARES)
def test_only_the_rows_that_may_answer_answer(
    written: Callable[[str], Path], factory: str, device: str, share: float
) -> None:
    """Exactly searched, some rows give what an index of them alone would; an approximate search finds most of it."""
    rows = some(share)
    exact = ExactIndex(ROWS).search(QUERIES, 10, EXACT, rows)
    with opened(written(factory), device) as index:
        assert_same(index.search(QUERIES, 10, EXACT, rows), exact)
        scores, ids = index.search(QUERIES, 10, DEEP, rows)
    assert rows.mask[ids[ids >= 0]].all()
    assert ((ids >= 0) == np.isfinite(scores)).all()
    if factory != "HNSW32" or share > 0.01:  # a graph leads nowhere when few of its rows may answer
        assert recall_at_k(scores, exact[0], tolerance=1e-4).mean() > 0.97


@devices
@pytest.mark.parametrize("factory", ["Flat", "IVF32,PQ16x4fs"])
def test_products_are_those_of_the_rows(written: Callable[[str], Path], factory: str, device: str) -> None:
    """The inner products of some rows, in the order asked, of none, and of all."""
    true = ROWS.astype(np.float32) @ QUERIES[0]
    ids = np.array([5, 2999, 0, 5, 41])
    with opened(written(factory), device) as index:
        np.testing.assert_allclose(index.products(QUERIES[0], ids), true[ids], atol=2e-5)
        np.testing.assert_allclose(index.products(QUERIES[0]), true, atol=2e-5)
        assert len(index.products(QUERIES[0], ids[:0])) == 0


@pytest.mark.parametrize("factory", ["IVF32,PQ16x4fs", "IVF32,PQ16x4fsr"])
def test_a_filter_may_leave_fewer_cells_than_are_visited(written: Callable[[str], Path], factory: str) -> None:
    """Rows of three cells only, and a depth of eight: nearly all of the best are found."""
    index = CpuIndex(written(factory))
    rows = RowFilter(np.isin(index._cell_of, (3, 9, 20)))
    scores, _ = index.search(QUERIES, 10, OperatingPoint(8, 40), rows)
    exact = ExactIndex(ROWS).search(QUERIES, 10, EXACT, rows)[0]
    assert recall_at_k(scores, exact, tolerance=1e-4).mean() > 0.97


def test_cells_are_counted_where_rows_may_answer(written: Callable[[str], Path]) -> None:
    """One cell visited is the nearest of those that hold a row which may answer, however far from the query it is."""
    index = CpuIndex(written("IVF32,PQ16x4fs"))
    far = int(np.argmin(ROWS.astype(np.float32) @ QUERIES[0]))
    mask = np.zeros(len(ROWS), np.bool_)
    mask[far] = True
    _, ids = index.search(QUERIES[:1], 10, OperatingPoint(1, 10), RowFilter(mask))
    assert ids[0].tolist() == [far] + 9 * [-1]


@devices
@factories
def test_a_deep_point_finds_nearly_all_and_scores_exactly(
    written: Callable[[str], Path], factory: str, device: str
) -> None:
    """Candidates are rescored on the rows: each found row has its true score, best first, and few are missed."""
    with opened(written(factory), device) as index:
        scores, ids = index.search(QUERIES, 10, DEEP)
    true = np.einsum("qkd,qd->qk", ROWS[ids].astype(np.float32), QUERIES)
    np.testing.assert_allclose(scores, true, atol=2e-5, rtol=2e-5)
    assert (np.diff(scores) <= 0).all()
    assert all(len(set(row)) == 10 for row in ids.tolist())
    recall = recall_at_k(scores, ExactIndex(ROWS).search(QUERIES, 10)[0], tolerance=1e-4)
    assert recall.mean() >= 0.995


@devices
def test_more_cells_find_more(written: Callable[[str], Path], device: str) -> None:
    """nprobe is honoured on every device: one cell misses rows that all cells find."""
    exact, _ = ExactIndex(ROWS).search(QUERIES, 100)
    with opened(written("IVF32,PQ16x4fs"), device) as index:
        recalls = [
            recall_at_k(index.search(QUERIES, 100, OperatingPoint(nprobe, 30))[0], exact, tolerance=1e-4).mean()
            for nprobe in (1, 4, 32)
        ]
    assert recalls[0] < recalls[1] < recalls[2]
    assert recalls[2] > 0.99


@devices
@factories
def test_short_answers_end_in_nothing(
    written: Callable[[str], Path], factory: str, device: str, tmp_path: Path
) -> None:
    """k beyond the rows: every row once, then -inf and -1; a point too shallow for k is cut the same way."""
    with opened(written(factory), device) as index:
        scores, ids = index.search(QUERIES[:2], len(ROWS) + 5, EXACT)
        assert (ids[:, -5:] == -1).all()
        assert np.isneginf(scores[:, -5:]).all()
        assert np.sort(ids[:, :-5]).tolist() == [list(range(len(ROWS)))] * 2
        scores, ids = index.search(QUERIES[:2], 2_000, OperatingPoint(1, 1))
        assert np.array_equal(ids == -1, np.isneginf(scores))
        assert (np.diff((ids == -1).astype(int)) >= 0).all()


@devices
@pytest.mark.parametrize("factory", ["IVF32,PQ16x4fs", "HNSW32", "RR64,IVF32,PQ16x4fs"])
def test_threads_do_not_disturb_each_other(written: Callable[[str], Path], factory: str, device: str) -> None:
    """Eight threads, each with parameters of its own: the answers of each are those it gets alone."""
    points = [OperatingPoint(nprobe, k_factor) for nprobe in (1, 2, 8, 32) for k_factor in (2, 40)]
    with opened(written(factory), device) as index:
        alone = [index.search(QUERIES, 5 + place, point) for place, point in enumerate(points)]

        def again(place: int) -> None:
            for _ in range(10):
                found = index.search(QUERIES, 5 + place, points[place])
                np.testing.assert_array_equal(found[1], alone[place][1])
                np.testing.assert_allclose(found[0], alone[place][0], rtol=1e-6)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(again, range(8)))


@devices
@pytest.mark.parametrize("factory", ["Flat", "IVF32,PQ16x4fs", "RR64,IVF32,PQ16x4fs"])
def test_rows_are_what_was_written(written: Callable[[str], Path], factory: str, device: str) -> None:
    """The mapped rows are the float16 values bit by bit, whatever index stands before them."""
    with opened(written(factory), device) as index:
        assert len(index) == len(ROWS)
        ids = np.array([0, 2_999, 17, 17])
        np.testing.assert_array_equal(index.rows(ids), ROWS[ids])
        assert index.rows(ids).dtype == np.float16


@factories
def test_the_strategy_is_named_after_what_finds_candidates(written: Callable[[str], Path], factory: str) -> None:
    """On the CPU the index's own kind; on a GPU cells, or else every row is compared."""
    assert CpuIndex(written(factory)).strategy == FACTORIES[factory]
    with opened(written(factory), "owned") as index:
        assert index.strategy == (FACTORIES[factory] if FACTORIES[factory].endswith("ivf") else "exact")


@pytest.mark.parametrize(
    ("count", "factory"),
    [
        (MIN_CODED_ROWS - 1, "Flat"),
        (MIN_CODED_ROWS, "PQ256x4fs"),
        (MIN_CELL_ROWS - 1, "PQ256x4fs"),
        (MIN_CELL_ROWS, "IVF141,PQ256x4fsr"),
        (1_000_000, "IVF1000,PQ256x4fsr"),
    ],
)
def test_auto_grows_with_the_rows(count: int, factory: str) -> None:
    """Flat, then codes, then cells of codes: the root of the rows in number."""
    assert choose_factory(count, 512) == factory


def test_training_is_the_same_every_time(tmp_path: Path) -> None:
    """The same rows give the same bytes."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_index(ROWS, tmp_path / name, "IVF32,PQ16x4fs", "cpu", quiet)
    for file in (INDEX_FILE, ROWS_FILE):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_writing_tells_how_far_it_is(tmp_path: Path) -> None:
    """The report goes from none to all of the rows; `auto` says what it stood for; Flat needs no index file."""
    reports: list[tuple[int, int]] = []
    used = write_index(ROWS[:100], tmp_path, "auto", "cpu", lambda done, total: reports.append((done, total)))
    assert (used, reports) == ("Flat", [(0, 100), (100, 100)])
    assert not (tmp_path / INDEX_FILE).exists()


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("IVF32,PQ7x4fs", "expected an index that 3000 rows can train, got 'IVF32,PQ7x4fs'|factory string for 64"),
        ("Nonsense", "expected a FAISS factory string for 64 dimensions, got 'Nonsense'"),
        ("IVF4000,Flat", "expected an index that 3000 rows can train, got 'IVF4000,Flat'"),
    ],
)
def test_a_refused_factory_is_named(tmp_path: Path, factory: str, message: str) -> None:
    """What FAISS refuses comes back with what was asked."""
    with pytest.raises(InvalidSetting, match=message):
        write_index(ROWS, tmp_path, factory, "cpu", quiet)


@pytest.mark.skipif(faiss.get_num_gpus() > 0, reason="needs a machine without a GPU")
@pytest.mark.parametrize("factory", ["Flat", "IVF32,PQ16x4fs"])
def test_no_gpu_is_told_with_the_way_out(written: Callable[[str], Path], factory: str, tmp_path: Path) -> None:
    """Neither building nor serving falls back in silence."""
    with pytest.raises(MissingDependency, match="expected a GPU .* run with --device cpu"):
        write_index(ROWS, tmp_path, factory, "cuda", quiet)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MissingDependency, match="expected GPU 0, but FAISS sees 0; .* serve with --device cpu"):
        open_index(written(factory), "cuda")


def test_an_unknown_device_is_refused(written: Callable[[str], Path], tmp_path: Path) -> None:
    """A device is one of the table, or module:Class."""
    with pytest.raises(InvalidSetting, match="expected a device of cpu, cuda or module:Class, got 'tpu'"):
        open_index(written("Flat"), "tpu")
    with pytest.raises(InvalidSetting, match="expected a device of cpu, cuda, got 'tpu'"):
        write_index(ROWS, tmp_path, "Flat", "tpu", quiet)
    assert isinstance(open_index(written("Flat"), "engine.indexes.cpu:CpuIndex"), CpuIndex)


def test_files_that_do_not_belong_together_are_refused(written: Callable[[str], Path], tmp_path: Path) -> None:
    """An index of other rows, and a file that is none, are named."""
    write_index(ROWS[:2_500], tmp_path, "IVF32,Flat", "cpu", quiet)
    (tmp_path / ROWS_FILE).write_bytes((written("Flat") / ROWS_FILE).read_bytes())
    with pytest.raises(CorruptSnapshot, match=f"{INDEX_FILE}: expected 3000 rows of 64 values, got 2500 of 64"):
        CpuIndex(tmp_path)
    (tmp_path / INDEX_FILE).write_bytes(b"no index")
    with pytest.raises(CorruptSnapshot, match=f"{INDEX_FILE}: expected a FAISS index"):
        CpuIndex(tmp_path)


def test_the_oracle_is_what_sorting_every_product_gives() -> None:
    """Blocks of rows, and fewer rows than k, change nothing: best first, the lower row first among equals."""
    rows = np.array([[1, 0], [0, 1], [1, 0], [0.5, 0]], np.float16)
    scores, ids = ExactIndex(rows, block_rows=3).search(np.array([[2, 1]], np.float32), 5)
    assert ids.tolist() == [[0, 2, 1, 3, -1]]
    assert scores.tolist() == [[2, 2, 1, 1, -np.inf]]


def test_weights_beyond_float16_do_not_matter(written: Callable[[str], Path]) -> None:
    """A device that computes in float16 is asked a unit vector; the scores are those of the query itself."""
    with opened(written("IVF32,PQ16x4fs"), "owned") as index:
        found = index.search(QUERIES * np.float32(1e6), 10, EXACT)
    assert_same((found[0] / np.float32(1e6), found[1]), ExactIndex(ROWS).search(QUERIES, 10))


def test_what_a_gpu_cannot_select_is_compared_exactly(written: Callable[[str], Path]) -> None:
    """k beyond the kernels' limit is answered by the CPU, at any point."""
    with opened(written("IVF32,PQ16x4fs"), "owned") as index:
        found = index.search(QUERIES[:3], MAX_K + 1, MIDDLE)
    assert_same(found, ExactIndex(ROWS).search(QUERIES[:3], MAX_K + 1))


class Gate:
    """A CPU index that notes who calls it with what, and waits until it is let on."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.open = Event()
        self.entered = Event()
        self.calls: list[tuple[int, int, int]] = []

    def search(self, queries: NDArray[np.float32], k: int, point: OperatingPoint) -> Found:
        """Search once the gate is open."""
        self.entered.set()
        assert self.open.wait(30)
        self.calls.append((get_ident(), len(queries), k))
        return self.index.search(queries, k, point)


@pytest.fixture
def owner() -> Iterator[DeviceThread]:
    """An owner of nothing in particular, closed afterwards."""
    owner = DeviceThread("tested")
    yield owner
    owner.close()


def wait_for(owner: DeviceThread, jobs: int) -> None:
    """Wait until so many jobs stand in the queue."""
    deadline = Event()
    for _ in range(3_000):
        if owner.waiting >= jobs:
            return
        deadline.wait(0.01)
    raise AssertionError(f"expected {jobs} waiting, got {owner.waiting}")


def test_searches_that_wait_are_answered_together(written: Callable[[str], Path], owner: DeviceThread) -> None:
    """What gathers while the device is busy becomes one call for each index, k and point, by one thread only."""
    gate = Gate(CpuIndex(written("IVF32,PQ16x4fs")))
    asked = [(place, 5 if place < 6 else 7) for place in range(9)]
    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(owner.search, gate, QUERIES[:1], 5, MIDDLE)
        assert gate.entered.wait(30)
        waiting = [pool.submit(owner.search, gate, QUERIES[place : place + 1], k, MIDDLE) for place, k in asked]
        wait_for(owner, len(asked))
        gate.open.set()
        answers = [future.result(30) for future in waiting]
        first.result(30)
    assert sorted((count, k) for _, count, k in gate.calls) == [(1, 5), (3, 7), (6, 5)]
    assert len({thread for thread, _, _ in gate.calls} | {get_ident()}) == 2
    for (place, k), found in zip(asked, answers, strict=True):
        assert_same(found, gate.index.search(QUERIES[place : place + 1], k, MIDDLE))


def test_a_batch_has_an_end(written: Callable[[str], Path], owner: DeviceThread) -> None:
    """No call is of more than MAX_BATCH queries, unless one caller asked so many."""
    gate = Gate(CpuIndex(written("Flat")))
    half = np.repeat(QUERIES[:1], MAX_BATCH // 2 + 1, axis=0)
    with ThreadPoolExecutor(4) as pool:
        first = pool.submit(owner.search, gate, QUERIES[:1], 3, EXACT)
        assert gate.entered.wait(30)
        waiting = [pool.submit(owner.search, gate, half, 3, EXACT) for _ in range(3)]
        wait_for(owner, 3)
        gate.open.set()
        assert {future.result(30)[1].shape for future in waiting} == {(len(half), 3)}
        first.result(30)
    assert sorted(count for _, count, _ in gate.calls) == [1, len(half), len(half), len(half)]


def test_errors_reach_those_who_asked_and_nobody_else(written: Callable[[str], Path], owner: DeviceThread) -> None:
    """A failed call is the caller's; the owner goes on."""
    index = CpuIndex(written("Flat"))

    def fail() -> None:
        raise InvalidSetting("as it should")

    with pytest.raises(InvalidSetting, match="as it should"):
        owner.call(fail)
    with pytest.raises(AssertionError):
        owner.search(index, QUERIES[:, :10], 5, EXACT)
    assert_same(owner.search(index, QUERIES, 5, EXACT), ExactIndex(ROWS).search(QUERIES, 5))


def test_calls_keep_their_place_in_the_queue(written: Callable[[str], Path], owner: DeviceThread) -> None:
    """A search asked before an index is freed is answered before it; one asked afterwards is refused."""
    index = CudaIndex(written("IVF32,PQ16x4fs"), Device(owner, lambda empty: empty))
    held, blocker = index._device_rows, Gate(CpuIndex(written("Flat")))
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(owner.search, blocker, QUERIES[:1], 5, EXACT)
        assert blocker.entered.wait(30)
        before = pool.submit(owner.search, held, QUERIES, 5, OperatingPoint(4, 1))
        wait_for(owner, 1)
        index.close()
        after = pool.submit(owner.search, held, QUERIES, 5, OperatingPoint(4, 1))
        wait_for(owner, 3)
        blocker.open.set()
        assert before.result(30)[1].shape == (40, 5)
        with pytest.raises(InvalidSetting, match="expected an open index, got one that was closed"):
            after.result(30)
        first.result(30)


def test_an_index_that_nobody_refers_to_is_freed_by_the_owner(
    written: Callable[[str], Path], owner: DeviceThread
) -> None:
    """No memory of the device stays behind, and only the owner's thread gives it back."""
    index = CudaIndex(written("Flat"), Device(owner, lambda empty: empty))
    held = index._device_rows
    assert held._index is not None
    del index
    gc.collect()
    owner.call(lambda: None)
    assert held._index is None


def test_a_device_without_room_says_how_much_is_needed(written: Callable[[str], Path], owner: DeviceThread) -> None:
    """What FAISS throws while rows are loaded becomes a sentence, and what was loaded is freed."""

    def full(empty: faiss.Index) -> faiss.Index:
        raise RuntimeError("out of memory")

    with pytest.raises(InvalidSetting, match="expected a device with room for 0 MiB of rows, got: out of memory"):
        CudaIndex(written("Flat"), Device(owner, full))


def test_a_closed_owner_answers_what_was_asked_and_no_more(written: Callable[[str], Path]) -> None:
    """Closing waits for the answers; whoever comes later is told, and does not wait for ever."""
    owner = DeviceThread("short-lived")
    index = CpuIndex(written("Flat"))
    assert owner.search(index, QUERIES, 5, EXACT)[1].shape == (40, 5)
    owner.close()
    owner.close()
    owner.post(lambda: None)
    with pytest.raises(InvalidSetting, match="expected an open device, got short-lived, which is closed"):
        owner.search(index, QUERIES, 5, EXACT)


@pytest.mark.gpu
def test_indexes_of_one_gpu_share_its_owner(written: Callable[[str], Path]) -> None:
    """Two indexes, one thread, one set of scratch memory."""
    assert gpu(0) is gpu(0)
    assert CudaIndex(written("Flat"))._device is CudaIndex(written("IVF32,Flat"))._device


@pytest.mark.parametrize(("factory", "device"), [("IFV32,Flat", "cpu"), ("auto", "tpu")])
def test_settings_are_refused_before_there_are_rows(factory: str, device: str) -> None:
    """A typo must not cost the embedding of a catalogue."""
    with pytest.raises(InvalidSetting, match="expected a"):
        check(factory, device)


def test_an_index_that_takes_no_rows_is_refused(tmp_path: Path) -> None:
    """FAISS's reason comes through as a setting that is wrong."""
    rows = to_unit(np.random.default_rng(1).normal(size=(64, 16)).astype(np.float32)).astype(np.float16)
    with pytest.raises(InvalidSetting, match="IDMap,Flat"):
        write_index(rows, tmp_path, "IDMap,Flat", "cpu", quiet)
