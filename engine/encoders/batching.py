"""One encoder for many callers at once: what they ask at the same time is encoded together, and nothing twice.

A model takes little longer for eight texts than for one, and a shop's visitors ask for the same things. Whoever comes
while a batch is encoded waits for it and goes into the next one, so nobody waits for company that is not there.
"""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.encoders.encoder import Encoder, Fingerprint
from engine.errors import InvalidSetting

Matrix = NDArray[np.float32]
Row = NDArray[np.float32]
Content = TypeVar("Content")

# What a row costs beside its numbers: the array's head, the key and the dictionary's place for it.
ROW_OVERHEAD = 256


class BatchObserver(Protocol):
    """What is told of batches and lookups; it is called by many threads."""

    def encoded(self, kind: str, size: int) -> None:
        """Take note of one batch of "text" or "image" that went through the model."""

    def looked_up(self, kind: str, hits: int, misses: int) -> None:
        """Take note of contents whose vectors were there, and of those whose vectors were not."""


class CachedVectors:
    """The rows used last, by the hash of their content, within a number of bytes. Not safe for threads by itself."""

    def __init__(self, size_bytes: int) -> None:
        self.size_bytes = size_bytes
        self.used_bytes = 0
        self._rows: OrderedDict[bytes, Row] = OrderedDict()

    def get(self, key: bytes) -> Row | None:
        """Return the row, which then is the last one to go; None if it is not kept."""
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
        return row

    def put(self, key: bytes, row: Row) -> None:
        """Keep a row, and drop those not used for longest until all fit."""
        if key in self._rows or _cost(row) > self.size_bytes:
            return
        self._rows[key] = row
        self.used_bytes += _cost(row)
        while self.used_bytes > self.size_bytes:
            _, gone = self._rows.popitem(last=False)
            self.used_bytes -= _cost(gone)


class BatchingEncoder:
    """An encoder that many threads may call at once; it answers with the rows of the one behind it."""

    def __init__(
        self,
        encoder: Encoder,
        max_batch: int = 32,
        max_wait_ms: float = 2.0,
        cache_bytes: int = 64 * 2**20,
        watch: BatchObserver | None = None,
    ) -> None:
        """Stand before the encoder.

        max_batch: the most contents that go through the model at once. max_wait_ms: how long a batch may wait for
        those who were in the last one; a lone caller waits for nobody. cache_bytes: for the rows kept, 0 keeps none.
        Raises InvalidSetting for numbers below 1 or 0.
        """
        if max_batch < 1 or max_wait_ms < 0 or cache_bytes < 0:
            raise InvalidSetting(
                "expected max_batch of at least 1, max_wait_ms and cache_bytes of at least 0, "
                f"got {max_batch}, {max_wait_ms} and {cache_bytes}"
            )
        self.encoder = encoder
        self._lock = threading.Lock()
        self._rows = CachedVectors(cache_bytes)
        self._texts: _Lane[str] = _Lane(self, "text", encoder.encode_texts, max_batch, max_wait_ms, watch)
        self._images: _Lane[Image.Image] = _Lane(self, "image", encoder.encode_images, max_batch, max_wait_ms, watch)

    @property
    def fingerprint(self) -> Fingerprint:
        """What the encoder behind it is."""
        return self.encoder.fingerprint

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        return self.encoder.dim

    def encode_texts(self, texts: Sequence[str]) -> Matrix:
        """Return (n, dim) unit rows, one a text, in order. Raises what the encoder raises for these texts alone."""
        keys = [hashlib.sha256(b"text" + text.encode("utf-8", "surrogatepass")).digest() for text in texts]
        return self._texts.encode(keys, texts, [len(text) for text in texts])

    def encode_images(self, images: Sequence[Image.Image]) -> Matrix:
        """Return (n, dim) unit rows, one a picture, in order. Raises what the encoder raises for these alone."""
        return self._images.encode([_image_key(image) for image in images], images, [0] * len(images))

    def kept(self, key: bytes) -> Row | None:
        """Return the row kept for a content."""
        with self._lock:
            return self._rows.get(key)

    def keep(self, key: bytes, row: Row) -> None:
        """Keep the row of a content."""
        with self._lock:
            self._rows.put(key, row)


class _Entry(Generic[Content]):
    """One content that is waited for, by one caller or several; it ends with a row or an error."""

    __slots__ = ("callers", "content", "done", "error", "key", "length", "row")

    def __init__(self, key: bytes, content: Content, length: int) -> None:
        self.key = key
        self.content = content
        self.length = length
        self.callers: set[int] = set()
        self.done = False
        self.row: Row | None = None
        self.error: BaseException | None = None


