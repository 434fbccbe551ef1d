"""From products to unit vectors: pictures decoded ahead of the model, batches, and nothing embedded twice.

A row passes through here as a slot: it waits for its vectors, from itself, from the cache or from the model, and leaves
in the catalogue's order once it has them all. Vectors are rounded to float16 before anything is made of them,
so that a rebuild from the cache gives the same bits as the build that filled it.
"""

from array import array
from collections import deque
from collections.abc import Callable, Iterable, Mapping

import numpy as np
from PIL import Image

from engine.catalog.coercion import JSON
from engine.encoders.embedding_cache import EmbeddingCache, Half
from engine.encoders.embedding_pipeline import Content, content_key, image_embedder, text_embedder
from engine.encoders.encoder import Encoder
from engine.errors import InvalidSetting
from indexer.catalog.product import Product, Reject
from indexer.embedding.embedded_rows import EmbeddedRows, GrowingBlock
from indexer.embedding.image_loader import (
    PIXELS_AHEAD,
    ROWS_AHEAD,
    LoadedImage,
    decode_picture,
    load_ahead,
    read_picture,
)
from indexer.embedding.slots import ContentQueue, RowSlot

Progress = Callable[[str, int, int | None], None]

BATCH = 64
# Several batches go to the encoder at once: it puts texts of one length together, and prepares the next pictures.
_TEXT_BATCHES = 16
_IMAGE_BATCHES = 2
_REPORT_EVERY = 256


def no_progress(stage: str, done: int, total: int | None) -> None:
    """Report nothing."""


def embed(
    entries: Iterable[Product | Reject],
    encoder: Encoder | None = None,
    cache: EmbeddingCache | None = None,
    progress: Progress = no_progress,
    batch: int = BATCH,
    threads: int | None = None,
    text_encoder: Encoder | None = None,
) -> EmbeddedRows:
    """Return all products that have something to embed, and every reject, both in the catalogue's order.

    A row's own vectors are taken as they are, at length 1. A row of several pictures gets the unit mean of their
    vectors; if one of them is bad the row is rejected, since a product half shown is a product wrongly found. A row
    without text has no text block; one with nothing at all is rejected, and so is one whose vector has another length
    than the block's first. `text_encoder` makes the text block, if there is one; else `encoder` does.
    Raises InvalidSetting if a row needs an encoder and there is none, and whatever `entries` raises.
    """
    rows = _RowQueue(encoder, text_encoder or encoder, cache, batch)
    progress("embed", 0, None)
    load = _ImageQueue(encoder, cache)
    for number, (entry, loaded) in enumerate(load_ahead(entries, load, threads), start=1):
        rows.add(entry, loaded)
        if number % _REPORT_EVERY == 0:
            progress("embed", rows.done, None)
    embedded = rows.finish()
    progress("embed", rows.done, rows.done)
    return embedded


def _without_encoder(product: Product, what: str, instead: str) -> InvalidSetting:
    return InvalidSetting(
        f"expected a model, since line {product.line} ({product.item_id!r}) has {what} to embed, got none: "
        f"pass --model, or bring {instead}"
    )


class _ImageQueue:
    """Turns the pictures of a product into cached vectors or pixels; called in threads."""

    def __init__(self, encoder: Encoder | None, cache: EmbeddingCache | None) -> None:
        self._images = image_embedder(encoder, cache) if encoder else None

    def __call__(self, product: Product) -> list[LoadedImage]:
        if self._images is None:
            raise _without_encoder(product, "an image", "an image_vector column")
        pictures = []
        for image in product.images:
            data = read_picture(image)
            content = content_key(data)
            vector = self._images.look_up([content]).get(content)
            pictures.append(LoadedImage(content, vector, decode_picture(data, image) if vector is None else None))
        return pictures


