"""Prepare changed items for search: validated and embedded as the build would.

Text, signals and rounding match the catalogue reader and the build, and vectors come from the same cache, so an item
ranks alike before and after the build that includes it. Learned signals keep the snapshot's values, for no request can
contain them.
"""

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from engine.catalog.coercion import JSON, BadRow, to_signal
from engine.catalog.item_fields import ItemFieldReader
from engine.catalog.payload import from_bytes
from engine.catalog.text_template import Template
from engine.encoders.embedding_cache import EmbeddingCache, Half, VectorSpace
from engine.encoders.embedding_pipeline import (
    NOT_FINITE,
    ContentEmbedder,
    content_key,
    image_embedder,
    pool,
    text_embedder,
    to_stored,
)
from engine.encoders.encoder import Encoder
from engine.encoders.images import decode
from engine.errors import DimensionMismatch, InvalidQuery, ItemNotFound, UnknownBlock
from engine.scoring.fusion import BEHAVIOUR
from engine.snapshot.snapshot import Snapshot
from engine.updates.item_change import EmbeddedInput, Upsert

Pictures = Callable[[bytes], bytes]
"""Returns the bytes of an image by its sha256."""

# Maximum number of decoded images in memory.
_IMAGE_BATCH = 32
_TEXT_BATCH = 1024


@dataclass(frozen=True, slots=True)
class PreparedItem:
    """An item ready for search.

    Attributes:
        words: Its texts as in the snapshot's lexical block; empty without such a block.
        vectors: (d_b,) unit vectors by block.
        signals: In the snapshot's order, NaN where missing.
    """

    item_id: str
    payload: bytes
    words: tuple[str, ...]
    vectors: Mapping[str, NDArray[np.float16]]
    signals: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AcceptedItem:
    """A valid item: `upsert` is stored, `prepared` is searched."""

    upsert: Upsert
    prepared: PreparedItem


@dataclass(slots=True)
class _PendingEmbedding:
    """An item whose vectors are being computed.

    Attributes:
        pending: Block → the content keys whose vectors make up its vector.
    """

    position: int
    item_id: str
    upsert: Upsert
    text: str
    words: tuple[str, ...]
    signals: tuple[float, ...]
    vectors: dict[str, NDArray[np.float16]]
    embedded: dict[str, EmbeddedInput] = field(default_factory=dict)
    pending: dict[str, tuple[bytes, ...]] = field(default_factory=dict)


