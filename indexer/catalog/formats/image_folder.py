"""A folder of images as a catalogue: a file's path is its id, its name the title, its folder the category."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from engine.errors import InvalidCatalogue
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, ITEM_ID, RawRow, SourceOptions

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
_CATALOGUE_FILE = re.compile(r"catalog(ue)?\.(jsonl|ndjson|json|csv|parquet)(\.gz)?", re.IGNORECASE)


class ImageFolder:
    """The images below a folder, without hidden files, sorted by path; `line` counts them from 1."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> None:
        self.folder = path

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the columns. Raises InvalidCatalogue if there is no image, or a catalogue file."""
        for name in sorted(path.name for path in self.folder.iterdir()):
            if _CATALOGUE_FILE.fullmatch(name):
                raise InvalidCatalogue(f"{self.folder} contains {name}: pass that file, not its folder")
        if not image_paths(self.folder):
            raise InvalidCatalogue(f"{self.folder} contains no images ({', '.join(sorted(IMAGE_SUFFIXES))})")
        return [ITEM_ID, "title", "category", "image"]

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield one row per image."""
        for number, name in enumerate(image_paths(self.folder), start=1):
            path = Path(name)
            values: dict[str, object] = {
                ITEM_ID: path.with_suffix("").as_posix(),
                "title": " ".join(re.sub(r"[-_]", " ", path.stem).split()),
                "category": path.parent.name,
                "image": name,
            }
            yield RawRow(number, values)


def image_paths(folder: Path) -> list[str]:
    """Return the images below a folder as sorted relative paths with forward slashes."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if Path(name).suffix.lower() in IMAGE_SUFFIXES and not name.startswith("."):
                found.append(Path(parent, name).relative_to(folder).as_posix())
    return sorted(found)
