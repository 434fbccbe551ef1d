"""Subjects of descriptions, from snapshot items and uploaded pictures, and the describers of a snapshot."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.catalog.payload import from_bytes
from engine.descriptions.catalog_model import IMAGE, CatalogModel
from engine.descriptions.describer import Describer, Subject
from engine.descriptions.image_attributes import Captioner
from engine.descriptions.writer import Writer
from engine.errors import NoEncoder
from engine.scoring.query import ImagePart, Query, VectorPart
from engine.search.searcher import Searcher
from engine.snapshot.snapshot import Snapshot

# Two pictures whose vectors are so alike are one picture; what lies between is float16's rounding.
SAME_PICTURE = 0.9995


class SnapshotDescribers:
    """Describers of a snapshot's items, created on first use and cached until the snapshot changes."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._snapshot: Snapshot | None = None
        self._shelf: CatalogModel | None = None
        self._captioner: Captioner | None = None
        self._made: dict[bool, Describer] = {}

    def of(self, searcher: Searcher, pictures: bool) -> Describer:
        """Return the describer of a snapshot's items. pictures: whether there are any to caption.

        Cost, the first time: a second for 10,000 items and more, and the opening of the embedded model if pictures are
        to be captioned and the snapshot's model cannot. One thread at a time.
        """
        snapshot = searcher.snapshot
        if self._shelf is None or self._snapshot is not snapshot:
            self._snapshot, self._shelf = snapshot, CatalogModel.of(searcher.view)
            self._captioner, self._made = None, {}
        if pictures and self._captioner is None:
            # torch, which a snapshot of vectors alone does without.
            from engine.encoders.captioner import open_captioner

            model = snapshot.manifest.model
            self._captioner = open_captioner(searcher.encoder, "" if model is None else model.model)
        if pictures not in self._made:
            self._made[pictures] = Describer(
                self._shelf,
                self._writer,
                self._captioner if pictures else None,
                searcher.encoder,
                snapshot.calibration,
                snapshot.manifest.encoded_blocks,
            )
        return self._made[pictures]


def item_of(
    searcher: Searcher, item_id: str, payload: dict[str, Any] | None = None, image: Image.Image | None = None
) -> Subject:
    """Return an item as a subject. payload: replaces the stored payload. Raises ItemNotFound."""
    view = searcher.view
    row = view.get_row(item_id)
    vector = view.vectors(row).get(IMAGE)
    known = from_bytes(view.payload(row)) if payload is None else payload
    return Subject(known, vector, image, seed=item_id)


def pictures_of(searcher: Searcher, images: list[Image.Image], datas: list[bytes]) -> list[Subject]:
    """Return pictures as subjects; a picture identical to an item's own is described as that item.

    Other pictures carry the fields of their top search hit, so that they are named no worse than by search.

    Raises NoEncoder if the snapshot was built without a model.
    """
    if searcher.encoder is None:
        raise NoEncoder("image")
    vectors = searcher.encoder.encode_images(images)
    subjects = []
    for vector, image, data in zip(vectors, images, datas, strict=True):
        payload = _payload_of(searcher, vector)
        nearest = {} if payload else nearest_of(searcher, data)
        subjects.append(Subject(payload, vector, image, data, seed=vector.tobytes().hex(), nearest=nearest))
    return subjects


def nearest_of(searcher: Searcher, data: bytes, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return what the catalogue says of the item that a search with a picture finds first, nothing if it finds none.

    without: items that are no answer.
    """
    hits = searcher.search(Query((ImagePart(data),), limit=1, excluded_ids=without)).hits
    (row,) = searcher.view.rows_of([hits[0].item_id]) if hits else (None,)
    return {} if row is None else from_bytes(searcher.view.payload(row))


def _payload_of(searcher: Searcher, vector: NDArray[np.float32]) -> dict[str, Any]:
    """Return the payload of the item that has this very picture, nothing if none has."""
    view, blocks = searcher.view, searcher.snapshot.dims
    if blocks.get(IMAGE) != len(vector):
        return {}
    nearest = Query((VectorPart(vector, block=IMAGE),), {IMAGE: 1.0}, limit=1)
    for hit in searcher.search(nearest).hits:
        (row,) = view.rows_of([hit.item_id])
        if row is not None and float(view.vectors(row).get(IMAGE, np.zeros_like(vector)) @ vector) >= SAME_PICTURE:
            return from_bytes(view.payload(row))
    return {}
