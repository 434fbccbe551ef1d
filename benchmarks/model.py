"""A model on real products, each block by itself, without a store or weights.

Only the model's vectors count: titles search for images, images for images of the same type, altered images for
themselves, and shop photos for the product they show.
"""

import csv
import io
import random
import re
import tarfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from benchmarks import report
from engine.encoders.encoder import Encoder, ModelSpec, open_encoder
from engine.encoders.images import decode

Matrix = NDArray[np.float32]
Row = Mapping[str, str]

HELD_OUT = 0.2
CHANGED_EVERY = 3
COLOURS = ("Black", "Blue", "White", "Brown", "Grey", "Red", "Green", "Purple", "Pink", "Yellow", "Orange", "Beige")
# The product type of a title in the electronics shop, by the first match, since its catalogue has only one category.
ELECTRONICS = {
    "earphones": r"earbud|earphone|headphone|headset|neckband|\btws\b",
    "speaker": r"sound ?bar|speaker|home theatre",
    "smart watch": r"smart ?watch|smart band",
    "screen guard": r"screen (protector|guard)|tempered",
    "case": r"\bcase\b|cover|pouch|sleeve",
    "power bank": r"power ?bank",
    "remote control": r"remote",
    "cable": r"cable|cord\b|hdmi",
    "charger": r"charg|adapt[eo]r",
    "keyboard": r"keyboard",
    "mouse": r"\bmouse\b",
    "memory": r"memory card|micro ?sd|pen ?drive|ssd|hard d",
    "television": r"\btv\b|television",
    "tripod": r"tripod|selfie|gimbal",
    "camera": r"camera|cctv|lens",
    "stand": r"stand|holder|mount",
    "router": r"router|wi-?fi",
    "microphone": r"micro ?phone|\bmic\b",
}
# Article types of the fashion catalogue that match a user photo of each class.
RIGHT = {
    "dress": {"Dresses"},
    "hat": {"Caps", "Hat"},
    "longsleeve": {"Tshirts", "Tops", "Sweaters", "Sweatshirts"},
    "outwear": {"Jackets", "Waistcoat"},
    "pants": {"Trousers", "Jeans", "Track Pants", "Capris", "Leggings", "Churidar"},
    "shirt": {"Shirts"},
    "shoes": {"Casual Shoes", "Sports Shoes", "Formal Shoes", "Heels", "Flats", "Sandals", "Sports Sandals"},
    "shorts": {"Shorts", "Lounge Shorts", "Boxers", "Trunk"},
    "skirt": {"Skirts"},
    "t-shirt": {"Tshirts", "Tops"},
}


@dataclass(frozen=True, slots=True)
class Shop:
    """The rows of a catalogue, their images, and the images' unit vectors."""

    rows: Sequence[Row]
    images: Sequence[Image.Image]
    vectors: Matrix


def run(data: Path, model: str, json_path: Path | None = None, speed: bool = True) -> dict[str, Any]:
    """Measure the model on the catalogues in a folder, print the table and return the result."""
    encoder = open_encoder(ModelSpec(model), "cpu")
    found: dict[str, float] = {}
    fashion = _shop(encoder, data / "fashion_products")
    found |= _fashion(encoder, fashion)
    for name in ("electronics_listings", "ikea_furniture"):
        shop = _shop(encoder, data / name)
        found |= _catalogue(encoder, shop, name)
    found |= _grocery(encoder, data / "grocery_store")
    found |= _clothing(encoder, data / "clothing_photos", fashion)
    if speed:
        found |= _speed(encoder, fashion.images[0])
    table = report.Table(
        f"{model} on real products, each block by itself",
        ("metric", "value"),
        [[n, f"{v:.3f}"] for n, v in found.items()],
    )
    table.show()
    made_by = encoder.fingerprint
    content = {
        "model": {"name": model, "architecture": made_by.architecture, "weights_sha256": made_by.weights_sha256},
        "measured": found,
    }
    if json_path is not None:
        report.write(json_path, "model", content, [table])
    return content


