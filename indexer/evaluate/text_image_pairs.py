"""Whether texts and pictures find each other, for a catalogue without judgments: each text searches its picture.

Only the item's own picture counts: an item with the same look or title is wrong. So 1 may be out of reach, and what
matters is the comparison of two models or snapshots.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.errors import InvalidCatalogue, InvalidSetting
from engine.scoring.query import ImagePart, Part, Query, TextPart
from engine.search.searcher import Searcher
from indexer.catalog import CatalogSpec, Product, read
from indexer.catalog.product import ImageSource
from indexer.embedding.image_loader import read_image
from indexer.evaluate.ranking_metrics import confidence_interval, reciprocal_rank, success

Progress = Callable[[str, int, int | None], None]

TEXT_TO_IMAGE, IMAGE_TO_TEXT = "text_to_image", "image_to_text"


class Pair(NamedTuple):
    """An item's text and picture."""

    item_id: str
    text: str
    image: ImageSource


def evaluate(
    searcher: Searcher, catalogue: Path, text_template: str, most: int, k: int, progress: Progress
) -> dict[str, dict[str, float | list[float]]]:
    """Return success@1, success@k with its interval, and MRR@k in each direction that the snapshot's model supports.

    Evaluated are at most `most` random items of the catalogue that are in the snapshot and have a text and a picture.

    Raises:
        InvalidCatalogue: Fewer than two such items.
        InvalidSetting: No model embeds both.
    """
    pairs = draw(read_pairs(searcher, catalogue, text_template), most)
    if len(pairs) < 2:
        raise InvalidCatalogue(
            f"{catalogue}: expected at least 2 items of the snapshot with text and picture, got {len(pairs)}"
        )
    return {name: _measure(searcher, pairs, name, k, progress) for name in directions(searcher)}


def directions(searcher: Searcher) -> list[str]:
    """Return the directions that the snapshot's model supports. Raises InvalidSetting if there is none."""
    encoded = searcher.snapshot.manifest.encoded_blocks
    if "image" not in encoded:
        raise InvalidSetting(f"expected a snapshot whose model embeds pictures, got the blocks {', '.join(encoded)}")
    return [TEXT_TO_IMAGE, *([IMAGE_TO_TEXT] if "text" in encoded else [])]


def read_pairs(searcher: Searcher, catalogue: Path, text_template: str) -> list[Pair]:
    """Return the items of the catalogue that are in the snapshot and have a text and a picture, in file order."""
    products = [product for product in _products(catalogue, text_template) if product.text and product.images]
    rows = searcher.view.rows_of([product.item_id for product in products])
    return [
        Pair(product.item_id, product.text, product.images[0])
        for product, row in zip(products, rows, strict=True)
        if row is not None
    ]


def draw(pairs: Sequence[Pair], most: int, seed: int = 7) -> list[Pair]:
    """Return `most` random pairs, all of them if there are fewer, in order."""
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:most]
    return [pairs[index] for index in sorted(drawn.tolist())]


def _products(catalogue: Path, text_template: str) -> Iterator[Product]:
    return (entry for entry in read(CatalogSpec(catalogue, text_template)) if isinstance(entry, Product))


def _measure(
    searcher: Searcher, pairs: Sequence[Pair], direction: str, k: int, progress: Progress
) -> dict[str, float | list[float]]:
    first, in_top_k, ranks = [], [], []
    for index, pair in enumerate(pairs):
        progress(direction, index, len(pairs))
        part, block = _to_part(pair, direction)
        hits = searcher.search(Query((part,), {block: 1.0}, limit=k)).hits
        own = [float(hit.item_id == pair.item_id) for hit in hits]
        first.append(success(own, 1))
        in_top_k.append(success(own, k))
        ranks.append(reciprocal_rank(own, k))
    progress(direction, len(pairs), len(pairs))
    return {
        "queries": len(pairs),
        "success@1": round(float(np.mean(first)), 4),
        f"success@{k}": round(float(np.mean(in_top_k)), 4),
        "success_interval": [round(end, 4) for end in confidence_interval(in_top_k)],
        f"mrr@{k}": round(float(np.mean(ranks)), 4),
    }


def _to_part(pair: Pair, direction: str) -> tuple[Part, str]:
    if direction == TEXT_TO_IMAGE:
        return TextPart(pair.text, block="image"), "image"
    return ImagePart(read_image(pair.image), block="text"), "text"