class _Lane(Generic[Content]):
    """The texts, or the pictures, of all callers. One of those who wait encodes a batch for all; then the next does."""

    def __init__(
        self,
        owner: BatchingEncoder,
        kind: str,
        encode: Callable[[Sequence[Content]], Matrix],
        max_batch: int,
        max_wait_ms: float,
        watch: BatchObserver | None,
    ) -> None:
        self._owner = owner
        self._kind = kind
        self._model = encode
        self._max_batch = max_batch
        self._max_wait_s = max_wait_ms / 1000
        self._watch = watch
        self._changed = threading.Condition()
        self._queue: list[_Entry[Content]] = []
        self._in_flight: dict[bytes, _Entry[Content]] = {}
        self._calls = 0
        self._led = False
        self._gathering = False
        # How many callers the last batch answered, and when: so many may be back in a moment.
        self._company = 0
        self._ended = 0.0

    def encode(self, keys: Sequence[bytes], contents: Sequence[Content], lengths: Sequence[int]) -> Matrix:
        """Return the row of each content: kept, already asked for by another caller, or encoded now."""
        rows = np.zeros((len(contents), self._owner.dim), np.float32)
        missing = []
        for place, key in enumerate(keys):
            row = self._owner.kept(key)
            if row is None:
                missing.append(place)
            else:
                rows[place] = row
        if self._watch is not None and contents:
            self._watch.looked_up(self._kind, len(contents) - len(missing), len(missing))
        if not missing:
            return rows
        entries = self._ask([(keys[place], contents[place], lengths[place]) for place in missing])
        self._wait_for(list(entries.values()))
        for place in missing:
            entry = entries[keys[place]]
            if entry.row is None:
                raise entry.error or RuntimeError("expected a row or an error, got neither")
            rows[place] = entry.row
        return rows

    def _ask(self, wanted: Sequence[tuple[bytes, Content, int]]) -> dict[bytes, _Entry[Content]]:
        entries: dict[bytes, _Entry[Content]] = {}
        with self._changed:
            self._calls += 1
            for key, content, length in wanted:
                if key in entries:
                    continue
                entry = self._in_flight.get(key)
                if entry is None:
                    entry = self._in_flight[key] = _Entry(key, content, length)
                    self._queue.append(entry)
                entry.callers.add(self._calls)
                entries[key] = entry
            if self._gathering:
                self._changed.notify_all()
        return entries

    def _wait_for(self, entries: Sequence[_Entry[Content]]) -> None:
        """Wait until all are done; encode batches, one's own and others', whenever nobody else does."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: not self._led or all(entry.done for entry in entries))
                if all(entry.done for entry in entries):
                    return
                self._led = True
            batch: list[_Entry[Content]] = []
            try:
                batch = self._gather()
                self._encode(batch)
            finally:
                self._finish(batch)

    def _gather(self) -> list[_Entry[Content]]:
        """Take the next batch: the one that waits longest, and those most like it in length."""
        with self._changed:
            if time.monotonic() - self._ended < self._max_wait_s and self._company > 1:
                self._gathering = True
                self._changed.wait_for(self._is_complete, self._max_wait_s)
                self._gathering = False
            oldest = self._queue[0]
            alike = sorted(self._queue, key=lambda entry: abs(entry.length - oldest.length))
            batch = alike[: self._max_batch]
            taken = set(map(id, batch))
            self._queue = [entry for entry in self._queue if id(entry) not in taken]
            return batch

    def _is_complete(self) -> bool:
        return len(self._queue) >= self._max_batch or _callers(self._queue) >= self._company

    def _encode(self, batch: Sequence[_Entry[Content]]) -> None:
        try:
            rows = self._model([entry.content for entry in batch])
        except Exception as error:  # noqa: BLE001 - whatever the model raises is raised where it was asked for
            if len(batch) == 1:
                batch[0].error = error
                return
            # One of them is to blame: each by itself, so that the others are answered.
            for entry in batch:
                self._encode([entry])
            return
        for entry, row in zip(batch, rows, strict=True):
            # A copy: a kept row must not hold the whole batch.
            entry.row = row.copy()
            self._owner.keep(entry.key, entry.row)
        if self._watch is not None:
            self._watch.encoded(self._kind, len(batch))

    def _finish(self, batch: Sequence[_Entry[Content]]) -> None:
        """Let those who wait go on, whatever became of the batch."""
        with self._changed:
            for entry in batch:
                if entry.row is None and entry.error is None:
                    entry.error = RuntimeError("the caller that encoded this was interrupted")
                entry.done = True
                del self._in_flight[entry.key]
            self._company = _callers(batch)
            self._ended = time.monotonic()
            self._led = self._gathering = False
            self._changed.notify_all()


def _image_key(image: Image.Image) -> bytes:
    hashed = hashlib.sha256(f"image {image.mode} {image.size} ".encode())
    hashed.update(image.tobytes())
    if image.mode == "P":
        hashed.update(bytes(image.getpalette() or ()))
    return hashed.digest()


def _callers(entries: Sequence[_Entry[Content]]) -> int:
    """Return how many calls wait for any of these."""
    return len(set().union(*(entry.callers for entry in entries)))


def _cost(row: Row) -> int:
    return int(row.nbytes) + ROW_OVERHEAD
