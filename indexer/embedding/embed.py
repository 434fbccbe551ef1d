"""From products to unit vectors: images decoded ahead of the model, batches, and nothing embedded twice.

Each row becomes a slot that waits for its vectors, from itself, from the cache or from the model, and leaves in the
catalogue's order once complete. Vectors are rounded to float16 before anything is computed from them, so that a rebuild
from the cache gives the same bits as the build that filled it.
"""

from array import array
from collections import deque
from collections.abc import Iterable, Mapping

import numpy as np
from PIL import Image

from engine.catalog.coercion import JSON
from engine.encoders.embedding_cache import EmbeddingCache, Half
from engine.encoders.embedding_pipeline import Content, ContentEmbedder, content_key, image_embedder, text_embedder
from engine.encoders.encoder import Encoder
from engine.errors import BadImage, InvalidSetting
from indexer.catalog.product import BadCell, ImageSource, Product, Reject
from indexer.embedding.embedded_rows import EmbeddedRows, GrowingBlock
from indexer.embedding.image_loader import (
    PIXELS_AHEAD,
    ROWS_AHEAD,
    LoadedImage,
    LoadedRow,
    decode_image,
    load_ahead,
    read_image,
)
from indexer.embedding.slots import ContentQueue, RowSlot
from indexer.progress import Progress, no_progress

