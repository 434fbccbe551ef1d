"""A folder of pictures as a catalogue: a file's place is its id, its name the title, its folder the category."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from engine.errors import InvalidCatalogue
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import ITEM_ID, RawRow

PICTURES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
_TABLE = re.compile(r"catalog(ue)?\.(jsonl|ndjson|json|csv|parquet)(\.gz)?", re.IGNORECASE)


class ImageFolder:
    """The pictures below a folder, hidden files left out, in the order of their paths; `line` counts them from 1."""

    def __init__(self, path: Path) -> None:
        self.folder = path

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return what a picture's row has. Raises InvalidCatalogue if there is no picture, or a catalogue file."""
        for name in sorted(place.name for place in self.folder.iterdir()):
            if _TABLE.fullmatch(name):
                raise InvalidCatalogue(f"{self.folder} holds {name}: give that file, not its folder")
        if not picture_paths(self.folder):
            raise InvalidCatalogue(f"{self.folder} holds no pictures ({', '.join(sorted(PICTURES))})")
        return [ITEM_ID, "title", "category", "image"]

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield one row for each picture."""
        for number, name in enumerate(picture_paths(self.folder), start=1):
            place = Path(name)
            values: dict[str, object] = {
                ITEM_ID: place.with_suffix("").as_posix(),
                "title": " ".join(re.sub(r"[-_]", " ", place.stem).split()),
                "category": place.parent.name,
                "image": name,
            }
            yield RawRow(number, values)


def picture_paths(folder: Path) -> list[str]:
    """Return the pictures below a folder as sorted relative paths with forward slashes."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if Path(name).suffix.lower() in PICTURES and not name.startswith("."):
                found.append(Path(place, name).relative_to(folder).as_posix())
    return sorted(found)
