"""How many rows a catalogue has, found without reading them as rows, so that a long run can say when it ends."""

from pathlib import Path

from indexer.catalog.formats.image_folder import picture_paths
from indexer.catalog.raw_row import open_bytes

_CHUNK = 2**20


def count_rows(path: Path) -> int:
    """Return the rows of a catalogue; of a text format its line breaks, which are about as many.

    Cost: one pass over the bytes of a text file; the footer alone of a Parquet file.
    """
    if path.is_dir():
        return len(picture_paths(path))
    if path.suffix.lower() == ".parquet":
        from pyarrow.parquet import read_metadata

        return int(read_metadata(path).num_rows)
    with open_bytes(path) as stream:
        return sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(_CHUNK), b""))
