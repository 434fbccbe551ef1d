"""A folder of images as a catalogue: a file's path is its id, its name the title, its folder the category."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from engine.errors import InvalidCatalogue
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, ITEM_ID, RawRow, SourceOptions

IMAGE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif"}
    | {".jxl"}
)
_TABLE = re.compile(
    r".+\.(csv|tsv|jsonl|ndjson|parquet|xlsx|xls|ods)(\.gz)?|(catalog(ue)?|products?|items|articles)\.(json|xml)(\.gz)?",
    re.IGNORECASE,
)
# Folders that systems and cameras leave behind, with thumbnails and deleted files.
_SYSTEM_FOLDERS = frozenset(
    {"@eadir", "__macosx", "#recycle", "$recycle.bin", "lost+found", "system volume information"}
)
_SYSTEM_FILES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "icon\r"})
# Names that cameras and counters give say nothing of a product.
_NUMBERED = re.compile(r"(img|dsc[fn]?|dcim|image|photo|picture|p|pic|screenshot)?[\s_-]*[0-9]+", re.IGNORECASE)


class ImageFolder:
    """The images below a folder, without hidden files, sorted by path; `line` counts them from 1."""

    is_image_folder = True

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> None:
        self.folder = path

    @cached_property
    def _names(self) -> list[str]:
        return image_paths(self.folder)

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the columns. Raises InvalidCatalogue if there is no image, or a table."""
        tables = sorted(path.name for path in self.folder.iterdir() if path.is_file() and _TABLE.fullmatch(path.name))
        if len(tables) == 1:
            raise InvalidCatalogue(
                f"{self.folder} contains {tables[0]}: pass that file, not its folder ({self.folder / tables[0]})"
            )
        if tables:
            raise InvalidCatalogue(f"{self.folder} contains {', '.join(tables)}: pass one of them, not their folder")
        if not self._names:
            seen = ", ".join(self._count_skipped().to_text()) or "no files"
            raise InvalidCatalogue(
                f"{self.folder} contains no images ({', '.join(sorted(IMAGE_SUFFIXES))}), but {seen}"
            )
        return [ITEM_ID, "title", "category", "image"]

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield one row per image, and a reject for a link to a file that is gone."""
        stems = Counter(Path(name).with_suffix("").as_posix() for name in self._names)
        for number, name in enumerate(self._names, start=1):
            path = Path(name)
            if not (self.folder / path).exists():
                yield Reject(number, "", f"image not found: {name!r} is a link to a file that is gone")
                continue
            stem = path.with_suffix("").as_posix()
            title = " ".join(re.sub(r"[-_]", " ", path.stem).split())
            values: dict[str, object] = {
                # Of images with one stem and two endings, each keeps its ending.
                ITEM_ID: stem if stems[stem] == 1 else name,
                "title": "" if _NUMBERED.fullmatch(path.stem) else title,
                "category": path.parent.name,
                "image": name,
            }
            yield RawRow(number, {column: value for column, value in values.items() if value})

    def notices(self) -> list[str]:
        """Return how many files were skipped, by ending."""
        skipped = self._count_skipped()
        return [f"{sum(skipped.values())} files skipped: {', '.join(skipped.to_text())}"] if skipped else []

    def _count_skipped(self) -> "_Skipped":
        skipped = _Skipped()
        for name in _file_names(self.folder):
            if Path(name).suffix.lower() not in IMAGE_SUFFIXES:
                skipped[Path(name).suffix.lower() or "no ending"] += 1
        return skipped


class _Skipped(Counter[str]):
    """Numbers of files by ending."""

    def to_text(self) -> list[str]:
        """Return each number with its ending, the commonest first."""
        return [f"{count} {ending}" for ending, count in self.most_common()]


def image_paths(folder: Path) -> list[str]:
    """Return the images below a folder as sorted relative paths with forward slashes."""
    return sorted(name for name in _file_names(folder) if Path(name).suffix.lower() in IMAGE_SUFFIXES)


def _file_names(folder: Path) -> Iterator[str]:
    """Yield the relative path of each file below a folder but those of systems; linked folders are followed once."""
    seen = {folder.resolve()}
    for parent, folders, names in os.walk(folder, followlinks=True):
        kept = []
        for name in folders:
            path = Path(parent, name)
            if name.startswith(".") or name.lower() in _SYSTEM_FOLDERS or path.resolve() in seen:
                continue
            seen.add(path.resolve())
            kept.append(name)
        folders[:] = kept
        for name in names:
            if not name.startswith(".") and name.lower() not in _SYSTEM_FILES:
                yield Path(parent, name).relative_to(folder).as_posix()
