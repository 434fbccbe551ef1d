"""Writes the demo catalogue: pictures, items, reviews, events, and a contact sheet."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.sample import item_text, sample_item
from indexer.sample.sample_item import SampleItem
from indexer.sample.sample_reviews import reviews
from indexer.sample.sample_shoppers import events
from indexer.sample.scene import SIDE, render

SINCE = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 366
JPEG_QUALITY = 88


@dataclass(frozen=True, slots=True)
class SampleSummary:
    """Numbers of rows written."""

    directory: Path
    items: int
    reviews: int
    events: int
    shoppers: int


def write(
    directory: Path, items: int = 2000, seed: int = 7, progress: Callable[[int, int], None] | None = None
) -> SampleSummary:
    """Write a demo catalogue of `items` items; the same seed gives the same bytes.

    Files: images/*.jpg, catalog.jsonl, reviews.jsonl, events.jsonl, contact_sheet.png. Files of an earlier run are
    overwritten. progress is called with (done, total) after each picture.
    Raises InvalidSetting if items is not positive or the directory is a file. Cost: about 15 ms per item.
    """
    if items < 1:
        raise InvalidSetting(f"expected at least 1 item, got {items}")
    if directory.exists() and not directory.is_dir():
        raise InvalidSetting(f"expected a directory, got the file {directory}")
    (directory / "images").mkdir(parents=True, exist_ok=True)
    made = [sample_item.item(seed, number) for number in range(items)]
    for number, item in enumerate(made):
        (directory / image_path(item)).write_bytes(jpeg(render(item)))
        if progress is not None:
            progress(number + 1, items)
    shoppers = max(1, items // 4)
    _write_lines(directory / "catalog.jsonl", map(row, made))
    written = SampleSummary(
        directory=directory,
        items=items,
        reviews=_write_lines(
            directory / "reviews.jsonl", (r for item in made for r in reviews(item, shoppers, SINCE, DAYS))
        ),
        events=_write_lines(directory / "events.jsonl", events(made, shoppers, seed, SINCE, DAYS)),
        shoppers=shoppers,
    )
    contact_sheet(directory).save(directory / "contact_sheet.png")
    return written


def image_path(item: SampleItem) -> str:
    """Return the path of the item's picture, relative to the catalogue."""
    return f"images/{item.item_id}.jpg"


def jpeg(picture: Image.Image) -> bytes:
    """Return the picture as JPEG bytes, without metadata."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=JPEG_QUALITY)
    return buffer.getvalue()


def row(item: SampleItem) -> dict[str, object]:
    """Return the item's row of catalog.jsonl."""
    return {
        "item_id": item.item_id,
        "title": item_text.title(item),
        "description": item_text.description(item),
        "category": item.kind.department,
        "product_type": item.kind.name,
        "color": item.color,
        "accent_color": item.accent,
        "pattern": item.pattern,
        "material": item.material,
        "brand": item.brand,
        "price": item.price,
        "rating": item.rating,
        "stock": item.stock,
        "popularity": item.popularity,
        "image": image_path(item),
    }


def contact_sheet(directory: Path, columns: int = 10, rows: int = 6) -> Image.Image:
    """Return the first pictures of a catalogue side by side, at half size.

    Raises InvalidCatalogue if the directory has no catalog.jsonl.
    """
    catalog = directory / "catalog.jsonl"
    if not catalog.is_file():
        raise InvalidCatalogue(f"expected a demo catalogue, but there is no {catalog}")
    with catalog.open(encoding="utf-8") as lines:
        images = [json.loads(line)["image"] for _, line in zip(range(columns * rows), lines, strict=False)]
    side = SIDE // 2
    sheet = Image.new("RGB", (columns * side, -(-len(images) // columns) * side), "white")
    for place, image in enumerate(images):
        with Image.open(directory / image) as picture:
            small = picture.resize((side, side), Image.Resampling.LANCZOS)
        sheet.paste(small, (place % columns * side, place // columns * side))
    return sheet


def _write_lines(path: Path, rows: Iterable[dict[str, object]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for count, values in enumerate(rows, 1):  # noqa: B007 - the count is the result
            file.write(json.dumps(values, ensure_ascii=False) + "\n")
    return count
