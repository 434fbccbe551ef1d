"""Subjects of descriptions: snapshot items and uploaded pictures, and the describers of a snapshot."""

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

# Minimum similarity of two vectors of the same picture; the difference is float16 rounding.
SAME_PICTURE = 0.9995


class SnapshotDescribers:
    """Describers of a snapshot's items, created on first use and cached until the snapshot changes."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._snapshot: Snapshot | None = None
        self._catalog: CatalogModel | None = None
        self._captioner: Captioner | None = None
        self._describers: dict[bool, Describer] = {}

    def of(self, searcher: Searcher, pictures: bool) -> Describer:
        """Return the describer of a snapshot's items. Not thread-safe.

        Cost of the first call: about a second for 10,000 or more items, plus loading the embedded model if pictures
        need captions and the snapshot's own model cannot write them.

        Args:
            pictures: Whether there are pictures to caption.
        """
        snapshot = searcher.snapshot
        if self._catalog is None or self._snapshot is not snapshot:
            self._snapshot, self._catalog = snapshot, CatalogModel.of(searcher.view)
            self._captioner, self._describers = None, {}
        if pictures and self._captioner is None:
            # Imported late: torch is not needed for snapshots with vectors only.
            from engine.encoders.captioner import open_captioner

            model = snapshot.manifest.model
            self._captioner = open_captioner(searcher.encoder, "" if model is None else model.model)
        if pictures not in self._describers:
            self._describers[pictures] = Describer(
                self._catalog,
                self._writer,
                self._captioner if pictures else None,
                searcher.encoder,
                snapshot.calibration,
                snapshot.manifest.encoded_blocks,
            )
        return self._describers[pictures]


def get_item_subject(
    searcher: Searcher, item_id: str, payload: dict[str, Any] | None = None, image: Image.Image | None = None
) -> Subject:
    """Return an item as a subject. payload: replaces the stored payload. Raises ItemNotFound."""
    view = searcher.view
    row = view.get_row(item_id)
    vector = view.vectors(row).get(IMAGE)
    known = from_bytes(view.payload(row)) if payload is None else payload
    return Subject(known, vector, image, seed=item_id)


def get_picture_subjects(searcher: Searcher, images: list[Image.Image], encoded: list[bytes]) -> list[Subject]:
    """Return pictures as subjects; a picture identical to an item's own is described as that item.

    Other pictures carry the fields of their top search hit as `nearest`.

    Raises NoEncoder if the snapshot was built without a model.
    """
    if searcher.encoder is None:
        raise NoEncoder("image")
    vectors = searcher.encoder.encode_images(images)
    subjects = []
    for vector, image, data in zip(vectors, images, encoded, strict=True):
        payload = _payload_of(searcher, vector)
        nearest = {} if payload else find_nearest_payload(searcher, data)
        subjects.append(Subject(payload, vector, image, data, seed=vector.tobytes().hex(), nearest=nearest))
    return subjects


def find_nearest_payload(searcher: Searcher, data: bytes, without: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return the payload of the top search hit for a picture, {} for none. without: item ids to exclude."""
    hits = searcher.search(Query((ImagePart(data),), limit=1, excluded_ids=without)).hits
    (row,) = searcher.view.rows_of([hits[0].item_id]) if hits else (None,)
    return {} if row is None else from_bytes(searcher.view.payload(row))


def _payload_of(searcher: Searcher, vector: NDArray[np.float32]) -> dict[str, Any]:
    """Return the payload of the item with this exact picture, {} for none."""
    view, blocks = searcher.view, searcher.snapshot.dims
    if blocks.get(IMAGE) != len(vector):
        return {}
    nearest = Query((VectorPart(vector, block=IMAGE),), {IMAGE: 1.0}, limit=1)
    for hit in searcher.search(nearest).hits:
        (row,) = view.rows_of([hit.item_id])
        if row is not None and float(view.vectors(row).get(IMAGE, np.zeros_like(vector)) @ vector) >= SAME_PICTURE:
            return from_bytes(view.payload(row))
    return {}
