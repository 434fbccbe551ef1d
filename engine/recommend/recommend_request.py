"""A request for recommendations."""

from dataclasses import dataclass
from enum import Enum

from engine.scoring.query import Boost, Diversity


class Mode(Enum):
    """Which items are candidates."""

    REPEAT = "repeat"
    """Items that the shopper bought and may buy again."""
    DISCOVER = "discover"
    """Items that the shopper has not bought."""
    MIXED = "mixed"
    """Both."""


@dataclass(frozen=True, slots=True)
class RecommendRequest:
    """All of a request but the shopper; fields not listed here are as in a Query.

    Attributes:
        session: Whether the shopper is anonymous and `liked` and `disliked` are their items.
        image: Bytes of a picture, b"" for none.
        reasons: Whether hits carry a reason; without, thousands of hits are fast.
        exclude: Items that are not recommended.
    """

    mode: Mode = Mode.MIXED
    session: bool = False
    liked: tuple[str, ...] = ()
    disliked: tuple[str, ...] = ()
    image: bytes = b""
    filter: str = ""
    boosts: tuple[Boost, ...] = ()
    diversity: Diversity | None = None
    collapse_by: str = ""
    limit: int = 10
    explain: bool = False
    recall_target: float | None = None
    reasons: bool = True
    exclude: frozenset[str] = frozenset()
