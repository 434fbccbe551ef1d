"""The hash of a catalogue, by which a snapshot identifies its source."""

import hashlib
from pathlib import Path

from engine.errors import InvalidCatalogue
from indexer.catalog.formats.image_folder import image_paths
from indexer.catalog.formats.parquet_folder import part_paths


def catalogue_hash(path: Path) -> str:
    """Return the sha256 of a file's bytes, or of the names, sizes and bytes of a folder's images, in hex.

    Images that a file refers to are not included.

    Raises:
        InvalidCatalogue: It cannot be read.
    """
    try:
        if path.is_dir():
            digest = hashlib.sha256()
            parts = [part.relative_to(path).as_posix() for part in part_paths(path)]
            for name in parts or image_paths(path):
                content = (path / name).read_bytes()
                digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
                digest.update(content)
            return digest.hexdigest()
        with open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InvalidCatalogue(f"cannot read {path}: {error}") from error
