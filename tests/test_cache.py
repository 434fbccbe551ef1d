"""The embedding cache: what it keeps, for whom, and what it does with a file that is damaged or not its own."""

import hashlib
import logging
import multiprocessing
import os
import signal
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

from engine.encoders.embedding_cache import EmbeddingCache, Half, VectorSpace, vector_space
from engine.encoders.encoder import Fingerprint
from engine.errors import InvalidSetting

SPACE = VectorSpace("model", "preprocess", "text", 4)


def key(number: int) -> bytes:
    """The sha256 of a number."""
    return hashlib.sha256(str(number).encode()).digest()


def vector(number: int) -> Half:
    """A vector that tells which number it is of."""
    return np.array([number, 1, 2, 3], dtype=np.float16)


def fill(cache: EmbeddingCache, start: int, end: int, space: VectorSpace = SPACE) -> None:
    """Keep the vectors of some numbers."""
    cache.put(space, {key(number): vector(number) for number in range(start, end)})


def test_vectors_come_back(tmp_path: Path) -> None:
    """After closing and opening, more than a statement's worth of them at once, and only those that were kept."""
    with EmbeddingCache(tmp_path / "cache.db") as cache:
        assert cache.get(SPACE, [key(1)]) == {}
        fill(cache, 0, 1500)
    with EmbeddingCache(tmp_path / "cache.db") as cache:
        found = cache.get(SPACE, [key(number) for number in range(-5, 1500)])
        assert len(found) == 1500
        np.testing.assert_array_equal(found[key(7)], vector(7))
        assert found[key(7)].dtype == np.float16


def test_models_preprocessings_and_kinds_are_kept_apart(tmp_path: Path) -> None:
    """A vector is found only by what it was made with; one of another length is not found at all."""
    with EmbeddingCache(tmp_path / "cache.db") as cache:
        fill(cache, 0, 1)
        others = [
            VectorSpace("other", "preprocess", "text", 4),
            VectorSpace("model", "other", "text", 4),
            VectorSpace("model", "preprocess", "image", 4),
            VectorSpace("model", "preprocess", "text", 5),
        ]
        assert [cache.get(space, [key(0)]) for space in others] == [{}, {}, {}, {}]
        assert list(cache.get(SPACE, [key(0)])) == [key(0)]


def test_a_space_is_all_that_decides_a_vector() -> None:
    """Other weights, another tokenizer, preprocessing or dtype: another space."""
    base = {"architecture": "a", "weights_sha256": "w", "tokenizer_sha256": "t", "preprocess": {}}
    first = Fingerprint(**base, preprocess_sha256="p", dim=4, dtype="float32")  # type: ignore[arg-type]
    others = [
        Fingerprint(**{**base, "weights_sha256": "x"}, preprocess_sha256="p", dim=4, dtype="float32"),  # type: ignore[arg-type]
        Fingerprint(**{**base, "tokenizer_sha256": "x"}, preprocess_sha256="p", dim=4, dtype="float32"),  # type: ignore[arg-type]
        Fingerprint(**base, preprocess_sha256="x", dim=4, dtype="float32"),  # type: ignore[arg-type]
        Fingerprint(**base, preprocess_sha256="p", dim=4, dtype="bfloat16"),  # type: ignore[arg-type]
    ]
    spaces = {vector_space(fingerprint, kind) for fingerprint in (first, *others) for kind in ("text", "image")}
    assert len(spaces) == 10
    assert vector_space(first, "text").dim == 4


