"""Rows that wait for their vectors, and the contents that wait for theirs: what stands between a catalogue and a model.

A content is encoded once, however many rows show the same picture or say the same.
"""

from dataclasses import dataclass, field
from itertools import islice
from typing import Generic

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import JSON
from engine.encoders.embedding_cache import Half
from engine.encoders.embedding_pipeline import NOT_FINITE, Content

_Vectors = list[NDArray[np.floating] | None]


@dataclass(slots=True)
class RowSlot:
    """A row that waits for its vectors; a block has one place for each of its vectors, None until it is there.

    reason: why it is rejected, empty if it is not.
    """

    line: int
    item_id: str
    payload: dict[str, JSON]
    signals: dict[str, float]
    words: str
    blocks: dict[str, _Vectors] = field(default_factory=dict)
    reason: str = ""

    def is_ready(self) -> bool:
        """Return whether it waits for nothing more: every vector is there, or it is rejected."""
        if self.reason:
            return True
        # Identity, since an array compares value by value.
        return not any(vector is None for vectors in self.blocks.values() for vector in vectors)


class ContentQueue(Generic[Content]):
    """Contents of one kind that wait for a vector, each once, however many rows have it."""

    def __init__(self, block: str) -> None:
        self.block = block
        self.contents: dict[bytes, Content] = {}
        self._places: dict[bytes, list[tuple[RowSlot, int]]] = {}

    def __len__(self) -> int:
        return len(self.contents)

    def add(self, key: bytes, content: Content, slot: RowSlot, place: int) -> None:
        """Let a place of a slot wait for the vector of a content."""
        self.contents.setdefault(key, content)
        self._places.setdefault(key, []).append((slot, place))

    def first(self, count: int) -> dict[bytes, Content]:
        """Return the first contents by key, at most so many; they stay in the queue."""
        return dict(islice(self.contents.items(), count))

    def settle(self, key: bytes, vector: Half | None) -> None:
        """Write a content's vector to every place that waits for it; None rejects their rows."""
        del self.contents[key]
        for slot, place in self._places.pop(key):
            if vector is None:
                slot.reason = f"{self.block}: {NOT_FINITE}"
            else:
                slot.blocks[self.block][place] = vector

    def move(self, key: bytes, other: "ContentQueue[Content]") -> None:
        """Let all that waits for a content wait in another queue."""
        content = self.contents.pop(key)
        for slot, place in self._places.pop(key):
            other.add(key, content, slot, place)
