"""What a known layout of feeds consists of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from indexer.catalog.raw_row import CatalogSource


def _request_nothing(columns: Sequence[str]) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class FeedLayout:
    """One layout, read once the columns have our names where there is one.

    Attributes:
        label: What a file of this layout is.
        effect: What reading it as such does.
        needs: The columns that distinguish it.
        recognizes: Whether normalized column names are those of this layout.
        open: The products of a source, its columns, and the fields that the user named.
        requests: The column of each field that a name alone does not decide.
    """

    label: str
    effect: str
    needs: str
    recognizes: Callable[[frozenset[str]], bool]
    open: Callable[[CatalogSource, Sequence[str], frozenset[str]], CatalogSource]
    requests: Callable[[Sequence[str]], dict[str, str]] = _request_nothing
