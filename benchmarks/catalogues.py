"""Searches on real catalogues with default settings: does an image, altered or not, or a text find its own item?

The indexer builds each catalogue with its defaults, and the searches run in this process. Single blocks are measured as
well, which shows what the model could do with ideal weights. If there are user photos of clothes, they are searched in
the fashion catalogue for the same kind of garment.
"""

import csv
import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from benchmarks import report
from benchmarks.datasets import DATA, real
from engine.encoders.encoder import ModelSpec
from engine.encoders.images import decode
from engine.lexical.bm25 import LEXICAL
from engine.scoring.query import ImagePart, Query, TextPart
from engine.search.searcher import Searcher
from engine.search.store_searcher import open_searcher
from engine.snapshot.manifest import Manifest
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import prune
from indexer.progress import Reporter

CATALOGUES = ("fashion_products", "electronics_listings", "ikea_furniture", "grocery_store")
FASHION, PHOTOS = "fashion_products", "clothing_photos"
ITEMS = 150
CROP, LIGHT, QUALITY = 0.7, 0.2, 50
COLOUR_TYPES = 200
COMBINED = 100
DEFAULTS = "defaults"
EQUAL = "all alike"
K = 10

GARMENTS = {
    "dress": {"Dresses"},
    "hat": {"Caps", "Hat"},
    "longsleeve": {"Sweaters", "Sweatshirts", "Tops", "Tshirts", "Shirts"},
    "outwear": {"Jackets", "Sweaters", "Sweatshirts", "Waistcoat", "Shrug"},
    "pants": {"Trousers", "Jeans", "Track Pants", "Leggings", "Churidar", "Capris"},
    "shirt": {"Shirts", "Kurtas", "Kurtis", "Tunics"},
    "shoes": {
        "Casual Shoes",
        "Sports Shoes",
        "Formal Shoes",
        "Heels",
        "Flats",
        "Sandals",
        "Sports Sandals",
        "Flip Flops",
    },
    "shorts": {"Shorts", "Lounge Shorts", "Boxers", "Trunk"},
    "skirt": {"Skirts"},
    "t-shirt": {"Tshirts", "Tops"},
}
"""The kinds of garment in the photos, and the types of the fashion catalogue that correspond to each."""

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class WeightSetting:
    """A search setting: the weights of a request, none for the defaults."""

    name: str
    weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Shop:
    """A built catalogue: its rows by id, the folder of its images, and its searcher."""

    name: str
    rows: Mapping[str, Row]
    folder: Path
    searcher: Searcher
    build_s: float

    @property
    def manifest(self) -> Manifest:
        """The manifest of the snapshot."""
        return self.searcher.snapshot.manifest

    def ways(self, kind: str) -> list[WeightSetting]:
        """Return the defaults and each single block that a kind of query part can search."""
        blocks = [*self.manifest.encoded_blocks]
        blocks += [*self.manifest.text_encoded_blocks, LEXICAL] if kind == "text" else []
        return [WeightSetting(DEFAULTS, {}), *(WeightSetting(block, {LEXICAL: 0.0} | {block: 1.0}) for block in blocks)]


def run(
    data: Path,
    model: ModelSpec,
    names: Sequence[str] = CATALOGUES,
    json_path: Path | None = None,
    stores: Path = DATA / "catalogues",
) -> dict[str, Any]:
    """Build the catalogues in `data`, measure, print the tables and return the result.

    Cost: with the embedded model about five minutes on two cores, mostly for embedding.
    """
    there = [name for name in names if (data / name / "catalog.csv").is_file()]
    shops = [_open(data / name, model, stores) for name in there]
    pictures = {shop.name: _pictures(shop) for shop in shops}
    texts = {shop.name: _texts(shop) for shop in shops}
    tables = [_picture_table(pictures), _text_table(texts), _weight_table(shops)]
    content: dict[str, Any] = {
        "settings": {"items": ITEMS, "crop": CROP, "light": LIGHT, "jpeg_quality": QUALITY, "k": K},
        "model": model.model,
        "catalogues": {
            shop.name: {
                "items": shop.manifest.item_count,
                "build_s": round(shop.build_s, 1),
                "pictures": pictures[shop.name],
                "texts": texts[shop.name],
                "part_weights": [record.model_dump() for record in shop.manifest.part_weights],
                "gates": [gate.model_dump() for gate in shop.manifest.gates],
            }
            for shop in shops
        },
    }
    fashion = next((shop for shop in shops if shop.name == FASHION), None)
    if fashion is not None:
        content["colour_types"] = _colour_types(fashion)
        content["combined"] = _combined(fashion)
        tables += [_colour_type_table(content["colour_types"], content["combined"])]
        if (data / PHOTOS / "photos.csv").is_file():
            content["garments"] = _garments(fashion, data / PHOTOS)
            tables += [_garment_table(content["garments"])]
    for table in tables:
        table.show()
    if json_path is not None:
        report.write(json_path, "catalogues", content, tables)
    return content


