"""Estimate a catalogue's number of rows without parsing it, so that progress can show the time left."""

from pathlib import Path

from indexer.catalog.formats.image_folder import image_paths
from indexer.catalog.raw_row import open_bytes

_CHUNK = 2**20


def count_rows(path: Path) -> int:
    """Return the number of rows; for a text format the line breaks, which is close.

    Reads a text file once; of a Parquet file only the footer.
    """
    if path.is_dir():
        return len(image_paths(path))
    if path.suffix.lower() == ".parquet":
        from pyarrow.parquet import read_metadata

        return int(read_metadata(path).num_rows)
    with open_bytes(path) as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(_CHUNK), b""))
