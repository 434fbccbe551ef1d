"""Images in tar files beside the table that names them, read from where they lie in the archive."""

import tarfile
from functools import cached_property
from pathlib import Path, PurePosixPath

from indexer.catalog.archived_image import ArchivedImage


class ImageArchives:
    """The tar files of a folder, listed when the first image is looked for in them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, name: str) -> ArchivedImage | None:
        """Return an image by its path in an archive, None if there is none."""
        return self._members.get(PurePosixPath(name).as_posix()) if self._members else None

    @cached_property
    def _members(self) -> dict[str, ArchivedImage]:
        members: dict[str, ArchivedImage] = {}
        for path in sorted(self._folder.glob("*.tar")):
            try:
                with tarfile.open(path, "r:") as archive:
                    for member in archive:
                        if member.isfile():
                            found = ArchivedImage(path, member.name, member.offset_data, member.size)
                            members.setdefault(PurePosixPath(member.name).as_posix(), found)
            except (tarfile.TarError, OSError):
                continue
        return members