def changed(data: bytes, rng: np.random.Generator) -> bytes:
    """Return an image cropped to CROP of its area, mirrored, lit differently by LIGHT and compressed as JPEG."""
    picture = decode(data)
    width, height = (max(1, round(side * CROP**0.5)) for side in picture.size)
    left, top = (int(rng.integers(whole - part + 1)) for whole, part in zip(picture.size, (width, height), strict=True))
    picture = ImageOps.mirror(picture.crop((left, top, left + width, top + height)))
    picture = ImageEnhance.Brightness(picture).enhance(1 + float(rng.choice([-LIGHT, LIGHT])))
    return _to_jpeg(picture)


def _to_jpeg(picture: Image.Image) -> bytes:
    written = BytesIO()
    picture.save(written, "JPEG", quality=QUALITY)
    return written.getvalue()


def _open(folder: Path, model: ModelSpec, stores: Path) -> Shop:
    catalogue = real(folder)
    store = stores / folder.name
    with Reporter() as progress:
        started = time.perf_counter()
        manifest = build(BuildConfig(catalogue, store, model=model, publish=False), progress)
        build_s = time.perf_counter() - started
    prune(Store(store), keep=1)
    opened = open_searcher(store, manifest.snapshot)
    return Shop(folder.name, {row["item_id"]: row for row in _rows(catalogue)}, catalogue.parent, opened, build_s)


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _drawn(shop: Shop, seed: int) -> list[str]:
    there = sorted(row_id for row_id, row in shop.rows.items() if row.get("image"))
    drawn = np.random.default_rng(seed).permutation(len(there))[:ITEMS]
    return [there[index] for index in drawn.tolist()]


def _found(searcher: Searcher, asked: Sequence[tuple[str, Query]], way: WeightSetting) -> list[int]:
    """Return the rank of each query's own item, counted from 1, or 0 if it is not among the first ten hits."""
    ranks = []
    for item_id, query in asked:
        hits = searcher.search(Query(query.parts, way.weights, limit=K)).hits
        ranks.append(next((rank for rank, hit in enumerate(hits, start=1) if hit.item_id == item_id), 0))
    return ranks


def _shares(ranks: Sequence[int]) -> dict[str, float]:
    count = max(len(ranks), 1)
    return {
        "first": round(sum(rank == 1 for rank in ranks) / count, 4),
        "among_ten": round(sum(rank > 0 for rank in ranks) / count, 4),
    }


def _pictures(shop: Shop, seed: int = 41) -> dict[str, dict[str, dict[str, float]]]:
    rng = np.random.default_rng(seed)
    own = [(item_id, (shop.folder / shop.rows[item_id]["image"]).read_bytes()) for item_id in _drawn(shop, seed)]
    asked = {"own": own, "changed": [(item_id, changed(data, rng)) for item_id, data in own]}
    return {
        way.name: {
            name: _shares(_found(shop.searcher, [(item_id, Query((ImagePart(data),))) for item_id, data in some], way))
            for name, some in asked.items()
        }
        for way in shop.ways("image")
    }


def _texts(shop: Shop, seed: int = 42) -> dict[str, dict[str, float]]:
    """Search for one to four consecutive words of each title, without its first word, which is often a brand."""
    rng = np.random.default_rng(seed)
    asked = []
    for item_id in _drawn(shop, seed):
        words = re.findall(r"\w+", shop.rows[item_id]["title"])[1:]
        if words:
            length = min(int(rng.integers(1, 5)), len(words))
            start = int(rng.integers(len(words) - length + 1))
            asked.append((item_id, Query((TextPart(" ".join(words[start : start + length])),))))
    return {way.name: _shares(_found(shop.searcher, asked, way)) for way in shop.ways("text")}


def _colour_types(shop: Shop, seed: int = 43) -> dict[str, dict[str, float]]:
    """Search "blue jeans" for pairs that ten products have. Returns the share of hits of that type and colour."""
    counts = Counter((row["base_colour"], row["article_type"]) for row in shop.rows.values())
    pairs = sorted(pair for pair, count in counts.items() if count >= K and all(pair))
    drawn = np.random.default_rng(seed).permutation(len(pairs))[:COLOUR_TYPES].tolist()
    blocks = [block.name for block in shop.manifest.blocks]
    alike = dict.fromkeys(blocks, 1 / len(blocks)) | {LEXICAL: 1.0}
    ways = [*shop.ways("text"), WeightSetting(EQUAL, alike)]
    asked = [(pairs[index], (TextPart(" ".join(pairs[index]).lower()),)) for index in drawn]
    return {way.name: _precision(shop, asked, way) for way in ways}


