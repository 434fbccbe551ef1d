"""What the layouts have in common: a source that wraps another."""

from collections.abc import Iterable

from indexer.catalog.raw_row import CatalogSource


class WrappedSource:
    """The folder of a source whose rows are changed, and the notices of the changes."""

    def __init__(self, source: CatalogSource, notices: Iterable[str] = ()) -> None:
        self.folder = source.folder
        self._source = source
        self._notices = list(notices)

    def notices(self) -> list[str]:
        """Return what a person should know about the layout, complete once all rows were read."""
        inner = self._source.notices() if isinstance(self._source, WrappedSource) else []
        return [*inner, *self._notices]
