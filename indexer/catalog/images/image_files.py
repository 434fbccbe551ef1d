"""Where the images that a row names lie on disk."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from engine.catalog.absent_words import is_absent_word
from engine.catalog.coercion import format_value

ImageSource: TypeAlias = Path | bytes


@dataclass(frozen=True, slots=True)
class ImageCell:
    """The images of one cell.

    Attributes:
        sources: Those that exist.
        names: Their names as written.
        faults: Why the others are bad.
    """

    sources: tuple[ImageSource, ...] = ()
    names: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


class ImageResolver:
    """Finds images below a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def resolve(self, value: object) -> ImageCell:
        """Return the images of a cell."""
        sources: list[ImageSource] = []
        names: list[str] = []
        faults: list[str] = []
        for part in _parts(value):
            if isinstance(part, bytes):
                sources.append(part)
                continue
            if not isinstance(part, str):
                faults.append(f"expected a path, got {format_value(part)}")
                continue
            if "://" in part:
                names.append(part)
                continue
            path = self._folder / part
            if _is_file(path):
                sources.append(path)
                names.append(part)
            else:
                faults.append(f"image not found: {format_value(part)} (looked in {self._folder})")
        return ImageCell(tuple(sources), tuple(names), tuple(faults))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _parts(value: object) -> list[object]:
    if isinstance(value, dict):
        value = value.get("bytes") or value.get("path")
    if isinstance(value, str):
        value = [part.strip() for part in value.split("|")]
    found = value if isinstance(value, list) else [value]
    return [part for part in found if part is not None and not (isinstance(part, str) and is_absent_word(part))]
