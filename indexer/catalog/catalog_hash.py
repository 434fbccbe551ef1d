"""The hash of a catalogue, by which a snapshot identifies its source."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

from engine.errors import InvalidCatalogue
from indexer.catalog.folder_catalog import folder_files
from indexer.catalog.formats.image_folder import is_image_name


def catalogue_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes, or of the names, sizes and bytes of a folder's parts or images, in hex.

    Images that a file refers to are not included.

    Raises:
        InvalidCatalogue: It cannot be read.
    """
    try:
        if path.is_dir():
            digest = hashlib.sha256()
            for name in _hashed_names(path):
                size, content = _read(path / name)
                digest.update(f"{name}\0{size}\0".encode("utf-8", "surrogateescape"))
                digest.update(content)
            return digest.hexdigest()
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InvalidCatalogue(f"cannot read {path}: {error}") from error


def _hashed_names(folder: Path) -> Iterator[str]:
    parts, scan = folder_files(folder)
    if parts:
        yield from (part.path.relative_to(folder).as_posix() for part in parts)
    else:
        yield from filter(is_image_name, scan.files)


def _read(path: Path) -> tuple[int, bytes]:
    try:
        content = path.read_bytes()
    except OSError:
        # The row of a file that cannot be read is rejected, with the reason; the others are built.
        return -1, b""
    return len(content), content