def _fashion(encoder: Encoder, shop: Shop) -> dict[str, float]:
    rows = shop.rows
    titles = sorted({row["title"] for row in rows})
    # The split of `benchmarks finetune`.
    random.Random(0).shuffle(titles)
    held = set(titles[: round(HELD_OUT * len(titles))])
    at = [index for index, row in enumerate(rows) if row["title"] in held]
    images = shop.vectors[at]
    types = [name for name, count in Counter(row["article_type"] for row in rows).most_common(39) if count]
    names = encoder.encode_texts([_spoken(name) for name in types])
    known = [index for index in at if rows[index]["article_type"] in types]
    guessed = (shop.vectors[known] @ names.T).argmax(axis=1)
    pairs = Counter((row["base_colour"], row["article_type"]) for row in rows)
    asked = [pair for pair, count in pairs.items() if count >= 10 and pair[0] in COLOURS and pair[1] in types]
    queries = encoder.encode_texts([f"{colour.lower()} {_spoken(kind)}" for colour, kind in asked])
    best = np.argsort(-(queries @ shop.vectors.T), axis=1)[:, :10]
    right = {
        key: float(
            np.mean([[rows[p][key] == pair[number] for p in top] for pair, top in zip(asked, best, strict=True)])
        )
        for number, key in enumerate(("base_colour", "article_type"))
    }
    return {
        f"fashion, {len(at)} products: title finds picture, success@1": _success(
            encoder.encode_texts([rows[p]["title"] for p in at]) @ images.T, 1
        ),
        f"fashion, {len(at)} products: title finds picture, success@10": _success(
            encoder.encode_texts([rows[p]["title"] for p in at]) @ images.T, 10
        ),
        "fashion: type among 39 by its name": float(
            np.mean([types[g] == rows[p]["article_type"] for g, p in zip(guessed.tolist(), known, strict=True)])
        ),
        f"fashion: {len(asked)} queries 'colour type', colour right among 10": right["base_colour"],
        f"fashion: {len(asked)} queries 'colour type', type right among 10": right["article_type"],
        "fashion: nearest picture has the type": _nearest(shop.vectors, [row["article_type"] for row in rows]),
        **_itself(encoder, shop, "fashion"),
    }


def _catalogue(encoder: Encoder, shop: Shop, name: str) -> dict[str, float]:
    short = name.partition("_")[0]
    ikea = short == "ikea"
    texts = [f"{row['category']}, {row['color']}" if ikea else row["title"] for row in shop.rows]
    scores = encoder.encode_texts(texts) @ shop.vectors.T
    kinds = [row["category"] if ikea else _kind(row["title"]) for row in shop.rows]
    common = {kind for kind, count in Counter(kinds).items() if kind and count > 2}
    at = [index for index, kind in enumerate(kinds) if kind in common]
    return {
        f"{short}, {len(texts)} products: text finds picture, success@10": _success(scores, 10),
        f"{short}: nearest picture has the type": _nearest(shop.vectors[at], [kinds[index] for index in at]),
        **_itself(encoder, shop, short),
    }


def _itself(encoder: Encoder, shop: Shop, name: str) -> dict[str, float]:
    """Return how often an image finds itself first, unmodified and altered, by images only."""
    at = np.arange(0, len(shop.rows), CHANGED_EVERY)
    changed = encoder.encode_images([change(shop.images[index], index) for index in at.tolist()])
    found = {}
    for how, queries in (("", shop.vectors[at]), (" changed,", changed)):
        scores = queries @ shop.vectors.T
        own = scores[np.arange(len(at)), at]
        ahead = (scores > own[:, None] + 1e-6).sum(axis=1)
        found[f"{name}: a picture,{how} finds itself first"] = float((ahead < 1).mean())
        found[f"{name}: a picture,{how} finds itself among 10"] = float((ahead < 10).mean())
    return found


