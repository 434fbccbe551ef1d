"""The images that an alignment is trained on, each with the texts that fit it."""

import csv
import io
import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from indexer.train.alignment.packages import Packages

# The ten classes of the clothing photos in plain words: the class's name, and other names from WordNet.
GARMENTS: dict[str, tuple[str, ...]] = {
    "dress": ("dress", "frock"),
    "hat": ("hat", "headgear", "headdress"),
    "longsleeve": ("long sleeve top", "long-sleeved shirt", "long sleeve"),
    "outwear": ("outerwear", "outer garment", "overgarment"),
    "pants": ("pants", "trousers", "slacks"),
    "shirt": ("shirt", "dress shirt"),
    "shoes": ("shoes", "footwear", "shoe"),
    "shorts": ("shorts", "short pants"),
    "skirt": ("skirt",),
    "t-shirt": ("t-shirt", "jersey", "tee shirt"),
}


@dataclass(frozen=True, slots=True)
class TrainingImage:
    """One image.

    Attributes:
        source: "clothing", "grocery", "sample" or "emoji".
        name: Its name within the source.
        data: The bytes of the file.
        texts: The texts that fit it.
        group: Images of one group show the same.
        noun: What it shows.
        colour: Its colour; None to determine it from the pixels.
    """

    source: str
    name: str
    data: bytes
    texts: tuple[str, ...]
    group: str
    noun: str
    colour: str | None = None


def open_picture(data: bytes) -> Image.Image:
    """Return the image in RGB, with white for transparent pixels."""
    image: Image.Image = Image.open(io.BytesIO(data))
    if image.mode in ("RGBA", "LA", "P"):
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        white.alpha_composite(image)
        image = white
    return image.convert("RGB")


def clothing(folder: Path) -> Iterator[TrainingImage]:
    """Yield the photos of clothing-dataset-small, which has one folder for each class."""
    for path in sorted((folder / "train").glob("*/*.jpg")):
        label = path.parent.name
        if label in GARMENTS:
            texts = GARMENTS[label]
            yield TrainingImage("clothing", path.stem, path.read_bytes(), texts, label, texts[0])


def grocery(folder: Path) -> Iterator[TrainingImage]:
    """Yield the photos of GroceryStoreDataset, with the fine and coarse names from its class list."""
    with (folder / "classes.csv").open(encoding="utf-8", newline="") as file:
        coarse = {row["Class Name (str)"]: row["Coarse Class Name (str)"] for row in csv.DictReader(file)}
    for path in sorted((folder / "train").rglob("*.jpg")):
        named = next((name for name in (path.parent.name, path.parent.parent.name) if name in coarse), None)
        if named is not None:
            title, kind = named.replace("-", " "), coarse[named].replace("-", " ")
            texts = (title, title, f"{title}, {kind}", kind)
            yield TrainingImage("grocery", path.stem, path.read_bytes(), texts, named, title)


def sample(folder: Path) -> Iterator[TrainingImage]:
    """Yield the product images of `indexer sample`."""
    with (folder / "catalog.jsonl").open(encoding="utf-8") as file:
        for row in map(json.loads, file):
            kind, colour = row["product_type"], row["color"]
            texts = (f"{colour} {kind}", row["title"], kind, f"{row['title']}. {row['description']}")
            data = (folder / row["image"]).read_bytes()
            yield TrainingImage("sample", row["item_id"], data, texts, f"{colour} {kind}", kind, colour)


def emoji(packages: Packages) -> Iterator[TrainingImage]:
    """Yield the emoji of a single code point with their Unicode names, except faces."""
    for stem, data in packages.emoji():
        points = [int(part, 16) for part in stem.split("-") if part != "fe0f"]
        name = unicodedata.name(chr(points[0]), "").lower() if len(points) == 1 else ""
        if name and "regional" not in name and "face" not in name:
            yield TrainingImage("emoji", stem, data, (name,), name, name)
