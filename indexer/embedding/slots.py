"""Rows waiting for their vectors, and contents waiting to be encoded.

A content is encoded once, however many rows share the image or text.
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
    """A row waiting for its vectors.

    Attributes:
        blocks: Block → its vectors, None until available.
        reason: Why the row is rejected, empty if it is not.
    """

    line: int
    item_id: str
    payload: dict[str, JSON]
    signals: dict[str, float]
    words: str
    blocks: dict[str, _Vectors] = field(default_factory=dict)
    reason: str = ""

    def is_ready(self) -> bool:
        """Return whether the row is complete: every vector is available, or it is rejected."""
        if self.reason:
            return True
        # Identity, since an array compares value by value.
        return not any(vector is None for vectors in self.blocks.values() for vector in vectors)


class ContentQueue(Generic[Content]):
    """Contents of one kind waiting for a vector, each once, however many rows share it."""

    def __init__(self, block: str) -> None:
        self.block = block
        self.contents: dict[bytes, Content] = {}
        self._waiting_slots: dict[bytes, list[tuple[RowSlot, int]]] = {}

    def __len__(self) -> int:
        return len(self.contents)

    def add(self, key: bytes, content: Content, slot: RowSlot, position: int) -> None:
        """Register a position in a slot for the vector of a content."""
        self.contents.setdefault(key, content)
        self._waiting_slots.setdefault(key, []).append((slot, position))

    def first(self, count: int) -> dict[bytes, Content]:
        """Return up to `count` contents by key, oldest first; they stay in the queue."""
        return dict(islice(self.contents.items(), count))

    def settle(self, key: bytes, vector: Half | None) -> None:
        """Write a content's vector to every waiting position; None rejects their rows."""
        del self.contents[key]
        for slot, position in self._waiting_slots.pop(key):
            if vector is None:
                slot.reason = f"{self.block}: {NOT_FINITE}"
            else:
                slot.blocks[self.block][position] = vector

    def move(self, key: bytes, other: "ContentQueue[Content]") -> None:
        """Move a content and everything waiting for it to another queue."""
        content = self.contents.pop(key)
        for slot, position in self._waiting_slots.pop(key):
            other.add(key, content, slot, position)