BATCH = 64
# Several batches per encoder call: it groups texts of similar length, and preprocesses the next images.
_TEXT_BATCHES_PER_CALL = 16
_IMAGE_BATCHES_PER_CALL = 2
_REPORT_EVERY = 256


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

    A row's own vectors are used as they are, at unit length. A row of several images gets the unit mean of their
    vectors; bad ones are left out and reported. A row without text has no text block. A row with nothing to embed is
    rejected, as is one whose vector's dimension differs from the block's first.

    Args:
        entries: The catalogue's rows.
        encoder: Encodes images, and texts if there is no `text_encoder`; None if the catalogue brings all vectors.
        cache: The embedding cache; None for none.
        progress: Called with the stage, the rows done and their total.
        batch: Inputs per batch.
        threads: Threads that load images; None for a default.
        text_encoder: Encodes the text block.

    Raises:
        InvalidSetting: A row needs an encoder and there is none; also whatever `entries` raises.
    """
    rows = _RowQueue(encoder, text_encoder or encoder, cache, batch)
    progress("embed", 0, None)
    load = _ImageReader(encoder, cache)
    for number, (entry, loaded) in enumerate(load_ahead(entries, load, threads), start=1):
        rows.add(entry, loaded)
        if number % _REPORT_EVERY == 0:
            progress("embed", rows.done, None)
    embedded = rows.finish()
    progress("embed", rows.done, rows.done)
    return embedded


def _without_encoder(product: Product, content: str, alternative: str) -> InvalidSetting:
    return InvalidSetting(
        f"expected a model, since line {product.line} ({product.item_id!r}) has {content} to embed, got none: "
        f"pass --model, or bring {alternative}"
    )


class _ImageReader:
    """Loads the images of a product, as cached vectors or pixels; called in threads."""

    def __init__(self, encoder: Encoder | None, cache: EmbeddingCache | None) -> None:
        self._images = image_embedder(encoder, cache) if encoder else None

    def __call__(self, product: Product) -> LoadedRow:
        if self._images is None:
            raise _without_encoder(product, "an image", "an image_vector column")
        row = LoadedRow([], [])
        for image in product.images:
            try:
                row.images.append(self._load(image, self._images))
            except BadImage as error:
                row.faults.append(str(error))
        return row

    def _load(self, image: ImageSource, embedder: ContentEmbedder[Image.Image]) -> LoadedImage:
        data = read_image(image)
        content = content_key(data)
        vector = embedder.look_up([content]).get(content)
        return LoadedImage(content, vector, decode_image(data, image) if vector is None else None)


class _RowQueue:
    """Rows on their way to EmbeddedRows."""

    def __init__(
        self, image_encoder: Encoder | None, text_encoder: Encoder | None, cache: EmbeddingCache | None, batch: int
    ) -> None:
        self._image_embedder = image_embedder(image_encoder, cache) if image_encoder else None
        self._text_embedder = text_embedder(text_encoder, cache) if text_encoder else None
        self._is_cached = cache is not None
        self._image_batch = batch * _IMAGE_BATCHES_PER_CALL
        self._text_batch = batch * _TEXT_BATCHES_PER_CALL
        self._uncached_texts = ContentQueue[str]("text")
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
        self._bad_cells: list[BadCell] = []

    @property
    def done(self) -> int:
        """Number of rows finished: embedded or rejected."""
        return len(self._item_ids) + len(self._rejects)

    def add(self, entry: Product | Reject, loaded: LoadedRow) -> None:
        """Add the next row; encode full batches, and release the complete rows."""
        if isinstance(entry, Reject):
            self._waiting.append(entry)
        else:
            bad_images = [BadCell(entry.line, entry.item_id, "image", fault) for fault in loaded.faults]
            self._bad_cells += (*entry.bad_cells, *bad_images)
            self._waiting.append(self._to_slot(entry, loaded.images, [*entry.bad_cells, *bad_images]))
        if len(self._uncached_texts) >= self._text_batch or len(self._waiting) > ROWS_AHEAD:
            self._look_up()
        if len(self._waiting) > ROWS_AHEAD:
            self._encode_all()
        while len(self._texts) >= self._text_batch:
            self._encode_texts()
        while len(self._images) >= self._image_batch or self._image_pixels > PIXELS_AHEAD:
            self._encode_images()
        self._release_rows()

    def finish(self) -> EmbeddedRows:
        """Encode everything pending and return all rows."""
        self._look_up()
        self._encode_all()
        self._release_rows()
        rows_by_block = {name: block.take(len(self._item_ids)) for name, block in sorted(self._blocks.items())}
        return EmbeddedRows(
            item_ids=self._item_ids,
            payloads=self._payloads,
            blocks={name: vectors for name, (vectors, _) in rows_by_block.items()},
            present={name: present for name, (_, present) in rows_by_block.items()},
            signals={name: np.array(values, dtype=np.float32) for name, values in self._signals.items()},
            rejects=self._rejects,
            bad_cells=self._bad_cells,
            lines_read=self.done,
            texts=self._words,
        )

    def _to_slot(self, product: Product, images: list[LoadedImage], bad_cells: list[BadCell]) -> RowSlot:
        slot = RowSlot(product.line, product.item_id, product.payload, product.signals, product.words)
        slot.blocks = {name: [vector] for name, vector in product.vectors.items()}
        if images:
            slot.blocks["image"] = [image.vector for image in images]
            for position, image in enumerate(images):
                if image.pixels is not None:
                    self._images.add(image.content, image.pixels, slot, position)
                    self._image_pixels += image.size
        if product.text and "text" not in product.vectors:
            if self._text_embedder is None:
                raise _without_encoder(product, "a text", "a text_vector column, or leave the text template empty")
            slot.blocks["text"] = [None]
            key = content_key(product.text)
            (self._uncached_texts if self._is_cached else self._texts).add(key, product.text, slot, 0)
        if not slot.blocks or (product.needs_image and "image" not in slot.blocks):
            reasons = "".join(f"; {cell.column}: {cell.reason}" for cell in bad_cells)
            slot.reason = f"nothing to embed: no text, no image, no vector{reasons}"
        return slot

    def _look_up(self) -> None:
        """Look up pending texts in the cache; those not cached move to the model's queue."""
        if self._text_embedder is None or not self._uncached_texts:
            return
        keys = list(self._uncached_texts.contents)
        found = self._text_embedder.look_up(keys)
        for key in keys:
            if key in found:
                self._uncached_texts.settle(key, found[key])
            else:
                self._uncached_texts.move(key, self._texts)

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

    def _release_rows(self) -> None:
        """Move complete rows out, in order."""
        while self._waiting:
            oldest = self._waiting[0]
            if isinstance(oldest, Reject):
                self._rejects.append(oldest)
            elif not oldest.is_ready():
                return
            elif reason := oldest.reason or self._find_dimension_error(oldest):
                self._rejects.append(Reject(oldest.line, oldest.item_id, reason))
            else:
                self._append(oldest)
            self._waiting.popleft()

    def _find_dimension_error(self, slot: RowSlot) -> str:
        for name, vectors in slot.blocks.items():
            for vector in vectors:
                if vector is not None and name in self._blocks and len(vector) != self._blocks[name].dim:
                    expected = self._blocks[name].dim
                    return f"{name}: expected {expected} dimensions like the rows before, got {len(vector)}"
        return ""

    def _append(self, slot: RowSlot) -> None:
        row = len(self._item_ids)
        self._item_ids.append(slot.item_id)
        self._payloads.append(slot.payload)
        self._words.append(slot.words)
        for name, vectors in slot.blocks.items():
            available = [vector for vector in vectors if vector is not None]
            if name not in self._blocks:
                self._blocks[name] = GrowingBlock(len(available[0]))
            self._blocks[name].set_row(row, available)
        for name, value in slot.signals.items():
            self._signals.setdefault(name, array("f")).append(value)
