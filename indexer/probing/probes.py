"""Questions whose answer is known without labels: changed pictures of items, and pieces of their texts.

A piece asked of the very text it was cut from says what a shopper finds who knows the catalogue's words. Asked of the
rest of the text, the piece held back, it says what a model understands of words that are not there.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from engine.columns.field_roles import TITLES
from indexer.catalog.product import Product, Reject
from indexer.embedding.image_loader import readable_images

SAMPLED = 256
"""Items that are asked about, drawn evenly from the whole catalogue."""
GATED = 4
"""One in so many of them is kept for the gates: nothing is learnt of it."""
MOST_PICTURES = 384
LIGHT = 0.2
SMALLEST_CROP = 0.7
_JPEG_QUALITY = 50
_LONGEST_SIDE = 512
_SHORT = (1, 2, 3)
_SENTENCE_WORDS = 12
_FEWEST_SENTENCE_WORDS = 4
_SENTENCE_ENDS = re.compile(r"(?<=[.!?。！？])\s+|\n+|(?<=[。！？])")
_WORD = re.compile(r"\w+")


class ProductReservoir:
    """A reservoir of products: each row of the catalogue is in it with the same chance, whatever their number."""

    def __init__(self, count: int = SAMPLED, seed: int = 17) -> None:
        self._rng = np.random.default_rng(seed)
        self._count = count
        self.products: list[Product] = []

    def watch(self, entries: Iterable[Product | Reject]) -> Iterator[Product | Reject]:
        """Give the entries as they come, and keep a sample of the products."""
        seen = 0
        for entry in entries:
            if isinstance(entry, Product):
                if len(self.products) < self._count:
                    self.products.append(entry)
                elif (index := int(self._rng.integers(seen + 1))) < self._count:
                    self.products[index] = entry
                seen += 1
            yield entry


class Probes(NamedTuple):
    """What is asked: pictures and texts to learn from, and others for the gates."""

    pictures: "list[PictureProbe]"
    texts: "list[TextProbe]"
    gate_pictures: "list[PictureProbe]"
    gate_texts: "list[TextProbe]"

    @classmethod
    def of(cls, products: Sequence[Product], seed: int = 22) -> "Probes":
        """Return the probes of a sample of products; no item is asked about both in learning and in gates."""
        order = np.random.default_rng(seed).permutation(len(products)).tolist()
        drawn = [products[index] for index in order]
        gated = drawn[: len(drawn) // GATED]
        learnt = drawn[len(gated) :]
        whole = [probe for probe in text_probes(gated) if not probe.rest]
        return cls(picture_probes(learnt), text_probes(learnt), picture_probes(gated), whole)


class PictureProbe(NamedTuple):
    """A changed picture of an item, as the bytes of a JPEG."""

    item_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class TextProbe:
    """A piece of an item's text. rest: the text without the piece, "" where the piece is asked of the whole text."""

    item_id: str
    text: str
    rest: str = ""


def picture_probes(products: Iterable[Product], seed: int = 18) -> list[PictureProbe]:
    """Return changed pictures: one of each picture of a product, two where it has one, MOST_PICTURES at most."""
    rng = np.random.default_rng(seed)
    probes: list[PictureProbe] = []
    for product in products:
        if len(probes) == MOST_PICTURES:
            return probes
        pictures = list(readable_images(product.images[:3]))
        for picture in (pictures * 2 if len(pictures) == 1 else pictures)[: MOST_PICTURES - len(probes)]:
            probes.append(PictureProbe(product.item_id, changed(picture, rng)))
    return probes


def changed(picture: Image.Image, rng: np.random.Generator) -> bytes:
    """Return a picture as another camera might have taken it: cropped, perhaps mirrored, lit otherwise, blurred."""
    picture = picture.copy()
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    share = float(rng.uniform(SMALLEST_CROP, 0.95))
    width, height = (max(1, round(side * share)) for side in picture.size)
    left, top = (int(rng.integers(whole - part + 1)) for whole, part in zip(picture.size, (width, height), strict=True))
    picture = picture.crop((left, top, left + width, top + height))
    if rng.random() < 0.5:
        picture = ImageOps.mirror(picture)
    picture = ImageEnhance.Brightness(picture).enhance(float(rng.uniform(1 - LIGHT, 1 + LIGHT)))
    if rng.random() < 0.25:
        picture = picture.filter(ImageFilter.GaussianBlur(1.0))
    written = BytesIO()
    picture.save(written, "JPEG", quality=_JPEG_QUALITY)
    return written.getvalue()


def text_probes(products: Iterable[Product], seed: int = 19) -> list[TextProbe]:
    """Return pieces of each product's text: a few words, asked of all and of the rest, and a sentence or a typo."""
    rng = np.random.default_rng(seed)
    probes: list[TextProbe] = []
    for product in products:
        title, sentences = _title(product.payload, product.words), _sentences(product.words)
        words = _WORD.findall(title)
        words = words[1:] if len(words) > 2 else words
        if not words:
            continue
        probes.append(TextProbe(product.item_id, " ".join(_few(words, rng))))
        few = " ".join(_few(words, rng))
        if rest := without(product.words, few):
            probes.append(TextProbe(product.item_id, few, rest))
        if len(sentences) > 1:
            sentence = sentences[int(rng.integers(1, len(sentences)))]
            piece = " ".join(sentence.split()[:_SENTENCE_WORDS])
            rest = product.words.replace(sentence, " ").strip() if rng.random() < 0.5 else ""
            probes.append(TextProbe(product.item_id, piece, rest))
        else:
            shuffled = [words[index] for index in rng.permutation(len(words))[:4].tolist()]
            probes.append(TextProbe(product.item_id, _typo(" ".join(shuffled), rng)))
    return probes


def without(text: str, piece: str) -> str:
    """Return a text without any of a piece's words, "" if nothing else is in it."""
    left_out = {word.casefold() for word in _WORD.findall(piece)}
    kept = _WORD.sub(lambda found: "" if found[0].casefold() in left_out else found[0], text)
    return " ".join(kept.split()) if _WORD.search(kept) else ""


def _title(payload: Mapping[str, Any], text: str) -> str:
    for name in TITLES:
        if isinstance(value := payload.get(name), str) and value.strip():
            return value
    return next(iter(_sentences(text)), text)


def _sentences(text: str) -> list[str]:
    """Return the title, and the sentences after it that are long enough to say something."""
    first, *others = [piece.strip() for piece in _SENTENCE_ENDS.split(text) if piece.strip()] or [""]
    return [first, *(piece for piece in others if len(piece.split()) >= _FEWEST_SENTENCE_WORDS)]


def _few(words: list[str], rng: np.random.Generator) -> list[str]:
    """Return one to three words that stand side by side."""
    length = min(int(rng.choice(_SHORT)), len(words))
    start = int(rng.integers(len(words) - length + 1))
    return words[start : start + length]


def _typo(text: str, rng: np.random.Generator) -> str:
    """Return a text with two neighbouring letters of its longest word in each other's place."""
    word = max(text.split(), key=len)
    if len(word) < 3:
        return text
    index = int(rng.integers(len(word) - 1))
    return text.replace(word, word[:index] + word[index + 1] + word[index] + word[index + 2 :], 1)
