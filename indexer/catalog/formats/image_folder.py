"""A folder of images as a catalogue: a file's path is its id, its name the title, its folder the category.

Files that differ in their ending only are one image in several formats, so they are one item: its id does not depend on
which formats there are.
"""

from collections.abc import Iterator
from functools import cached_property
from itertools import groupby
from pathlib import Path, PurePosixPath

from indexer.catalog.folder_scan import FolderScan, count_endings, printable, scan_folder
from indexer.catalog.formats.file_title import to_title
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, ITEM_ID, RawRow, SourceOptions

_JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".pjp", ".pjpeg"})
_HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif", ".avif"})
IMAGE_SUFFIXES = _JPEG_SUFFIXES | _HEIF_SUFFIXES | {".png", ".apng", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jxl"}
"""What the names of images end in."""


class ImageFolder:
    """The images below a folder, without hidden and system files, sorted by path; `line` counts the items from 1."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS, scan: FolderScan | None = None) -> None:
        self.folder = path
        self._found = scan

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the columns."""
        return [ITEM_ID, "title", "category", "image"]

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield one row for each image; a name that is not UTF-8 and a link to nothing are rejects."""
        number = 0
        for item_id, names in self._items:
            number += 1
            yield _to_row(number, item_id, names)
        for name in filter(is_image_name, self._scan.broken_links):
            number += 1
            yield Reject(number, "", f"image not found: '{printable(name)}' is a link to nothing")
        for name, reason in self._scan.unreadable:
            number += 1
            yield Reject(number, "", f"cannot read the folder '{printable(name)}': {reason}")

    def notices(self) -> list[str]:
        """Return how many files of which endings are skipped, and how many items have several files."""
        names = [*self._scan.files, *self._scan.broken_links]
        skipped = [name for name in names if not is_image_name(name)]
        several = [item_id for item_id, names in self._items if len(names) > 1]
        found = []
        if skipped:
            found.append(f"{_count(len(skipped), 'file')} skipped: {count_endings(skipped)}")
        if several:
            items = _count(len(several), "item")
            found.append(f"{items} with files in several formats, such as '{printable(several[0])}'")
        return found

    @property
    def row_count(self) -> int:
        """The number of rows."""
        return sum(1 for _ in self.rows())

    @cached_property
    def _scan(self) -> FolderScan:
        return self._found or scan_folder(self.folder)

    @cached_property
    def _items(self) -> list[tuple[str, list[str]]]:
        names = sorted((_to_id(name), name) for name in filter(is_image_name, self._scan.files))
        return [(item_id, [name for _, name in group]) for item_id, group in groupby(names, key=lambda pair: pair[0])]


def is_image_name(name: str) -> bool:
    """Return whether a file's name ends as those of images do."""
    return PurePosixPath(name).suffix.lower() in IMAGE_SUFFIXES


def _to_row(number: int, item_id: str, names: list[str]) -> RawRow | Reject:
    try:
        item_id.encode()
    except UnicodeEncodeError:
        return Reject(number, "", f"item_id: the name of '{printable(names[0])}' is not UTF-8")
    path = PurePosixPath(item_id)
    values: dict[str, object] = {
        ITEM_ID: item_id,
        "title": to_title(path.name),
        "category": path.parent.name,
        "image": names,
    }
    return RawRow(number, {column: value for column, value in values.items() if value})


def _to_id(name: str) -> str:
    return PurePosixPath(name).with_suffix("").as_posix()


def _count(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