def _combined(shop: Shop, seed: int = 44) -> dict[str, dict[str, float]]:
    """Search with an image and "in COLOUR" for another colour of its type that ten products or more have."""
    rng = np.random.default_rng(seed)
    counts = Counter((row["base_colour"], row["article_type"]) for row in shop.rows.values())
    asked: list[tuple[tuple[str, str], Any]] = []
    for item_id in _drawn(shop, seed):
        row = shop.rows[item_id]
        others = sorted(
            colour for (colour, kind), count in counts.items()
            if kind == row["article_type"] and colour not in ("", row["base_colour"]) and count >= K
        )  # fmt: skip
        if others and len(asked) < COMBINED:
            colour = str(rng.choice(others))
            parts = (ImagePart((shop.folder / row["image"]).read_bytes()), TextPart(f"in {colour.lower()}"))
            asked.append(((colour, row["article_type"]), parts))
    return {
        way.name: _precision(shop, asked, way)
        for way in (WeightSetting(DEFAULTS, {}), WeightSetting("image", {"image": 1.0, LEXICAL: 0.0}))
    }


def _precision(shop: Shop, asked: Sequence[tuple[tuple[str, str], Any]], way: WeightSetting) -> dict[str, float]:
    shares = []
    for (colour, kind), parts in asked:
        hits = [shop.rows[hit.item_id] for hit in shop.searcher.search(Query(parts, way.weights, limit=K)).hits]
        of_kind = [row["article_type"] == kind for row in hits]
        of_colour = [row["base_colour"] == colour for row in hits]
        both = [one and other for one, other in zip(of_kind, of_colour, strict=True)]
        shares.append([sum(some) / K for some in (of_kind, of_colour, both)])
    means = np.mean(shares, axis=0)
    return {"type": round(float(means[0]), 4), "colour": round(float(means[1]), 4), "both": round(float(means[2]), 4)}


def _garments(shop: Shop, folder: Path) -> dict[str, dict[str, float]]:
    """Return the share of photos, by kind and overall, whose first hit is the same kind of garment."""
    photos = _rows(folder / "photos.csv")
    result: dict[str, dict[str, float]] = {}
    for way in shop.ways("image"):
        right: dict[str, list[bool]] = {}
        for photo in photos:
            part = ImagePart((folder / photo["image"]).read_bytes())
            (hit,) = shop.searcher.search(Query((part,), way.weights, limit=1)).hits
            kind = photo["category"]
            right.setdefault(kind, []).append(shop.rows[hit.item_id]["article_type"] in GARMENTS[kind])
        everything = [one for some in right.values() for one in some]
        result[way.name] = {
            "all": round(sum(everything) / len(everything), 4),
            **{kind: round(sum(some) / len(some), 4) for kind, some in sorted(right.items())},
        }
    return result


def _picture_table(found: Mapping[str, Mapping[str, Mapping[str, Mapping[str, float]]]]) -> report.Table:
    rows = [
        [name, way, *(f"{shares[kind][share]:.3f}" for kind in ("own", "changed") for share in ("first", "among_ten"))]
        for name, ways in found.items()
        for way, shares in ways.items()
    ]
    columns = (
        "catalogue",
        "blocks",
        "own image: success@1",
        "own image: success@10",
        "altered image: success@1",
        "altered image: success@10",
    )
    return report.Table(f"Image search for an item by its own image, {ITEMS} items per catalogue", columns, rows)


def _text_table(found: Mapping[str, Mapping[str, Mapping[str, float]]]) -> report.Table:
    rows = [
        [name, way, f"{shares['first']:.3f}", f"{shares['among_ten']:.3f}"]
        for name, ways in found.items()
        for way, shares in ways.items()
    ]
    return report.Table(
        "Text search for an item by one to four words of its title",
        ("catalogue", "blocks", "success@1", "success@10"),
        rows,
    )


def _weight_table(shops: Sequence[Shop]) -> report.Table:
    rows = [
        [
            shop.name,
            record.part_kind,
            record.block,
            f"{record.weight:.3f}",
            f"{record.auc:.3f}",
            f"{record.success_at_1:.3f}",
        ]
        for shop in shops
        for record in shop.manifest.part_weights
    ]
    columns = ("catalogue", "part", "block", "weight", "AUC", "success@1")
    return report.Table("Learned weights", columns, rows)


def _colour_type_table(
    texts: Mapping[str, Mapping[str, float]], combined: Mapping[str, Mapping[str, float]]
) -> report.Table:
    named = [(f'"blue jeans", {way}', shares) for way, shares in texts.items()]
    named += [(f"picture and another colour, {way}", shares) for way, shares in combined.items()]
    rows = [[name, *(f"{shares[key]:.3f}" for key in ("type", "colour", "both"))] for name, shares in named]
    return report.Table(
        "Precision of the first ten hits in the fashion catalogue", ("query", "type", "colour", "both"), rows
    )


def _garment_table(found: Mapping[str, Mapping[str, float]]) -> report.Table:
    kinds = list(next(iter(found.values())))
    rows = [[kind, *(f"{shares[kind]:.3f}" for shares in found.values())] for kind in kinds]
    title = "User photos: share of first hits that are the same kind of garment"
    return report.Table(title, ("garment", *found), rows)
