"""What many callers of one encoder get: their own rows, together, once, and only their own errors."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from engine.encoders.batching import ROW_OVERHEAD, BatchingEncoder, CachedVectors
from engine.encoders.encoder import Fingerprint, digest
from engine.errors import InvalidSetting

DIM = 26


class Letters:
    """Counts letters. It keeps what it was asked in one go, waits at a gate, and cannot read a question mark."""

    dim = DIM
    fingerprint = Fingerprint("letters", "-", "-", {}, digest({}), DIM, "float32")

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.sizes: list[int] = []
        self.gate = threading.Event()
        self.gate.set()
        self.busy = threading.Event()

    def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Keep the batch, wait for the gate, count."""
        self.batches.append(list(texts))
        self.busy.set()
        assert self.gate.wait(10)
        if any("?" in text for text in texts):
            raise ValueError("expected letters, got ?")
        return self.rows(texts)

    def encode_images(self, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Return the mean of each band."""
        self.sizes.append(len(images))
        rows = np.zeros((len(images), DIM), np.float32)
        for row, image in zip(rows, images, strict=True):
            row[: len(image.getbands())] = np.asarray(image, np.float32).mean(axis=(0, 1)) + 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def rows(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return what the texts' rows are."""
        rows = np.full((len(texts), DIM), 0.1, np.float32)
        for row, text in zip(rows, texts, strict=True):
            for letter in text:
                row[ord(letter) % DIM] += 1
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


class Counts:
    """Keeps what a batching encoder tells."""

    def __init__(self) -> None:
        self.sizes: list[tuple[str, int]] = []
        self.lookups: list[tuple[str, int, int]] = []

    def encoded(self, kind: str, size: int) -> None:
        """Keep a batch's size."""
        self.sizes.append((kind, size))

    def looked_up(self, kind: str, hits: int, misses: int) -> None:
        """Keep a lookup."""
        self.lookups.append((kind, hits, misses))


@pytest.fixture
def letters() -> Letters:
    return Letters()


def ask_behind_closed_gate(
    encoder: BatchingEncoder, letters: Letters, asked: Sequence[Sequence[str]]
) -> list[Future[NDArray[np.float32]]]:
    """Hold the model with a first text, let all others queue, then open; return what each got, the first one's too."""
    letters.gate.clear()
    lane = encoder._texts
    with ThreadPoolExecutor(len(asked) + 1) as pool:
        futures = [pool.submit(encoder.encode_texts, ["first"])]
        assert letters.busy.wait(10)
        for texts in asked:
            before = lane._call_count
            futures.append(pool.submit(encoder.encode_texts, texts))
            while lane._call_count == before:
                threading.Event().wait(0.001)
        letters.gate.set()
    return futures


def test_what_waits_is_encoded_together(letters: Letters) -> None:
    """Callers that come while the model is busy share the next batch, and each gets its own rows."""
    encoder = BatchingEncoder(letters)
    asked = [["red"], ["blue", "shoe"], ["lamp"]]
    futures = ask_behind_closed_gate(encoder, letters, asked)
    assert [sorted(batch) for batch in letters.batches] == [["first"], ["blue", "lamp", "red", "shoe"]]
    for texts, future in zip([["first"], *asked], futures, strict=True):
        np.testing.assert_array_equal(future.result(), letters.rows(texts))


def test_no_batch_is_larger_than_allowed_and_likes_go_together(letters: Letters) -> None:
    """The one that waits longest takes those of about its length along."""
    encoder = BatchingEncoder(letters, max_batch=2)
    ask_behind_closed_gate(encoder, letters, [["aa"], ["b" * 50], ["ccc"], ["d" * 60]])
    assert letters.batches == [["first"], ["aa", "ccc"], ["b" * 50, "d" * 60]]


def test_one_caller_with_many_texts_gets_them_in_order(letters: Letters) -> None:
    """More than a batch holds, equal ones among them, come back as they were asked for."""
    encoder = BatchingEncoder(letters, max_batch=3, cache_bytes=0)
    texts = ["a", "bb", "a", "ccc", "dddd", "bb", "eeeee", ""]
    np.testing.assert_array_equal(encoder.encode_texts(texts), letters.rows(texts))
    assert [len(batch) for batch in letters.batches] == [3, 3]
    assert encoder.encode_texts([]).shape == encoder.encode_images([]).shape == (0, DIM)


def test_an_error_reaches_only_whose_text_it_is(letters: Letters) -> None:
    """One text that the model refuses fails its own caller; its neighbours in the batch are answered."""
    encoder = BatchingEncoder(letters)
    futures = ask_behind_closed_gate(encoder, letters, [["red"], ["why?", "blue"], ["lamp"]])
    with pytest.raises(ValueError, match="expected letters"):
        futures[2].result()
    np.testing.assert_array_equal(futures[1].result(), letters.rows(["red"]))
    np.testing.assert_array_equal(futures[3].result(), letters.rows(["lamp"]))
    with pytest.raises(ValueError, match="expected letters"):
        encoder.encode_texts(["why?"])
    np.testing.assert_array_equal(encoder.encode_texts(["blue"]), letters.rows(["blue"]))


def test_equal_texts_in_flight_are_encoded_once(letters: Letters) -> None:
    """Those who ask for what is being encoded, or waits to be, wait for the same row; with no cache too."""
    encoder = BatchingEncoder(letters, cache_bytes=0)
    futures = ask_behind_closed_gate(encoder, letters, [["first"], ["red"], ["red"], ["red", "first"]])
    assert letters.batches == [["first"], ["red"]]
    np.testing.assert_array_equal(futures[4].result(), letters.rows(["red", "first"]))
    encoder.encode_texts(["red"])
    assert letters.batches[-1] == ["red"]
    assert len(letters.batches) == 3


def test_a_lone_caller_waits_for_nobody(letters: Letters) -> None:
    """With a wait of a second, one caller after another is answered at once, whoever was there a while ago."""
    encoder = BatchingEncoder(letters, max_wait_ms=1000, cache_bytes=0)
    waits: list[float | None] = []
    condition = encoder._texts._changed
    wait_for = condition.wait_for

    def noting(predicate: Callable[[], bool], timeout: float | None = None) -> bool:
        waits.append(timeout)
        return wait_for(predicate, timeout)

    condition.wait_for = noting  # type: ignore[method-assign]
    for _ in range(3):
        encoder.encode_texts(["red", "blue"])
    assert waits == [None] * 6
    encoder._texts._last_callers, encoder._texts._last_end = 4, encoder._texts._last_end - 1.5
    encoder.encode_texts(["red"])
    assert waits == [None] * 8


def test_a_batch_waits_for_those_who_were_in_the_last_one(letters: Letters) -> None:
    """Callers that ask again and again stay together: as many rounds, as many batches."""
    encoder = BatchingEncoder(letters, max_wait_ms=1000, cache_bytes=0)
    ask_behind_closed_gate(encoder, letters, [["a"], ["b"], ["c"]])
    together = threading.Barrier(3)

    def ask_again(letter: str) -> None:
        for n in range(5):
            together.wait(10)
            encoder.encode_texts([letter * (n + 2)])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(ask_again, "abc"))
    assert [len(batch) for batch in letters.batches] == [1, 3] + [3] * 5


