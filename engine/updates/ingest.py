"""From a changed item to what searches need of it: checked and embedded as the build would do it.

Text, signals and rounding are those of the catalogue's reader and of the build, and vectors come from the same cache,
so that an item answers alike before and after the build that takes it over. What was learnt of an item stays what the
snapshot has of it, for no request can know it.
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
from engine.updates.change_log import EmbeddedInput, Upsert

Pictures = Callable[[bytes], bytes]
"""Gives the bytes of a picture by its sha256."""

# So many decoded pictures are held at a time.
_PICTURES_AT_ONCE = 32
_TEXTS_AT_ONCE = 1024


@dataclass(frozen=True, slots=True)
class PreparedItem:
    """An item ready to be searched.

    words: its texts as the snapshot's lexical block has them, none if there is no such block.
    vectors: (d_b,) unit vectors by block.   signals: in the snapshot's order, NaN where the item has none.
    """

    item_id: str
    payload: bytes
    words: tuple[str, ...]
    vectors: Mapping[str, NDArray[np.float16]]
    signals: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class AcceptedItem:
    """An item that was accepted: as it is to be kept, and as it is to be searched."""

    upsert: Upsert
    arrival: PreparedItem


@dataclass(slots=True)
class _PendingEmbedding:
    """An item whose vectors are being found. wanted: block → the contents whose vectors make its vector."""

    place: int
    item_id: str
    upsert: Upsert
    text: str
    words: tuple[str, ...]
    signals: tuple[float, ...]
    vectors: dict[str, NDArray[np.float16]]
    made: dict[str, EmbeddedInput] = field(default_factory=dict)
    wanted: dict[str, tuple[bytes, ...]] = field(default_factory=dict)


class Ingest:
    """Takes items in for one snapshot; any number of threads may ask.

    encoders: what makes the vectors of block "image" from pictures and of block "text" from texts; a block that the
    catalogue brings vectors for is not among them.
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

    def take(self, items: Sequence[tuple[str, Upsert]], pictures: Pictures) -> list[AcceptedItem | InvalidQuery]:
        """Return, for each item, what became of it or why it cannot be taken; `field` names the part of the item."""
        outcomes: dict[int, AcceptedItem | InvalidQuery] = {}
        waiting: list[_PendingEmbedding] = []
        for place, (item_id, upsert) in enumerate(items):
            try:
                waiting.append(self._read(place, item_id, upsert))
            except InvalidQuery as error:
                outcomes[place] = error
        vectors = {"image": self._embed_images(waiting, pictures), "text": self._embed_texts(waiting)}
        for one in waiting:
            try:
                outcomes[one.place] = self._finish(one, vectors)
            except InvalidQuery as error:
                outcomes[one.place] = error
        return [outcomes[place] for place in range(len(items))]

    def _read(self, place: int, item_id: str, upsert: Upsert) -> _PendingEmbedding:
        values = from_bytes(upsert.payload)
        text = self._template.render_item(item_id, values)
        learnt, behaviour = self._learnt_of(item_id)
        try:
            signals = tuple(
                learnt.get(name, np.nan) if name in self._learnt else to_signal(values.get(name), name)
                for name in self._signals
            )
        except BadRow as bad:
            raise InvalidQuery(str(bad), "payload") from bad
        own = {block: self._own(block, vector) for block, vector in upsert.vectors.items()}
        one = _PendingEmbedding(place, item_id, upsert, text, self._words(item_id, text, values), signals, own)
        if text:
            self._want(one, "text", (content_key(text),))
        if upsert.images and "image" in self._dims and "image" not in self._spaces and "image" not in own:
            raise InvalidQuery("expected vectors for block 'image', since the catalogue brings its own", "images")
        self._want(one, "image", upsert.images)
        if not one.vectors and not one.wanted:
            raise InvalidQuery("nothing to embed: no text, no image, no vector of a block of this snapshot")
        if behaviour is not None:
            one.vectors.setdefault(BEHAVIOUR, behaviour)
        return one

    def _words(self, item_id: str, text: str, values: Mapping[str, JSON]) -> tuple[str, ...]:
        lexical = self._snapshot.lexical
        if lexical is None:
            return ()
        return self._fields.read(item_id, values) if lexical.stats.is_by_field else (text,)

    def _learnt_of(self, item_id: str) -> tuple[Mapping[str, float], Half | None]:
        """Return the learnt signals and the vector of behaviour that the snapshot has of an item, nothing if none."""
        if not self._learnt and BEHAVIOUR not in self._dims:
            return {}, None
        try:
            row = self._snapshot.items.row_of(item_id)
        except ItemNotFound:
            return {}, None
        stratum = self._snapshot.stratum_of(row)
        stored = stratum.index.rows(np.array([row - stratum.start]))[0]
        usual = self._snapshot.calibration.signals
        signals = {
            name: usual[name].mean + usual[name].std * stratum.layout.signal(stored, name) for name in self._learnt
        }
        span = stratum.layout.spans.get(BEHAVIOUR)
        return signals, None if span is None else stored[span].astype(np.float16)

    def _want(self, one: _PendingEmbedding, block: str, contents: tuple[bytes, ...]) -> None:
        """Let an item wait for the vector of a block, unless it has its own or one made before of the same."""
        if not contents or block in one.vectors or block not in self._spaces:
            return
        space = self._spaces[block]
        made = one.upsert.made.get(block)
        if made is not None and made.recipe == _recipe(space, contents) and len(made.vector) == space.dim:
            one.made[block] = made
            one.vectors[block] = made.vector
        else:
            one.wanted[block] = contents

    def _own(self, block: str, vector: NDArray[np.float32]) -> NDArray[np.float16]:
        place = f'vectors["{block}"]'
        if block not in self._dims:
            raise UnknownBlock(block, self._dims, place)
        if len(vector) != self._dims[block]:
            raise DimensionMismatch(self._dims[block], len(vector), place)
        with np.errstate(over="ignore", invalid="ignore"):
            square = float(vector @ vector)
        if not np.isfinite(square):
            raise InvalidQuery("expected finite values in the vector, got NaN, infinity or an overflow", place)
        if square == 0.0:
            raise InvalidQuery("expected a vector with a direction, got all zeros", place)
        return to_stored(vector)

    def _finish(
        self, one: _PendingEmbedding, vectors: Mapping[str, Mapping[bytes, Half | InvalidQuery]]
    ) -> AcceptedItem:
        for block, contents in one.wanted.items():
            found = []
            for place, content in enumerate(contents):
                vector = vectors[block][content]
                if isinstance(vector, InvalidQuery):
                    raise InvalidQuery(str(vector), f"images[{place}]" if block == "image" else "payload")
                found.append(vector)
            one.vectors[block] = to_stored(pool(found))
            one.made[block] = EmbeddedInput(_recipe(self._spaces[block], contents), one.vectors[block])
        arrival = PreparedItem(one.item_id, one.upsert.payload, one.words, one.vectors, one.signals)
        return AcceptedItem(replace(one.upsert, made=one.made), arrival)

    def _embed_texts(self, waiting: Sequence[_PendingEmbedding]) -> dict[bytes, Half | InvalidQuery]:
        """Return the vector of each text that an item waits for, or the reason why it has none."""
        texts = {content: one.text for one in waiting for content in one.wanted.get("text", ())}
        if self._texts is None or not texts:
            return {}
        found: dict[bytes, Half | InvalidQuery] = dict(self._texts.look_up(list(texts)))
        missing = [content for content in texts if content not in found]
        for start in range(0, len(missing), _TEXTS_AT_ONCE):
            batch = {content: texts[content] for content in missing[start : start + _TEXTS_AT_ONCE]}
            found |= _with_reasons(batch, self._texts.encode(batch))
        return found

    def _embed_images(
        self, waiting: Sequence[_PendingEmbedding], pictures: Pictures
    ) -> dict[bytes, Half | InvalidQuery]:
        """Return the vector of each image that an item waits for, or the reason why it has none."""
        contents = list(dict.fromkeys(content for one in waiting for content in one.wanted.get("image", ())))
        if self._images is None or not contents:
            return {}
        found: dict[bytes, Half | InvalidQuery] = dict(self._images.look_up(contents))
        missing = [content for content in contents if content not in found]
        for start in range(0, len(missing), _PICTURES_AT_ONCE):
            batch: dict[bytes, Image] = {}
            for content in missing[start : start + _PICTURES_AT_ONCE]:
                try:
                    batch[content] = decode(pictures(content))
                except InvalidQuery as error:
                    found[content] = error
            found |= _with_reasons(batch, self._images.encode(batch))
        return found


def _with_reasons(contents: Iterable[bytes], made: Mapping[bytes, Half]) -> dict[bytes, Half | InvalidQuery]:
    return {content: made[content] if content in made else InvalidQuery(NOT_FINITE) for content in contents}


def _recipe(space: VectorSpace, contents: Sequence[bytes]) -> bytes:
    """Return the digest of all that decides a vector: the model, the preprocessing and what is embedded."""
    names = "\0".join((space.model, space.preprocess, space.kind)).encode()
    return hashlib.sha256(b"\0".join((names, *contents))).digest()
