"""Images beside a table that names none: an item's images are the files named by its id, as in images/010/0108.jpg."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import cached_property
from pathlib import Path, PurePosixPath

from indexer.catalog.folder_scan import scan_folder
from indexer.catalog.formats.image_folder import is_image_name

MAX_FILES = 2_000_000
"""Number of files after which the search for images ends."""

_USUAL_FOLDERS = frozenset(
    {"images", "image", "imgs", "img", "pictures", "pics", "photos", "media", "assets", "bilder", "fotos"}
)
_NUMBERED = re.compile(r"(?P<stem>.+?)(?:[ _.-]|(?=\())\(?(?P<number>[0-9]{1,3})\)?", re.DOTALL)
_THUMBNAILS = re.compile(r"(^|/)(thumb(nail)?s?|small|mini)/", re.IGNORECASE)
_DIGITS = re.compile(r"([0-9]+)")
_MAX_IMAGES = 20


class ImagesById:
    """Finds the images of an item by its id.

    They are looked for in folders of usual names beside the table, such as images; without such, in all folders there.
    """

    def __init__(self, folder: Path, item_ids: Collection[str]) -> None:
        self.folder = folder
        self._ids = frozenset(map(_normalize, item_ids))
        self._keys = frozenset(map(str.casefold, self._ids))
        self._truncated = False

    def with_ids(self, item_ids: Collection[str]) -> "ImagesById":
        """Return the same images for other ids, without looking for the images again."""
        images = ImagesById(self.folder, item_ids)
        images._names, images._truncated = self._names, self._truncated
        return images

    def find(self, item_id: str) -> list[Path]:
        """Return an item's images: ID.jpg, then ID_1.jpg and ID_2.jpg, then those in the folder ID."""
        item_id = _normalize(item_id)
        *parents, stem = item_id.split("/")
        key = stem.casefold()
        # In a file system without upper and lower case, "a1.jpg" may be the image of A1, but not of the item a1.
        named = self._by_stem.get(key, ())
        exact = [name for name in named if _stem(name) == stem]
        exact = exact or [name for name in named if _stem(name) not in self._ids]
        numbered = [name for _, name in sorted(self._by_number.get(key, ()))]
        inside = sorted(self._by_folder.get(key, ()), key=_natural_order)
        names = [name for name in (*exact, *numbered, *inside) if _is_below(name, parents)]
        return [self.folder / name for name in _without_copies(names)]

    def notices(self) -> list[str]:
        """Return whether the search ended early."""
        return [f"images were looked for in the first {MAX_FILES} files below {self.folder} only"] * self._truncated

    def __bool__(self) -> bool:
        """Return whether there is any image."""
        return bool(self._names)

    @cached_property
    def _names(self) -> list[str]:
        """The images as paths relative to the folder."""
        try:
            folders = sorted(path.name for path in self.folder.iterdir() if path.name.lower() in _USUAL_FOLDERS)
            beside = [path.name for path in self.folder.iterdir() if path.is_file()]
        except OSError:
            return []
        folders = [name for name in folders if (self.folder / name).is_dir()]
        found = self._scan(folders or [""])
        return [*sorted(filter(is_image_name, beside if folders else ())), *found]

    def _scan(self, folders: Iterable[str]) -> list[str]:
        found: list[str] = []
        for folder in folders:
            scan = scan_folder(self.folder / folder, MAX_FILES)
            self._truncated |= scan.truncated
            found += (f"{folder}/{name}".lstrip("/") for name in scan.files if is_image_name(name))
        return found

    @cached_property
    def _by_folder(self) -> dict[str, list[str]]:
        """The images of each folder that is named by an id and holds the images of that item only."""
        found = defaultdict(list)
        for name in self._names:
            found[str(PurePosixPath(name).parent)].append(name)
        own: dict[str, list[str]] = defaultdict(list)
        for folder, names in found.items():
            key = _normalize(PurePosixPath(folder).name).casefold()
            if key in self._keys and (self._has_no_other_id(key, names) or all(map(_is_counted, names))):
                own[key] += names
        return own

    @cached_property
    def _outside(self) -> list[str]:
        """The images that lie in no folder of one item."""
        inside = {name for names in self._by_folder.values() for name in names}
        return [name for name in self._names if name not in inside]

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        found = defaultdict(list)
        for name in self._outside:
            found[_stem(name).casefold()].append(name)
        return found

    @cached_property
    def _by_number(self) -> dict[str, list[tuple[int, str]]]:
        """The images whose stem is an id and a number, but not an id itself."""
        found = defaultdict(list)
        for name in self._outside:
            stem = _stem(name)
            if stem.casefold() not in self._keys and (match := _NUMBERED.fullmatch(stem)):
                found[match["stem"].casefold()].append((int(match["number"]), name))
        return found

    def _has_no_other_id(self, key: str, names: list[str]) -> bool:
        return self._keys.isdisjoint({_stem(name).casefold() for name in names} - {key})


def _is_counted(name: str) -> bool:
    """Return whether an image has a number among those of an item, rather than an id that is a number."""
    stem = _stem(name)
    return stem.isdecimal() and int(stem) <= _MAX_IMAGES


def _is_below(name: str, parents: list[str]) -> bool:
    """Return whether an image lies in the folders that the id of an item names before its last slash."""
    if not parents:
        return True
    return f"/{'/'.join(parents)}/".casefold() in f"/{_normalize(name)}".casefold()


def _without_copies(names: list[str]) -> list[str]:
    """Return one file of each image: not its other formats, nor its thumbnail."""
    full = [name for name in names if not _THUMBNAILS.search(name)] or names
    return list({str(PurePosixPath(name).with_suffix("")): name for name in reversed(full)}.values())[::-1]


def _stem(name: str) -> str:
    return _normalize(PurePosixPath(name).stem)


def _normalize(text: str) -> str:
    # File systems of Apple decompose letters with accents.
    return unicodedata.normalize("NFC", text)


def _natural_order(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in _DIGITS.split(name)]