def test_what_was_asked_before_is_not_encoded_again(letters: Letters) -> None:
    """The cache knows a text exactly, and a picture by its pixels; the rows given away are nobody else's."""
    counts = Counts()
    encoder = BatchingEncoder(letters, observer=counts)
    first = encoder.encode_texts(["red shoe", "Red shoe"])
    first[:] = 0
    again = encoder.encode_texts(["Red shoe", "red  shoe", "red shoe"])
    np.testing.assert_array_equal(again, letters.rows(["Red shoe", "red  shoe", "red shoe"]))
    assert letters.batches == [["red shoe", "Red shoe"], ["red  shoe"]]
    red, wide = Image.new("RGB", (4, 2), "red"), Image.new("RGB", (2, 4), "red")
    encoder.encode_images([red, wide])
    np.testing.assert_array_equal(encoder.encode_images([red.copy(), wide]), letters.encode_images([red, wide]))
    assert letters.sizes == [2, 2]
    assert counts.sizes == [("text", 2), ("text", 1), ("image", 2)]
    assert counts.lookups == [("text", 0, 2), ("text", 2, 1), ("image", 0, 2), ("image", 2, 0)]


def test_a_text_that_no_encoding_holds_has_a_key(letters: Letters) -> None:
    """A lone surrogate is left to the model to judge."""
    encoder = BatchingEncoder(letters)
    np.testing.assert_array_equal(encoder.encode_texts(["\ud800"]), letters.rows(["\ud800"]))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 40)), max_size=60), st.integers(0, 3000))
