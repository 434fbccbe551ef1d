"""An image inside a tar file beside the table that names it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ArchivedImage:
    """An image inside an uncompressed tar file.

    Attributes:
        archive: The tar file.
        name: Its name there.
        offset: Where its bytes begin.
        size: Their number.
    """

    archive: Path
    name: str
    offset: int
    size: int

    def read(self) -> bytes:
        """Return the bytes of the image."""
        with self.archive.open("rb") as file:
            file.seek(self.offset)
            return file.read(self.size)
