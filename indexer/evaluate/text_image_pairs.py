"""Do texts and pictures find each other? For a catalogue that nobody judged: each item's text looks for its picture.

Strictly its own: an item that looks the same, or is called the same, counts as wrong. So 1 may be out of reach, and
what tells is the comparison of two models, or of two snapshots.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from engine.errors import InvalidCatalogue, InvalidSetting
from engine.scoring.query import ImagePart, Part, Query, TextPart
from engine.search.searcher import Searcher
from indexer.catalog import CatalogSpec, Product, read
from indexer.evaluate.ranking_metrics import interval, reciprocal_rank, success

Progress = Callable[[str, int, int | None], None]

TEXT_TO_IMAGE, IMAGE_TO_TEXT = "text_to_image", "image_to_text"


class Pair(NamedTuple):
    """One item's words and its picture."""

    item_id: str
    text: str
    image: Path | bytes


def evaluate(
    searcher: Searcher, catalogue: Path, text_template: str, most: int, k: int, progress: Progress
) -> dict[str, dict[str, float | list[float]]]:
    """Return success@1, success@k with its interval, and MRR@k of each way that the snapshot's model can be asked.

    Of the catalogue's items those count that the snapshot holds and that have text and picture; `most` of them ask,
    drawn at random. Raises InvalidCatalogue if fewer than two are left, InvalidSetting if no model sees both.
    """
    pairs = draw(read_pairs(searcher, catalogue, text_template), most)
    if len(pairs) < 2:
        raise InvalidCatalogue(
            f"{catalogue}: expected at least 2 items of the snapshot with text and picture, got {len(pairs)}"
        )
    return {name: _measured(searcher, pairs, name, k, progress) for name in ways(searcher)}


def ways(searcher: Searcher) -> list[str]:
    """Return the directions that the snapshot's model can be asked. Raises InvalidSetting if there is none."""
    encoded = searcher.snapshot.manifest.encoded_blocks
    if "image" not in encoded:
        raise InvalidSetting(f"expected a snapshot whose model saw pictures, got the blocks {', '.join(encoded)}")
    return [TEXT_TO_IMAGE, *([IMAGE_TO_TEXT] if "text" in encoded else [])]


def read_pairs(searcher: Searcher, catalogue: Path, text_template: str) -> list[Pair]:
    """Return the items of the catalogue that the snapshot holds and that have text and picture, in the file's order."""
    products = [product for product in _products(catalogue, text_template) if product.text and product.images]
    rows = searcher.view.rows_of([product.item_id for product in products])
    return [
        Pair(product.item_id, product.text, product.images[0])
        for product, row in zip(products, rows, strict=True)
        if row is not None
    ]


def draw(pairs: Sequence[Pair], most: int, seed: int = 7) -> list[Pair]:
    """Return `most` pairs drawn at random, all of them if there are fewer, in their order."""
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:most]
    return [pairs[place] for place in sorted(drawn.tolist())]


def _products(catalogue: Path, text_template: str) -> Iterator[Product]:
    return (entry for entry in read(CatalogSpec(catalogue, text_template)) if isinstance(entry, Product))


def _measured(
    searcher: Searcher, pairs: Sequence[Pair], way: str, k: int, progress: Progress
) -> dict[str, float | list[float]]:
    first, best, ranks = [], [], []
    for place, pair in enumerate(pairs):
        progress(way, place, len(pairs))
        part, block = _asked(pair, way)
        hits = searcher.search(Query((part,), {block: 1.0}, limit=k)).hits
        own = [float(hit.item_id == pair.item_id) for hit in hits]
        first.append(success(own, 1))
        best.append(success(own, k))
        ranks.append(reciprocal_rank(own, k))
    progress(way, len(pairs), len(pairs))
    return {
        "queries": len(pairs),
        "success@1": round(float(np.mean(first)), 4),
        f"success@{k}": round(float(np.mean(best)), 4),
        "success_interval": [round(end, 4) for end in interval(best)],
        f"mrr@{k}": round(float(np.mean(ranks)), 4),
    }


def _asked(pair: Pair, way: str) -> tuple[Part, str]:
    if way == TEXT_TO_IMAGE:
        return TextPart(pair.text, block="image"), "image"
    data = pair.image if isinstance(pair.image, bytes) else pair.image.read_bytes()
    return ImagePart(data, block="text"), "text"
