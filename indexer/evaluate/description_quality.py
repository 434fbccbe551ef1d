"""Accuracy of generated descriptions: texts about items whose attributes were withheld, checked against them.

The ground truth and its vocabulary are the catalogue's own: its fields, and the words of its titles.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.descriptions.catalog_model import IMAGE, CatalogModel
from engine.descriptions.claim_vocabulary import ClaimVocabulary
from engine.descriptions.describer import Describer, DescribeRequest, Description, Subject
from engine.descriptions.fact_check import contradictions
from engine.descriptions.facts import COLOUR, TYPE, Facts
from engine.descriptions.grammar import count_words
from engine.descriptions.subjects import SAME_PICTURE, find_nearest_payload
from engine.descriptions.writer import Writer
from engine.encoders.encoder import Encoder, ModelSpec, open_encoder
from engine.errors import InvalidCatalogue
from engine.search.searcher import Searcher
from indexer.catalog import CatalogSpec, Product, read
from indexer.catalog.product import ImageSource
from indexer.catalog.table_rows import read_table, require_value
from indexer.embedding.image_loader import decode_image, read_image
from indexer.progress import Progress

SEED = 7
_BATCH = 16
# The number of words of a description that shoppers read to the end.
READABLE = (4, 100)


@dataclass(frozen=True, slots=True)
class JudgedPicture:
    """A picture and the item it shows."""

    image: ImageSource
    product: Product


@dataclass(frozen=True, slots=True)
class Verdict:
    """The checks of one text; None where the catalogue has no value to check."""

    text: str
    item_id: str
    type_named: bool | None
    colour_named: bool | None
    product_named: bool
    contradictions: tuple[str, ...]

    @property
    def readable(self) -> bool:
        """Whether the length is that of a description."""
        return READABLE[0] <= count_words(self.text) <= READABLE[1]


def read_pictures(catalogue: Path, photos: Path | None, most: int) -> tuple[list[JudgedPicture], ClaimVocabulary]:
    """Return at most `most` random pictures with the items they show, and the vocabulary of the whole catalogue.

    Args:
        photos: A file of further pictures (image, item_id) to use instead of the catalogue's own.

    Raises:
        InvalidCatalogue: There are no pictures.
    """
    products = {entry.item_id: entry for entry in read(CatalogSpec(catalogue)) if isinstance(entry, Product)}
    payloads = [product.payload for product in products.values()]
    shown = [JudgedPicture(product.images[0], product) for product in products.values() if product.images]
    if photos is not None:
        shown = []
        for number, row in read_table(photos):
            item_id = require_value(photos, number, row, "item_id")
            if item_id not in products:
                raise InvalidCatalogue(f"{photos}, row {number}: expected an item of {catalogue}, got {item_id!r}")
            shown.append(JudgedPicture(photos.parent / require_value(photos, number, row, "image"), products[item_id]))
    if not shown:
        raise InvalidCatalogue(f"{catalogue}: expected an item with a picture, got none")
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(shown))[:most]).tolist()
    names = CatalogModel(payloads).vocabulary
    return [shown[index] for index in chosen], names


def describe_judged(
    shown: Sequence[JudgedPicture],
    searcher: Searcher | None,
    writer: Writer,
    request: DescribeRequest,
    with_fields: bool,
    progress: Progress,
) -> Iterator[Description]:
    """Yield the description of each picture, with the images and vectors that a server would have.

    Args:
        searcher: Of a store whose other items are known, None for the embedded model alone.
        with_fields: Whether the writer gets the item's own fields, as for a served item. If not, items of the store
            with the same picture are hidden too.
    """
    from engine.encoders.captioner import EMBEDDED, open_captioner

    encoder = open_encoder(ModelSpec(EMBEDDED.model)) if searcher is None else searcher.encoder
    captioner = open_captioner(encoder, "" if searcher is None else _model(searcher))
    image_bytes = [read_image(picture.image) for picture in shown]
    images = [decode_image(data, picture.image) for data, picture in zip(image_bytes, shown, strict=True)]
    vectors = None if encoder is None else _encode(encoder, images)
    hidden = {} if searcher is None or with_fields else _hidden(searcher, shown, vectors)
    catalogue_model = CatalogModel([]) if searcher is None else CatalogModel.of(searcher.view, frozenset(hidden))
    without = frozenset(hidden.values())
    describer = Describer(
        catalogue_model,
        writer,
        captioner,
        encoder,
        None if searcher is None else searcher.snapshot.calibration,
        () if searcher is None else searcher.snapshot.manifest.encoded_blocks,
    )
    subjects = [
        Subject(
            picture.product.payload if with_fields else {},
            None if vectors is None else vectors[index],
            images[index],
            seed=picture.product.item_id,
            nearest=(
                {} if with_fields or searcher is None else find_nearest_payload(searcher, image_bytes[index], without)
            ),
        )
        for index, picture in enumerate(shown)
    ]
    for start in range(0, len(subjects), _BATCH):
        yield from describer.describe(subjects[start : start + _BATCH], request)
        progress("describe", min(len(shown), start + _BATCH), len(shown))


def judge(text: str, product: Product, vocabulary: ClaimVocabulary) -> Verdict:
    """Return the verdict on a text by the fields of its item."""
    facts = Facts.of(product.payload, vocabulary.fields)
    claims = vocabulary.claims(text)

    def names(role: str) -> bool | None:
        if role not in facts.values:
            return None
        right = vocabulary.meanings(role, facts.first(role))
        return any(claim.role == role and claim.meanings & right for claim in claims)

    wrong = contradictions(text, facts, vocabulary)
    product_type, low = facts.first(TYPE).lower(), text.lower()
    return Verdict(
        text=text,
        item_id=product.item_id,
        type_named=names(TYPE),
        colour_named=names(COLOUR),
        product_named=bool(facts.title and facts.title.lower() in low) or bool(product_type and product_type in low),
        contradictions=tuple(f"{claim.role}: {text[claim.start : claim.end]}" for claim in wrong),
    )


def summarise(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Return the shares of texts, 0 to 1: right type and colour, product or type named, contradicting, readable."""
    lengths = [count_words(verdict.text) for verdict in verdicts]
    return {
        "texts": len(verdicts),
        "right_type": _share([verdict.type_named for verdict in verdicts]),
        "right_colour": _share([verdict.colour_named for verdict in verdicts]),
        "product_or_type_named": _share([verdict.product_named for verdict in verdicts]),
        "contradicting": _share([bool(verdict.contradictions) for verdict in verdicts]),
        "readable": _share([verdict.readable for verdict in verdicts]),
        "words_p50": int(np.median(lengths)),
        "words_most": max(lengths),
    }


def _share(verdicts: Sequence[bool | None]) -> float | None:
    known = [verdict for verdict in verdicts if verdict is not None]
    return round(sum(known) / len(known), 4) if known else None


def _model(searcher: Searcher) -> str:
    model = searcher.snapshot.manifest.model
    return "" if model is None else model.model


def _encode(encoder: Encoder, images: Sequence[Image.Image]) -> NDArray[np.float32]:
    return np.concatenate(
        [encoder.encode_images(images[start : start + _BATCH]) for start in range(0, len(images), _BATCH)]
    )


def _hidden(searcher: Searcher, shown: Sequence[JudgedPicture], vectors: NDArray[np.float32] | None) -> dict[int, str]:
    """Return row → id of the items of a store that show the very pictures described."""
    view = searcher.view
    hidden: dict[int, str] = {}
    if vectors is None:
        return hidden
    for index, (picture, row) in enumerate(
        zip(shown, view.rows_of([picture.product.item_id for picture in shown]), strict=True)
    ):
        stored: Mapping[str, Any] = {} if row is None else view.vectors(row)
        if row is not None and IMAGE in stored and float(stored[IMAGE] @ vectors[index]) >= SAME_PICTURE:
            hidden[row] = picture.product.item_id
    return hidden