@settings(max_examples=100, deadline=None)
def test_the_cache_keeps_within_its_bytes_what_was_used_last(uses: list[tuple[int, int]], size_bytes: int) -> None:
    """Against a plain list, the last used first: whatever is kept is the longest such list that fits."""
    rows = CachedVectors(size_bytes)
    lengths: dict[int, int] = {}
    recent: list[int] = []
    for name, length in uses:
        key = bytes([name])
        assert (rows.get(key) is not None) == (name in recent)
        if name not in recent:
            lengths[name] = length
            rows.put(key, np.zeros(length, np.float32))
        if 4 * lengths[name] + ROW_OVERHEAD > size_bytes:
            continue
        recent = [name, *(other for other in recent if other != name)]
        while sum(4 * lengths[kept] + ROW_OVERHEAD for kept in recent) > size_bytes:
            recent.pop()
        assert rows.used_bytes == sum(4 * lengths[kept] + ROW_OVERHEAD for kept in recent)
    assert rows.used_bytes <= size_bytes


def test_many_threads_get_what_one_would(letters: Letters) -> None:
    """Sixteen callers over a few texts, a small cache and small batches: every row is right, and no thread hangs."""
    encoder = BatchingEncoder(letters, max_batch=4, max_wait_ms=0.5, cache_bytes=5 * (4 * DIM + ROW_OVERHEAD))

    def ask(seed: int) -> None:
        drawn = np.random.default_rng(seed)
        for _ in range(50):
            texts = ["shoe"[: int(n)] * int(m) for n, m in drawn.integers(1, 5, (int(drawn.integers(1, 4)), 2))]
            np.testing.assert_array_equal(encoder.encode_texts(texts), letters.rows(texts))

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(ask, range(16)))
    assert max(len(batch) for batch in letters.batches) <= 4
    assert not encoder._texts._queue
    assert not encoder._texts._in_flight


def test_an_interrupted_leader_leaves_nobody_waiting(letters: Letters) -> None:
    """If the thread that encodes for others is stopped in the middle, they are told, and the next call is answered."""

    class Interrupted(Letters):
        def encode_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
            rows = super().encode_texts(texts)
            if "stop" in texts:
                raise KeyboardInterrupt
            return rows

    model = Interrupted()
    encoder = BatchingEncoder(model)
    with pytest.raises(KeyboardInterrupt):
        encoder.encode_texts(["stop"])
    np.testing.assert_array_equal(encoder.encode_texts(["red"]), model.rows(["red"]))


def test_it_is_the_encoder_behind_it(letters: Letters) -> None:
    """Its fingerprint and dimension are the other's; numbers with no meaning are refused."""
    encoder = BatchingEncoder(letters)
    assert (encoder.fingerprint, encoder.dim, encoder.encoder) == (letters.fingerprint, DIM, letters)
    for wrong in ({"max_batch": 0}, {"max_wait_ms": -1.0}, {"cache_bytes": -1}):
        with pytest.raises(InvalidSetting, match="expected max_batch of at least 1"):
            BatchingEncoder(letters, **wrong)  # type: ignore[arg-type]