class Ingest:
    """Prepares items for one snapshot; thread-safe.

    Args:
        snapshot: The snapshot whose blocks, signals and text template apply.
        encoders: Encoders of block "image" (images) and block "text" (texts); without those blocks whose vectors come
            with the catalogue.
        cache: The embedding cache; None for none.
    """

    def __init__(self, snapshot: Snapshot, encoders: Mapping[str, Encoder], cache: EmbeddingCache | None) -> None:
        self._dims = snapshot.dims
        self._snapshot = snapshot
        self._signals = snapshot.signals
        self._learnt = frozenset(signal.name for signal in snapshot.manifest.signals if signal.learnt)
        self._template = Template(snapshot.manifest.catalogue.text_template)
        self._fields = ItemFieldReader(snapshot.manifest.catalogue.text_template)
        self._texts: ContentEmbedder[str] | None = None
        self._images: ContentEmbedder[Image] | None = None
        if "text" in encoders and "text" in self._dims:
            self._texts = text_embedder(encoders["text"], cache)
        if "image" in encoders and "image" in self._dims:
            self._images = image_embedder(encoders["image"], cache)
        embedders = {"text": self._texts, "image": self._images}
        self._spaces = {block: embedder.space for block, embedder in embedders.items() if embedder is not None}

    def prepare(self, items: Sequence[tuple[str, Upsert]], pictures: Pictures) -> list[AcceptedItem | InvalidQuery]:
        """Return each item accepted, or the reason for its rejection; its `field` names the part of the item."""
        outcomes: dict[int, AcceptedItem | InvalidQuery] = {}
        pending_items: list[_PendingEmbedding] = []
        for position, (item_id, upsert) in enumerate(items):
            try:
                pending_items.append(self._read(position, item_id, upsert))
            except InvalidQuery as error:
                outcomes[position] = error
        vectors = {"image": self._embed_images(pending_items, pictures), "text": self._embed_texts(pending_items)}
        for item in pending_items:
            try:
                outcomes[item.position] = self._finish(item, vectors)
            except InvalidQuery as error:
                outcomes[item.position] = error
        return [outcomes[position] for position in range(len(items))]

    def _read(self, position: int, item_id: str, upsert: Upsert) -> _PendingEmbedding:
        values = from_bytes(upsert.payload)
        text = self._template.render_item(item_id, values)
        learnt, behaviour = self._learned_values(item_id)
        try:
            signals = tuple(
                learnt.get(name, np.nan) if name in self._learnt else to_signal(values.get(name), name)
                for name in self._signals
            )
        except BadRow as bad:
            raise InvalidQuery(str(bad), "payload") from bad
        own_vectors = {block: self._check_own(block, vector) for block, vector in upsert.vectors.items()}
        item = _PendingEmbedding(
            position, item_id, upsert, text, self._words(item_id, text, values), signals, own_vectors
        )
        if text:
            self._request_vector(item, "text", (content_key(text),))
        if upsert.images and "image" in self._dims and "image" not in self._spaces and "image" not in own_vectors:
            raise InvalidQuery("expected vectors for block 'image', since the catalogue brings its own", "images")
        self._request_vector(item, "image", upsert.images)
        if not item.vectors and not item.pending:
            raise InvalidQuery("nothing to embed: no text, no image, no vector of a block of this snapshot")
        if behaviour is not None:
            item.vectors.setdefault(BEHAVIOUR, behaviour)
        return item

    def _words(self, item_id: str, text: str, values: Mapping[str, JSON]) -> tuple[str, ...]:
        lexical = self._snapshot.lexical
        if lexical is None:
            return ()
        return self._fields.read(item_id, values) if lexical.stats.is_by_field else (text,)

    def _learned_values(self, item_id: str) -> tuple[Mapping[str, float], Half | None]:
        """Return the snapshot's learned signals and behaviour vector of an item, empty and None if it has none."""
        if not self._learnt and BEHAVIOUR not in self._dims:
            return {}, None
        try:
            row = self._snapshot.items.get_row(item_id)
        except ItemNotFound:
            return {}, None
        stratum = self._snapshot.get_stratum(row)
        stored = stratum.index.rows(np.array([row - stratum.start]))[0]
        moments = self._snapshot.calibration.signals
        signals = {
            name: moments[name].mean + moments[name].std * stratum.layout.signal(stored, name) for name in self._learnt
        }
        span = stratum.layout.spans.get(BEHAVIOUR)
        return signals, None if span is None else stored[span].astype(np.float16)

    def _request_vector(self, item: _PendingEmbedding, block: str, contents: tuple[bytes, ...]) -> None:
        """Mark a block's vector as pending, unless the item brings it or has one embedded from the same contents."""
        if not contents or block in item.vectors or block not in self._spaces:
            return
        space = self._spaces[block]
        embedded = item.upsert.embedded.get(block)
        if embedded is not None and embedded.recipe == _recipe(space, contents) and len(embedded.vector) == space.dim:
            item.embedded[block] = embedded
            item.vectors[block] = embedded.vector
        else:
            item.pending[block] = contents

    def _check_own(self, block: str, vector: NDArray[np.float32]) -> NDArray[np.float16]:
        path = f'vectors["{block}"]'
        if block not in self._dims:
            raise UnknownBlock(block, self._dims, path)
        if len(vector) != self._dims[block]:
            raise DimensionMismatch(self._dims[block], len(vector), path)
        with np.errstate(over="ignore", invalid="ignore"):
            square = float(vector @ vector)
        if not np.isfinite(square):
            raise InvalidQuery("expected finite values in the vector, got NaN, infinity or an overflow", path)
        if square == 0.0:
            raise InvalidQuery("expected a vector with a direction, got all zeros", path)
        return to_stored(vector)

    def _finish(
        self, item: _PendingEmbedding, vectors: Mapping[str, Mapping[bytes, Half | InvalidQuery]]
    ) -> AcceptedItem:
        for block, contents in item.pending.items():
            found = []
            for position, content in enumerate(contents):
                vector = vectors[block][content]
                if isinstance(vector, InvalidQuery):
                    raise InvalidQuery(str(vector), f"images[{position}]" if block == "image" else "payload")
                found.append(vector)
            item.vectors[block] = to_stored(pool(found))
            item.embedded[block] = EmbeddedInput(_recipe(self._spaces[block], contents), item.vectors[block])
        prepared = PreparedItem(item.item_id, item.upsert.payload, item.words, item.vectors, item.signals)
        return AcceptedItem(replace(item.upsert, embedded=item.embedded), prepared)

    def _embed_texts(self, pending_items: Sequence[_PendingEmbedding]) -> dict[bytes, Half | InvalidQuery]:
        """Return the vector of each pending text, or the reason why it has none."""
        texts = {content: item.text for item in pending_items for content in item.pending.get("text", ())}
        if self._texts is None or not texts:
            return {}
        found: dict[bytes, Half | InvalidQuery] = dict(self._texts.look_up(list(texts)))
        missing = [content for content in texts if content not in found]
        for start in range(0, len(missing), _TEXT_BATCH):
            batch = {content: texts[content] for content in missing[start : start + _TEXT_BATCH]}
            found |= _with_reasons(batch, self._texts.encode(batch))
        return found

    def _embed_images(
        self, pending_items: Sequence[_PendingEmbedding], pictures: Pictures
    ) -> dict[bytes, Half | InvalidQuery]:
        """Return the vector of each pending image, or the reason why it has none."""
        contents = list(dict.fromkeys(content for item in pending_items for content in item.pending.get("image", ())))
        if self._images is None or not contents:
            return {}
        found: dict[bytes, Half | InvalidQuery] = dict(self._images.look_up(contents))
        missing = [content for content in contents if content not in found]
        for start in range(0, len(missing), _IMAGE_BATCH):
            batch: dict[bytes, Image] = {}
            for content in missing[start : start + _IMAGE_BATCH]:
                try:
                    batch[content] = decode(pictures(content))
                except InvalidQuery as error:
                    found[content] = error
            found |= _with_reasons(batch, self._images.encode(batch))
        return found


def _with_reasons(contents: Iterable[bytes], embedded: Mapping[bytes, Half]) -> dict[bytes, Half | InvalidQuery]:
    return {content: embedded[content] if content in embedded else InvalidQuery(NOT_FINITE) for content in contents}


def _recipe(space: VectorSpace, contents: Sequence[bytes]) -> bytes:
    """Return the digest of everything that determines a vector: the model, the preprocessing and the contents."""
    names = "\0".join((space.model, space.preprocess, space.kind)).encode()
    return hashlib.sha256(b"\0".join((names, *contents))).digest()
