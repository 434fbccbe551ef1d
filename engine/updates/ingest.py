"""From a changed item to what searches need of it: checked and embedded as the build would do it.

Text, signals and rounding are those of the catalogue's reader and of the build, and vectors come from the same cache,
so that an item answers alike before and after the build that takes it over. What was learnt of an item stays what the
snapshot has of it, for no request can know it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import JSON, BadRow, to_signal, to_text
from engine.catalog.item_fields import ItemFieldReader
from engine.catalog.payload import from_bytes
from engine.catalog.text_template import Template
from engine.encoders.embedding_cache import EmbeddingCache, Half, VectorSpace, space_of
from engine.encoders.encoder import Encoder
from engine.encoders.images import decode
from engine.errors import DimensionMismatch, InvalidQuery, ItemNotFound, UnknownBlock
from engine.scoring.fusion import BEHAVIOUR
from engine.scoring.vectors import to_unit
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
        self._encoders = {block: encoder for block, encoder in encoders.items() if block in self._dims}
        self._spaces = {block: space_of(encoder.fingerprint, block) for block, encoder in self._encoders.items()}
        self._cache = cache

    def take(self, items: Sequence[tuple[str, Upsert]], pictures: Pictures) -> list[AcceptedItem | InvalidQuery]:
        """Return, for each item, what became of it or why it cannot be taken; `field` names the part of the item."""
        outcomes: dict[int, AcceptedItem | InvalidQuery] = {}
        waiting: list[_PendingEmbedding] = []
        for place, (item_id, upsert) in enumerate(items):
            try:
                waiting.append(self._read(place, item_id, upsert))
            except InvalidQuery as error:
                outcomes[place] = error
        vectors: dict[str, dict[bytes, Half | InvalidQuery]] = {}
        for block, space in self._spaces.items():
            contents: dict[bytes, str] = {}
            for one in waiting:
                contents.update(dict.fromkeys(one.wanted.get(block, ()), one.text))
            vectors[block] = self._embed(space, self._encoders[block], contents, pictures)
        for one in waiting:
            try:
                outcomes[one.place] = self._finish(one, vectors)
            except InvalidQuery as error:
                outcomes[one.place] = error
        return [outcomes[place] for place in range(len(items))]

    def _read(self, place: int, item_id: str, upsert: Upsert) -> _PendingEmbedding:
        values = from_bytes(upsert.payload)
        text = self._template.render(lambda name: item_id if name == "item_id" else to_text(values.get(name)))
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
            self._want(one, "text", (hashlib.sha256(text.encode()).digest(),))
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
        return to_unit(vector).astype(np.float16)

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
            mean = found[0] if len(found) == 1 else np.stack(found).mean(axis=0, dtype=np.float32)
            one.vectors[block] = to_unit(mean).astype(np.float16)
            one.made[block] = EmbeddedInput(_recipe(self._spaces[block], contents), one.vectors[block])
        arrival = PreparedItem(one.item_id, one.upsert.payload, one.words, one.vectors, one.signals)
        return AcceptedItem(replace(one.upsert, made=one.made), arrival)

    def _embed(
        self, space: VectorSpace, encoder: Encoder, contents: Mapping[bytes, str], pictures: Pictures
    ) -> dict[bytes, Half | InvalidQuery]:
        """Return the vector of each content, from the cache or the model, or why there is none."""
        found: dict[bytes, Half | InvalidQuery] = {}
        if self._cache is not None and contents:
            found.update(self._cache.get(space, list(contents)))
        missing = [content for content in contents if content not in found]
        step = _TEXTS_AT_ONCE if space.kind == "text" else _PICTURES_AT_ONCE
        for start in range(0, len(missing), step):
            some = missing[start : start + step]
            made: dict[bytes, Half] = {}
            if space.kind == "text":
                self._keep(some, encoder.encode_texts([contents[content] for content in some]), made, found)
            else:
                images = {}
                for content in some:
                    try:
                        images[content] = decode(pictures(content))
                    except InvalidQuery as error:
                        found[content] = error
                if images:
                    self._keep(list(images), encoder.encode_images(list(images.values())), made, found)
            if self._cache is not None and made:
                self._cache.put(space, made)
        return found

    def _keep(
        self,
        contents: Sequence[bytes],
        vectors: NDArray[np.float32],
        made: dict[bytes, Half],
        found: dict[bytes, Half | InvalidQuery],
    ) -> None:
        for content, half in zip(contents, vectors.astype(np.float16), strict=True):
            if np.isfinite(half).all():
                made[content] = found[content] = half
            else:
                found[content] = InvalidQuery("expected finite values from the model, got NaN or infinity")


def _recipe(space: VectorSpace, contents: Sequence[bytes]) -> bytes:
    """Return the digest of all that decides a vector: the model, the preprocessing and what is embedded."""
    names = "\0".join((space.model, space.preprocess, space.kind)).encode()
    return hashlib.sha256(b"\0".join((names, *contents))).digest()
