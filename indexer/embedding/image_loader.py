"""Load product images from files or bytes to pixels, read and decoded in threads ahead of the consumer."""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.encoders.images import BUILD_LIMITS, decode
from engine.errors import BadImage
from indexer.catalog.archived_image import ArchivedImage
from indexer.catalog.product import ImageSource, Product, Reject

ROWS_AHEAD = 4096
# Decoded pixels held at a time: 128 million are 384 MB.
PIXELS_AHEAD = 128_000_000
_MIN_EXPECTED_PIXELS = 1_000_000


def read_image(image: ImageSource) -> bytes:
    """Return an image's bytes. Raises BadImage if its file is missing, a folder or unreadable."""
    if isinstance(image, bytes):
        return image
    if isinstance(image, ArchivedImage):
        return image.read()
    try:
        # One byte more than allowed makes decode reject it, whatever the file's size.
        with open(image, "rb") as file:
            return file.read(BUILD_LIMITS.bytes + 1)
    except FileNotFoundError:
        raise BadImage(f"image not found: {image.name!r}") from None
    except IsADirectoryError:
        raise BadImage(f"image is a folder: {image.name!r}") from None
    except OSError as error:
        raise BadImage(f"image cannot be read: {image.name!r}: {error.strerror}") from error


def decode_image(data: bytes, image: ImageSource) -> Image.Image:
    """Return the decoded image. Raises BadImage naming the file that the bytes came from."""
    try:
        return decode(data, BUILD_LIMITS)
    except BadImage as error:
        name = "in the row" if isinstance(image, bytes) else repr(image.name)
        raise BadImage(f"bad image {name}: {error}") from error


def readable_images(images: Iterable[ImageSource]) -> Iterator[Image.Image]:
    """Yield the images that can be read, decoded; embedding reports the others."""
    for image in images:
        with suppress(BadImage):
            yield decode_image(read_image(image), image)


@dataclass(frozen=True, slots=True)
class LoadedImage:
    """An image of a row.

    Attributes:
        content: sha256 of its bytes.
        vector: The cached vector, or None.
        pixels: The decoded image, or None if there is a vector.
    """

    content: bytes
    vector: NDArray[np.float16] | None
    pixels: Image.Image | None

    @property
    def size(self) -> int:
        """Number of pixels in memory."""
        return self.pixels.width * self.pixels.height if self.pixels else 0


class LoadedRow(NamedTuple):
    """The images of a row that can be read, and why the others cannot."""

    images: list[LoadedImage]
    faults: list[str]


NOTHING_LOADED = LoadedRow([], [])


def load_ahead(
    entries: Iterable[Product | Reject], load: Callable[[Product], LoadedRow], threads: int | None = None
) -> Iterator[tuple[Product | Reject, LoadedRow]]:
    """Yield every entry in order, with its images and the reasons why others of them are bad.

    `load` runs in threads, also for the following products, as far as PIXELS_AHEAD and ROWS_AHEAD allow. A row with its
    own "image" vector is not loaded.
    """
    threads = threads or min(8, os.cpu_count() or 1)
    waiting: deque[tuple[Product | Reject, Future[LoadedRow] | None]] = deque()
    loading = 0
    # The most pixels of a recent row decide how far ahead to load. Before the first: those of a large photo.
    largest = PIXELS_AHEAD // 10
    executor = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for entry in _with_end(entries):
            if isinstance(entry, Product) and entry.images and "image" not in entry.vectors:
                waiting.append((entry, executor.submit(load, entry)))
                loading += 1
            elif entry is not None:
                waiting.append((entry, None))
            ahead = max(threads, PIXELS_AHEAD // max(largest, _MIN_EXPECTED_PIXELS))
            while waiting:
                oldest, future = waiting[0]
                # A ready row waits too, so that there are always images to load while the model runs.
                if not (future is None or loading > ahead or len(waiting) > ROWS_AHEAD or entry is None):
                    break
                waiting.popleft()
                loaded = NOTHING_LOADED
                if future is not None:
                    loading -= 1
                    loaded = future.result()
                    # Decays slowly, so that one huge image does not slow down all that follow.
                    largest = max(sum(image.size for image in loaded.images), largest * 7 // 8)
                yield oldest, loaded
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _with_end(entries: Iterable[Product | Reject]) -> Iterator[Product | Reject | None]:
    yield from entries
    yield None