def _grocery(encoder: Encoder, folder: Path) -> dict[str, float]:
    shop = _shop(encoder, folder)
    photos = _read(folder / "photos.csv")
    queries = encoder.encode_images([_open(folder / row["image"]) for row in photos])
    places = {row["item_id"]: index for index, row in enumerate(shop.rows)}
    truth = np.array([places[row["item_id"]] for row in photos])
    texts = encoder.encode_texts([f"{row['title']}. {row['description']}" for row in shop.rows])
    by_text, by_image = (queries @ block.T for block in (texts, shop.vectors))
    fused = sum((scores - scores.mean()) / scores.std() for scores in (by_text, by_image))
    return {
        f"grocery, {len(photos)} shop photos of photos trained on: fused, success@1": _success(fused, 1, truth),
        f"grocery, {len(photos)} shop photos of photos trained on: fused, success@5": _success(fused, 5, truth),
    }


def _clothing(encoder: Encoder, folder: Path, fashion: Shop) -> dict[str, float]:
    photos = _read(folder / "photos.csv")
    queries = encoder.encode_images([_open(folder / row["image"]) for row in photos])
    first = (queries @ fashion.vectors.T).argmax(axis=1)
    right = [
        fashion.rows[index]["article_type"] in RIGHT[row["category"]]
        for index, row in zip(first.tolist(), photos, strict=True)
    ]
    name = f"clothing, {len(photos)} users' photos of photos trained on: first fashion product is the right garment"
    return {name: float(np.mean(right))}


def _speed(encoder: Encoder, image: Image.Image, rounds: int = 400) -> dict[str, float]:
    """Return the milliseconds to encode one image and one short text with the engine, the minimum of several runs."""
    found = {}
    ways: dict[str, Callable[[], Matrix]] = {
        "milliseconds a picture, the fastest of 400": lambda: encoder.encode_images([image]),
        "milliseconds a short text, the fastest of 400": lambda: encoder.encode_texts(["red leather shoe"]),
    }
    for name, work in ways.items():
        work()
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            work()
            took.append(time.perf_counter() - began)
        found[name] = min(took) * 1000
    return found


def change(image: Image.Image, number: int) -> Image.Image:
    """Return the central 70 % of an image, flipped, a fifth lighter or darker, as JPEG of quality 50."""
    share = 0.7**0.5
    width, height = round(image.width * share), round(image.height * share)
    x, y = (image.width - width) // 2, (image.height - height) // 2
    cut = image.crop((x, y, x + width, y + height)).transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    lit = ImageEnhance.Brightness(cut).enhance(1.2 if number % 2 else 0.8)
    buffer = io.BytesIO()
    lit.save(buffer, "JPEG", quality=50)
    return Image.open(buffer).convert("RGB")


def _success(scores: Matrix, k: int, truth: NDArray[np.int64] | None = None) -> float:
    at = np.arange(len(scores))
    own = scores[at, at if truth is None else truth]
    return float(((scores > own[:, None]).sum(axis=1) < k).mean())


def _nearest(vectors: Matrix, kinds: Sequence[str | None]) -> float:
    """Return how often the nearest other row is of the same type."""
    right = 0
    for start in range(0, len(vectors), 1000):
        scores = vectors[start : start + 1000] @ vectors.T
        at = np.arange(len(scores))
        scores[at, start + at] = -np.inf
        right += sum(kinds[start + p] == kinds[q] for p, q in enumerate(scores.argmax(axis=1).tolist()))
    return right / len(vectors)


def _kind(title: str) -> str | None:
    return next((kind for kind, words in ELECTRONICS.items() if re.search(words, title.lower())), None)


def _spoken(article_type: str) -> str:
    return article_type.lower().replace("tshirts", "t-shirts")


def _shop(encoder: Encoder, folder: Path) -> Shop:
    rows = _read(folder / "catalog.csv")
    with ExitStack() as opened:
        archives = {path.name: opened.enter_context(tarfile.open(path)) for path in sorted(folder.glob("images-*.tar"))}
        images = [
            _extract(archives[row["archive"]], row["image"]) if archives else _open(folder / row["image"])
            for row in rows
        ]
    return Shop(rows, images, encoder.encode_images(images))


def _extract(archive: tarfile.TarFile, name: str) -> Image.Image:
    member = archive.extractfile(name)
    if member is None:
        raise FileNotFoundError(f"expected the file {name}, got a folder")
    return decode(member.read())


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _open(path: Path) -> Image.Image:
    return decode(path.read_bytes())
