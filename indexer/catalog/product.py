"""A product as the rest of the indexer sees it, whatever file it came from, and a row that could not become one."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import JSON

DEFAULT_TEMPLATE = "{title}. {description}"


@dataclass(frozen=True, slots=True)
class CatalogSpec:
    """Which file or folder to read, how a row's text is put together, and which columns are signals."""

    path: Path
    text_template: str = DEFAULT_TEMPLATE
    signals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Product:
    """One checked row. `text` may be empty; `images` are files or bytes not yet decoded.

    vectors: what the row brings itself, by block, each (d,) float32, finite, of any length but zero.
    signals: every signal of the spec, NaN where the row has none.   payload: plain JSON, absent columns left out.
    Of a block that the catalogue brings vectors for, a row has no `text` and no `images`: nothing else is embedded.
    words: the row's text, also where its vector was brought.
    """

    line: int
    item_id: str
    text: str
    images: tuple[Path | bytes, ...] = ()
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    signals: dict[str, float] = field(default_factory=dict)
    payload: dict[str, JSON] = field(default_factory=dict)
    words: str = ""


@dataclass(frozen=True, slots=True)
class Reject:
    """A row left out: the line it starts on, its id as far as it was readable, and why."""

    line: int
    item_id: str
    reason: str

    def to_line(self) -> str:
        """Return it as a line of JSON."""
        line = {"line": self.line, "item_id": self.item_id, "reason": self.reason}
        return json.dumps(line, ensure_ascii=False) + "\n"


def to_lines(rejects: Iterable[Reject]) -> bytes:
    """Return what a file of rejects holds: a line of JSON for each."""
    return "".join(reject.to_line() for reject in rejects).encode()
