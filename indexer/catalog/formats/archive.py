"""Zip archives: the one table in an archive, with the images beside it, unpacked into a temporary folder."""

import atexit
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from engine.errors import InvalidCatalogue
from indexer.catalog.raw_row import CatalogSource

MAX_FILES = 1_000_000
MAX_BYTES = 50 * 2**30
# Of honest archives, pictures shrink little and tables up to some hundredfold.
MAX_RATIO = 1000

_IGNORED = ("__MACOSX",)


def open_archive(path: Path, open_source: Callable[[Path], CatalogSource], suffixes: frozenset[str]) -> CatalogSource:
    """Return the rows of the table in an archive, or of its images if it has no table.

    Args:
        path: The archive.
        open_source: Opens the unpacked file or folder.
        suffixes: Endings of tables.

    Raises:
        InvalidCatalogue: It is damaged, encrypted or too large, or holds several tables.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir() and not _is_ignored(member)]
            tables = [member for member in members if _suffix(member.filename) in suffixes]
            if len(tables) > 1:
                names = ", ".join(member.filename for member in tables[:10])
                raise InvalidCatalogue(f"{path} contains {len(tables)} tables: {names}; unpack it and pass one of them")
            _check(path, members)
            folder = _unpack(archive, members)
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise InvalidCatalogue(f"cannot read {path}: {error}") from error
    return open_source(folder / _safe(tables[0].filename) if tables else folder)


def _is_ignored(member: zipfile.ZipInfo) -> bool:
    parts = PurePosixPath(member.filename).parts
    return any((part.startswith(".") and part != "..") or part in _IGNORED for part in parts)


def _suffix(name: str) -> str:
    path = PurePosixPath(name.lower())
    return PurePosixPath(path.stem).suffix if path.suffix == ".gz" else path.suffix


def _check(path: Path, members: list[zipfile.ZipInfo]) -> None:
    if any(member.flag_bits & 1 for member in members):
        raise InvalidCatalogue(f"{path} is encrypted: unpack it and pass the table inside")
    size, packed = sum(member.file_size for member in members), sum(member.compress_size for member in members)
    if len(members) > MAX_FILES or size > MAX_BYTES or size > MAX_RATIO * max(packed, 2**20):
        raise InvalidCatalogue(
            f"{path}: expected at most {MAX_FILES} files of {MAX_BYTES} bytes in all, got {len(members)} of {size}"
        )


def _unpack(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> Path:
    """Unpack into a folder that is deleted when the process ends, since images are read from it until then."""
    folder = Path(tempfile.mkdtemp(prefix="diptych-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for member in members:
        target = folder / _safe(member.filename)
        target.parent.mkdir(parents=True, exist_ok=True)
        with archive.open(member) as source, target.open("wb") as file:
            shutil.copyfileobj(source, file)
    return folder


def _safe(name: str) -> str:
    """Return a member's path without the parts that lead out of the folder."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return str(PurePosixPath(*(part for part in parts if part not in ("/", "..", "."))))