class _RowQueue:
    """Rows on their way to Embedded."""

    def __init__(
        self, image_encoder: Encoder | None, text_encoder: Encoder | None, cache: EmbeddingCache | None, batch: int
    ) -> None:
        self._image_embedder = image_embedder(image_encoder, cache) if image_encoder else None
        self._text_embedder = text_embedder(text_encoder, cache) if text_encoder else None
        self._is_cached = cache is not None
        self._image_batch = batch * _IMAGE_BATCHES
        self._text_batch = batch * _TEXT_BATCHES
        self._unknown = ContentQueue[str]("text")
        self._texts = ContentQueue[str]("text")
        self._images = ContentQueue[Image.Image]("image")
        self._image_pixels = 0
        self._waiting: deque[RowSlot | Reject] = deque()
        self._item_ids: list[str] = []
        self._payloads: list[dict[str, JSON]] = []
        self._words: list[str] = []
        self._blocks: dict[str, GrowingBlock] = {}
        self._signals: dict[str, array[float]] = {}
        self._rejects: list[Reject] = []

    @property
    def done(self) -> int:
        """How many rows have left, one way or the other."""
        return len(self._item_ids) + len(self._rejects)

    def add(self, entry: Product | Reject, loaded: list[LoadedImage] | str) -> None:
        """Take the next row; encode when a batch is full, let go of the rows that are complete."""
        if isinstance(entry, Reject):
            self._waiting.append(entry)
        elif isinstance(loaded, str):
            self._waiting.append(Reject(entry.line, entry.item_id, loaded))
        else:
            self._waiting.append(self._to_slot(entry, loaded))
        if len(self._unknown) >= self._text_batch or len(self._waiting) > ROWS_AHEAD:
            self._look_up()
        if len(self._waiting) > ROWS_AHEAD:
            self._encode_all()
        while len(self._texts) >= self._text_batch:
            self._encode_texts()
        while len(self._images) >= self._image_batch or self._image_pixels > PIXELS_AHEAD:
            self._encode_images()
        self._let_go()

    def finish(self) -> EmbeddedRows:
        """Encode what still waits and return all rows."""
        self._look_up()
        self._encode_all()
        self._let_go()
        taken = {name: block.take(len(self._item_ids)) for name, block in sorted(self._blocks.items())}
        return EmbeddedRows(
            item_ids=self._item_ids,
            payloads=self._payloads,
            blocks={name: vectors for name, (vectors, _) in taken.items()},
            present={name: present for name, (_, present) in taken.items()},
            signals={name: np.array(values, dtype=np.float32) for name, values in self._signals.items()},
            rejects=self._rejects,
            lines_read=self.done,
            texts=self._words,
        )

    def _to_slot(self, product: Product, pictures: list[LoadedImage]) -> RowSlot:
        slot = RowSlot(product.line, product.item_id, product.payload, product.signals, product.words)
        slot.blocks = {name: [vector] for name, vector in product.vectors.items()}
        if pictures:
            slot.blocks["image"] = [picture.vector for picture in pictures]
            for place, picture in enumerate(pictures):
                if picture.pixels is not None:
                    self._images.add(picture.content, picture.pixels, slot, place)
                    self._image_pixels += picture.size
        if product.text and "text" not in product.vectors:
            if self._text_embedder is None:
                raise _without_encoder(product, "a text", "a text_vector column, or leave the text template empty")
            slot.blocks["text"] = [None]
            key = content_key(product.text)
            (self._unknown if self._is_cached else self._texts).add(key, product.text, slot, 0)
        if not slot.blocks:
            slot.reason = "nothing to embed: no text, no image, no vector"
        return slot

    def _look_up(self) -> None:
        """Ask the cache for the texts that have not been asked for; those it does not have go to the model's queue."""
        if self._text_embedder is None or not self._unknown:
            return
        keys = list(self._unknown.contents)
        found = self._text_embedder.look_up(keys)
        for key in keys:
            if key in found:
                self._unknown.settle(key, found[key])
            else:
                self._unknown.move(key, self._texts)

    def _encode_all(self) -> None:
        while self._texts:
            self._encode_texts()
        while self._images:
            self._encode_images()

    def _encode_texts(self) -> None:
        if self._text_embedder:
            batch = self._texts.first(self._text_batch)
            self._settle(self._texts, batch, self._text_embedder.encode(batch))

    def _encode_images(self) -> None:
        if self._image_embedder:
            self._image_pixels = 0
            batch = self._images.first(self._image_batch)
            self._settle(self._images, batch, self._image_embedder.encode(batch))

    def _settle(self, queue: ContentQueue[Content], batch: Iterable[bytes], vectors: Mapping[bytes, Half]) -> None:
        for key in batch:
            queue.settle(key, vectors.get(key))

    def _let_go(self) -> None:
        """Move complete rows out, in order."""
        while self._waiting:
            oldest = self._waiting[0]
            if isinstance(oldest, Reject):
                self._rejects.append(oldest)
            elif not oldest.is_ready():
                return
            elif reason := oldest.reason or self._misfit(oldest):
                self._rejects.append(Reject(oldest.line, oldest.item_id, reason))
            else:
                self._keep(oldest)
            self._waiting.popleft()

    def _misfit(self, slot: RowSlot) -> str:
        for name, vectors in slot.blocks.items():
            for vector in vectors:
                if vector is not None and name in self._blocks and len(vector) != self._blocks[name].dim:
                    expected = self._blocks[name].dim
                    return f"{name}: expected {expected} dimensions like the rows before, got {len(vector)}"
        return ""

    def _keep(self, slot: RowSlot) -> None:
        row = len(self._item_ids)
        self._item_ids.append(slot.item_id)
        self._payloads.append(slot.payload)
        self._words.append(slot.words)
        for name, vectors in slot.blocks.items():
            given = [vector for vector in vectors if vector is not None]
            if name not in self._blocks:
                self._blocks[name] = GrowingBlock(len(given[0]))
            self._blocks[name].put(row, given)
        for name, value in slot.signals.items():
            self._signals.setdefault(name, array("f")).append(value)