def test_threads_share_a_cache(tmp_path: Path) -> None:
    """Eight threads that write and read at once find all that they wrote."""
    with EmbeddingCache(tmp_path / "cache.db") as cache:
        missing: list[int] = []

        def work(start: int) -> None:
            for number in range(start, start + 20):
                fill(cache, number, number + 1)
                if key(number) not in cache.get(SPACE, [key(number)]):
                    missing.append(number)

        threads = [threading.Thread(target=work, args=(100 * n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert missing == []


def write_many(path: Path, start: int) -> None:
    """Fill a cache in many small steps, as another process does."""
    with EmbeddingCache(path) as cache:
        for number in range(start, start + 50):
            fill(cache, number, number + 1)


def test_two_builds_at_once_do_not_break_each_other(tmp_path: Path) -> None:
    """Processes that open one new file at the same moment and write to it lose nothing."""
    path = tmp_path / "cache.db"
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=write_many, args=(path, 1000 * n)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    with EmbeddingCache(path) as cache:
        assert len(cache.get(SPACE, [key(1000 * n + m) for n in range(2) for m in range(50)])) == 100


def open_anew(folder: Path, barrier: "multiprocessing.synchronize.Barrier") -> None:
    """Open one new cache after the other, each in the same moment as other processes do."""
    for number in range(40):
        barrier.wait(60)
        EmbeddingCache(folder / f"{number}.db").close()


def test_a_new_file_is_opened_by_many_at_once(tmp_path: Path) -> None:
    """Nobody finds it locked while another prepares it."""
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    processes = [context.Process(target=open_anew, args=(tmp_path, barrier)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]


def write_for_ever(path: Path, started: "multiprocessing.synchronize.Event") -> None:
    """Fill a cache until killed."""
    with EmbeddingCache(path) as cache:
        for number in range(1_000_000):
            fill(cache, 100 * number, 100 * number + 100)
            if number == 3:
                started.set()


def test_a_killed_build_leaves_whole_batches(tmp_path: Path) -> None:
    """After kill -9 each batch is there with right vectors, or not at all."""
    path = tmp_path / "cache.db"
    context = multiprocessing.get_context("spawn")
    started = context.Event()
    process = context.Process(target=write_for_ever, args=(path, started))
    process.start()
    assert started.wait(60)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with EmbeddingCache(path) as cache:
        batch = 0
        while found := cache.get(SPACE, [key(number) for number in range(100 * batch, 100 * batch + 100)]):
            assert len(found) == 100
            for number in range(100 * batch, 100 * batch + 100):
                np.testing.assert_array_equal(found[key(number)], vector(number))
            batch += 1
        assert batch >= 4


@pytest.mark.parametrize("content", [b"my notes\n", b"SQLite format 4\0 and so on"])
def test_a_file_that_is_no_cache_is_not_touched(tmp_path: Path, content: bytes) -> None:
    """It is refused by name and stays as it is."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(InvalidSetting, match=r"expected an embedding cache, got another kind of file: .*notes\.txt"):
        EmbeddingCache(path)
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_another_database_is_not_touched(tmp_path: Path) -> None:
    """Somebody's own SQLite file is refused and stays as it is, journal mode and all."""
    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE orders (id)")
    connection.close()
    content = path.read_bytes()
    with pytest.raises(InvalidSetting, match="got another SQLite database"):
        EmbeddingCache(path)
    assert path.read_bytes() == content


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting, match="cannot open the embedding cache"):
        EmbeddingCache(tmp_path / "no" / "cache.db")
    with pytest.raises(InvalidSetting, match="cannot open the embedding cache .*Is a directory"):
        EmbeddingCache(tmp_path)


def test_a_damaged_cache_is_set_aside_when_opened(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A cache whose first page is broken is renamed with a warning, and an empty one begun."""
    path = tmp_path / "cache.db"
    with EmbeddingCache(path) as cache:
        fill(cache, 0, 10)
    content = bytearray(path.read_bytes())
    content[16:4096] = b"\xff" * 4080
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING), EmbeddingCache(path) as cache:
        assert cache.get(SPACE, [key(1)]) == {}
        fill(cache, 0, 1)
        assert len(cache.get(SPACE, [key(0)])) == 1
    assert "cache.db is damaged" in caplog.text
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes() == bytes(content)


def test_a_damaged_cache_is_set_aside_when_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Damage that shows only behind the first pages costs the vectors, not the build."""
    path = tmp_path / "cache.db"
    with EmbeddingCache(path) as cache:
        fill(cache, 0, 2000)
    content = bytearray(path.read_bytes())
    for page in range(3 * 4096, len(content), 4096):
        content[page : page + 200] = b"\xff" * 200
    path.write_bytes(content)
    with caplog.at_level(logging.WARNING), EmbeddingCache(path) as cache:
        assert cache.get(SPACE, [key(number) for number in range(2000)]) == {}
        fill(cache, 0, 3)
        assert len(cache.get(SPACE, [key(number) for number in range(2000)])) == 3
    assert "is damaged" in caplog.text


def test_a_cache_that_cannot_be_written_costs_one_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """As on a full disk: the build goes on without keeping anything."""
    with EmbeddingCache(tmp_path / "cache.db") as cache:
        fill(cache, 0, 1)
        cache._connection.execute("PRAGMA max_page_count = 1")
        with caplog.at_level(logging.WARNING):
            fill(cache, 1, 500)
            fill(cache, 500, 1000)
        assert list(cache.get(SPACE, [key(0), key(1), key(500)])) == [key(0)]
    assert caplog.text.count("not written: database or disk is full") == 1
