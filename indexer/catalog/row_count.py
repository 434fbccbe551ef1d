"""Estimate a catalogue's number of rows without parsing it, so that progress can show the time left."""

from pathlib import Path

from indexer.catalog.folder_catalog import folder_files
from indexer.catalog.formats.image_folder import ImageFolder
from indexer.catalog.formats.part_files import PARQUET_SUFFIXES
from indexer.catalog.raw_row import open_bytes

_CHUNK = 2**20


def count_rows(path: Path) -> int:
    """Return the number of rows; for a text format the line breaks, which is close.

    Reads a text file once; of a Parquet file only the footer.

    Raises:
        InvalidCatalogue: A file cannot be read.
    """
    if not path.is_dir():
        return _count_file(path)
    parts, scan = folder_files(path)
    if not parts:
        return ImageFolder(path, scan=scan).row_count
    return sum(_count_file(part.path) for part in parts)


def _count_file(path: Path) -> int:
    if path.suffix.lower() in PARQUET_SUFFIXES:
        from indexer.catalog.formats.parquet import count_parquet_rows

        return count_parquet_rows(path)
    with open_bytes(path) as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(_CHUNK), b""))
