"""What a folder is as a catalogue: the parts of one table, or images; or a table beside images, which is refused."""

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from engine.errors import InvalidCatalogue
from indexer.catalog.folder_scan import FolderScan, count_endings, printable, scan_folder
from indexer.catalog.formats.image_folder import ImageFolder, is_image_name
from indexer.catalog.formats.part_files import PARQUET_SUFFIXES, Part, find_parts, table_suffix
from indexer.catalog.formats.text_parts import TextParts
from indexer.catalog.raw_row import DEFAULT_OPTIONS, CatalogSource, SourceOptions

_WORKBOOK_SUFFIXES = frozenset({".xlsx", ".xlsm", ".xls", ".ods"})
# Files of these endings are tables if their names say so.
_OTHER_SUFFIXES = frozenset({".xml", ".txt", ".xml.gz", ".txt.gz"})
_LIKELY_NAMES = ("catalog", "product", "article", "item", "style", "feed")
_MAX_LISTED = 10
_LAKES = {
    "_delta_log": "a Delta Lake table",
    ".hoodie": "a Hudi table",
    "metadata/version-hint.text": "an Iceberg table",
}


def open_folder(
    path: Path, open_file: Callable[[Path], CatalogSource], options: SourceOptions = DEFAULT_OPTIONS
) -> CatalogSource:
    """Return the rows of a folder.

    Args:
        path: The folder.
        open_file: Opens a file in it.
        options: How to read it.

    Raises:
        InvalidCatalogue: It has neither images nor the parts of one table, or a table beside its images.
    """
    _check_lake(path)
    scan = scan_folder(path)
    parts = find_parts(path, scan.files)
    if parts:
        # As beside a file, images lie beside the folder that stands for it, unless they lie inside.
        folder = path if any(map(is_image_name, scan.files)) else path.parent
        return _open_parts(path, folder, parts, open_file, options)
    _check_tables(path, scan)
    return ImageFolder(path, options, scan)


def folder_files(path: Path) -> tuple[list[Part], FolderScan]:
    """Return the parts of the table that a folder is, none if it is a folder of images, and all files in it."""
    scan = scan_folder(path)
    return find_parts(path, scan.files), scan


def is_parquet(part: Part) -> bool:
    """Return whether a part is a Parquet file."""
    return table_suffix(part.path.name) in PARQUET_SUFFIXES


def _open_parts(
    path: Path,
    folder: Path,
    parts: Sequence[Part],
    open_file: Callable[[Path], CatalogSource],
    options: SourceOptions,
) -> CatalogSource:
    if is_parquet(parts[0]):
        from indexer.catalog.formats.parquet import Parquet

        return Parquet(path, options, parts, folder)
    return TextParts(folder, parts, open_file)


def _check_lake(path: Path) -> None:
    for name, noun in _LAKES.items():
        if (path / name).exists():
            raise InvalidCatalogue(
                f"{path} is {noun}, whose files also hold replaced rows: export it as Parquet and pass the export"
            )


def _check_tables(path: Path, scan: FolderScan) -> None:
    """Raise InvalidCatalogue if a table lies beside the images, or if there is no image."""
    images = [name for name in scan.files if is_image_name(name)]
    tables = _find_tables(scan.files, images)
    if images or any(map(is_image_name, scan.broken_links)):
        tables = [name for name in tables if "/" not in name]
    elif not tables:
        seen = count_endings(scan.files) if scan.files else "no files"
        raise InvalidCatalogue(f"{path} contains no images and no table that can be read: it has {seen}")
    if tables:
        likely = min(tables, key=_rank)
        more = [f"{len(tables) - _MAX_LISTED} more"] if len(tables) > _MAX_LISTED else []
        listed = ", ".join([*tables[:_MAX_LISTED], *more])
        which = "that file" if len(tables) == 1 else "one of them"
        command = f"indexer build {shlex.quote(str(path / likely))}"
        raise InvalidCatalogue(printable(f"{path} contains {listed}: pass {which}, not its folder: {command}"))


def _find_tables(files: Sequence[str], images: Sequence[str]) -> list[str]:
    """Return the files that may be catalogues: tables, but not those that describe one image each."""
    described = {name for image in images for name in (image, str(PurePosixPath(image).with_suffix("")))}
    tables = filter(_is_table_name, files)
    return [name for name in tables if str(PurePosixPath(name).with_suffix("")) not in described]


def _is_table_name(name: str) -> bool:
    if table_suffix(name) or PurePosixPath(name).suffix.lower() in _WORKBOOK_SUFFIXES:
        return True
    return name.lower().endswith(tuple(_OTHER_SUFFIXES)) and _rank(name) < len(_LIKELY_NAMES)


def _rank(name: str) -> int:
    stem = PurePosixPath(name).name.lower()
    return next((rank for rank, word in enumerate(_LIKELY_NAMES) if word in stem), len(_LIKELY_NAMES))
