"""What the layouts have in common: a source that wraps another."""

from collections.abc import Iterable

from indexer.catalog.raw_row import CatalogSource


def read_notices(source: object) -> list[str]:
    """Return the notices of a source, none if it gives none."""
    notices = getattr(source, "notices", None)
    return list(notices()) if notices is not None else []


class WrappedSource:
    """The folder and the notices of a source whose rows are changed."""

    def __init__(self, source: CatalogSource, notices: Iterable[str] = ()) -> None:
        self.folder = source.folder
        self._source = source
        self._notices = list(notices)

    def notices(self) -> list[str]:
        """Return what a person should know about the file, complete once all rows were read."""
        return [*read_notices(self._source), *self._notices]
