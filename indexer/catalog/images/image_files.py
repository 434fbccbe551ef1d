"""Where the images that a row names lie on disk, also where the name is not quite that of the file."""

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from engine.catalog.coercion import format_value
from indexer.catalog.images.image_archive import ImageArchives
from indexer.catalog.images.image_cell import Fault, read_parts, split_list
from indexer.catalog.product import ImageSource

_URLS = ("http://", "https://", "//", "www.")
_REMOTE = ("s3://", "gs://", "ftp://", "ftps://", "sftp://", "az://", "abfs://", "hdfs://")
# A name above this length is no path, and asking the file system about it fails.
_LONGEST_NAME = 1024


@dataclass(slots=True)
class ImageCell:
    """The images of one cell.

    Attributes:
        sources: Those that exist, in order.
        names: What the payload keeps: the names as written, and URLs.
        urls: Those that are addresses on the web.
        faults: Why others are bad.
    """

    sources: list[ImageSource] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


class ImageResolver:
    """Finds the images that rows name, below the folder of their table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._archives = ImageArchives(folder)
        self._list = cache(_list_folder)

    def resolve(self, value: object) -> ImageCell:
        """Return the images of a cell; lists in one text are split unless there is a file of that very name."""
        cell = ImageCell()
        for part in read_parts(value):
            if isinstance(part, bytes):
                cell.sources.append(part)
            elif isinstance(part, Fault):
                cell.faults.append(part.reason)
            elif (source := self._find(part)) is not None:
                cell.sources.append(source)
                cell.names.append(part)
            else:
                for name in split_list(part):
                    self._add(name, cell)
        return cell

    def _add(self, name: str, cell: ImageCell) -> None:
        lowered = name.lower()
        if lowered.startswith(_URLS):
            url = name if lowered.startswith("http") else f"https://{name.lstrip('/')}"
            cell.urls.append(url)
            cell.names.append(url)
        elif lowered.startswith(_REMOTE):
            cell.faults.append(f"expected a file or a web address, got {format_value(name)}: download it first")
        elif (source := self._find(name)) is not None:
            cell.sources.append(source)
            cell.names.append(name)
        else:
            cell.faults.append(self._explain(name))

    def _find(self, name: str) -> ImageSource | None:
        """Return the file of a name: as written, in another spelling, or below the folder by the end of its path."""
        if len(name) > _LONGEST_NAME or name.lower().startswith(("http:", "https:", "//")):
            return None
        for spelling in dict.fromkeys(_spellings(name)):
            for path in self._candidates(spelling):
                if (found := self._existing(path)) is not None:
                    return found
            if (member := self._archives.find(spelling)) is not None:
                return member
        return None

    def _candidates(self, name: str) -> Iterator[Path]:
        """Yield where a name may lie: at its path, then below the folder without its first segments."""
        yield self._folder / name
        segments = [part for part in PurePosixPath(name).parts if part not in ("/", ".", "..") and part[-1:] != ":"]
        for start in range(len(segments)):
            yield self._folder.joinpath(*segments[start:])

    def _existing(self, path: Path) -> Path | None:
        try:
            if path.is_file():
                return path
        except (OSError, ValueError):
            return None
        return self._similar(path)

    def _similar(self, path: Path) -> Path | None:
        """Return the only file below the folder whose name differs in case, normal form or a missing ending."""
        if not path.is_relative_to(self._folder):
            return None
        found = self._folder
        *folders, name = path.relative_to(self._folder).parts or ("",)
        for segment in folders:
            matches = self._list(found).get(_fold(segment), [])
            if len(matches) != 1:
                return None
            found = matches[0]
        entries = self._list(found)
        matches = entries.get(_fold(name), [])
        if not matches and "." not in name:
            matches = [entry for group in entries.values() for entry in group if _fold(entry.stem) == _fold(name)]
        return matches[0] if len(matches) == 1 and matches[0].is_file() else None

    def _explain(self, name: str) -> str:
        path = self._folder / name if len(name) <= _LONGEST_NAME else self._folder
        try:
            if len(name) <= _LONGEST_NAME and path.is_dir():
                return f"expected an image, got the folder {format_value(name)}"
        except (OSError, ValueError):
            pass
        return f"image not found: {format_value(name)} (looked in {self._folder})"


def _spellings(name: str) -> Iterator[str]:
    """Yield a name, then without file://, with slashes for backslashes, and percent-decoded."""
    yield name
    plain = name.removeprefix("file://")
    yield plain
    slashed = plain.replace("\\", "/")
    yield slashed
    yield unquote(slashed)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _list_folder(folder: Path) -> dict[str, list[Path]]:
    """Return the entries of a folder by their folded names."""
    entries: dict[str, list[Path]] = {}
    try:
        for path in folder.iterdir():
            entries.setdefault(_fold(path.name), []).append(path)
    except OSError:
        return {}
    return entries
