"""Descriptions by the catalogue: of its rows, of items of a store, of pictures, and of what a build finds missing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image

from engine.catalog.coercion import JSON
from engine.catalog.text_template import Template
from engine.descriptions.catalog_model import IMAGE, CatalogModel
from engine.descriptions.describer import Describer, DescribeRequest, Description, Subject
from engine.descriptions.facts import DESCRIPTION, GENERATED
from engine.descriptions.subjects import SnapshotDescribers, get_item_subject, get_picture_subjects
from engine.descriptions.writer import Style, Writer
from engine.encoders.encoder import Encoder
from engine.encoders.images import decode
from engine.errors import BadImage, ItemNotFound
from engine.search.searcher import Searcher
from indexer.catalog import CatalogSpec, Catalogue, Product, Reject, read
from indexer.embedding.image_loader import decode_image, read_image
from indexer.progress import Progress

# Pictures that are captioned together.
_BATCH = 16
# What a build looks at to learn a catalogue's words; so many payloads are held.
_LEARNT_FROM = 10_000


@dataclass(frozen=True, slots=True)
class DescriptionResult:
    """What was written of one item or picture."""

    name: str
    description: Description
    is_picture: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return it as one line for a program; `generated` tells it from what people wrote."""
        return {
            "image" if self.is_picture else "item_id": self.name,
            "description": self.description.text,
            "model": self.description.model,
            "agreement": round(self.description.agreement, 3),
            "corrected_fields": list(self.description.corrected_fields),
            "generated": True,
        }


def describe_rows(
    path: Path,
    searcher: Searcher,
    describers: SnapshotDescribers,
    wish: DescribeRequest,
    missing: bool,
    progress: Progress,
) -> Iterator[DescriptionResult | Reject]:
    """Give a description of each row of a catalogue, or why there is none, a batch at a time.

    missing: only of rows without one.   Raises InvalidCatalogue, WriterFailed.
    """
    describer = describers.of(searcher, pictures=True)
    done = 0
    rows = (entry for entry in read(CatalogSpec(path)) if not _is_told(entry, missing))
    while batch := list(islice(rows, _BATCH)):
        subjects: list[Subject] = []
        for entry in batch:
            found = entry if isinstance(entry, Reject) else _subject(entry, searcher)
            if isinstance(found, Reject):
                yield found
            else:
                subjects.append(found)
        for subject, description in zip(subjects, describer.describe(subjects, wish), strict=True):
            yield DescriptionResult(subject.seed, description)
        done += len(batch)
        progress("describe", done, None)


def describe_items(
    item_ids: Sequence[str], searcher: Searcher, describers: SnapshotDescribers, wish: DescribeRequest
) -> Iterator[DescriptionResult]:
    """Give a description of each item of a store. Raises ItemNotFound, WriterFailed."""
    for item_id in item_ids:
        (description,) = describers.of(searcher, pictures=False).describe([get_item_subject(searcher, item_id)], wish)
        yield DescriptionResult(item_id, description)


def describe_pictures(
    files: Sequence[Path], searcher: Searcher, describers: SnapshotDescribers, wish: DescribeRequest
) -> Iterator[DescriptionResult]:
    """Give a description of each picture. Raises BadImage, NoEncoder, WriterFailed."""
    for file in files:
        data = read_image(file)
        subjects = get_picture_subjects(searcher, [decode_image(data, file)], [data])
        (description,) = describers.of(searcher, pictures=True).describe(subjects, wish)
        yield DescriptionResult(str(file), description, is_picture=True)


def fill_missing(
    entries: Iterable[Product | Reject], catalogue: Catalogue, writer: Writer, encoder: Encoder | None, embedded: bool
) -> Iterator[Product | Reject]:
    """Give the rows of a catalogue, those without a description with one, before their texts are embedded.

    The payload then lists "description" under `generated`. What is written comes from the row's fields, its picture and
    what is said of things of its type. Reads the catalogue's first rows by itself beforehand.
    embedded: whether a model embeds the texts.   Raises WriterFailed.
    """
    known = islice((entry.payload for entry in catalogue.products() if isinstance(entry, Product)), _LEARNT_FROM)
    describer = _describer(CatalogModel(list(known)), writer, encoder)
    template = Template(catalogue.text_template)
    rows = iter(entries)
    while batch := list(islice(rows, _BATCH)):
        lacking = [entry for entry in batch if isinstance(entry, Product) and not _is_told(entry, missing=True)]
        subjects = [Subject(entry.payload, None, _picture(entry), seed=entry.item_id) for entry in lacking]
        written = describer.describe(subjects, DescribeRequest(Style.LONG))
        filled = (_filled(entry, text, template, embedded) for entry, text in zip(lacking, written, strict=True))
        for entry in batch:
            lacks = isinstance(entry, Product) and not _is_told(entry, missing=True)
            yield next(filled) if lacks else entry


def _describer(shelf: CatalogModel, writer: Writer, encoder: Encoder | None) -> Describer:
    # torch, which is loaded only where something is described.
    from engine.encoders.captioner import open_captioner

    return Describer(shelf, writer, open_captioner(encoder, "model"))


def _filled(product: Product, written: Description, template: Template, embedded: bool) -> Product:
    payload: dict[str, JSON] = {**product.payload, DESCRIPTION: written.text, GENERATED: [DESCRIPTION]}
    words = template.render_item(product.item_id, payload)
    return replace(product, payload=payload, words=words, text=words if embedded else "")


def _is_told(entry: Product | Reject, missing: bool) -> bool:
    """Return whether a row has a description already, where only missing ones are wanted."""
    written = entry.payload.get(DESCRIPTION) if isinstance(entry, Product) else None
    return missing and (isinstance(entry, Reject) or bool(isinstance(written, str) and written.strip()))


def _subject(product: Product, searcher: Searcher) -> Subject | Reject:
    try:
        data = read_image(product.images[0]) if product.images else b""
        image = decode(data) if data else None
    except BadImage as error:
        return Reject(product.line, product.item_id, str(error))
    try:
        stored = get_item_subject(searcher, product.item_id)
    except ItemNotFound:
        stored = None
    vector = stored.vector if stored is not None else None
    if vector is None and image is not None and searcher.encoder is not None and IMAGE in searcher.snapshot.dims:
        vector = searcher.encoder.encode_images([image])[0]
    return Subject(product.payload, vector, image, data, seed=product.item_id)


def _picture(product: Product) -> Image.Image | None:
    """Return the first picture of a row, none where it is bad: embedding it tells why."""
    try:
        return decode(read_image(product.images[0])) if product.images else None
    except BadImage:
        return None
