"""A live change of an item: what was upserted, or that it was deleted."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class EmbeddedInput:
    """A unit vector (d,) float16 from a model, and the digest of everything that determined it."""

    recipe: bytes
    vector: NDArray[np.float16]


@dataclass(frozen=True, slots=True)
class Upsert:
    """A whole item.

    Attributes:
        payload: Bytes of a Struct.
        images: sha256 of each image.
        vectors: The caller's own vectors, (d,) float32, by block.
        embedded: Vectors from a model, by block, so that they need not be computed again.
    """

    payload: bytes
    images: tuple[bytes, ...] = ()
    vectors: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    embedded: Mapping[str, EmbeddedInput] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemChange:
    """A change of one item.

    Attributes:
        upsert: The item as it is now, None if it was deleted.
        time_s: Seconds since 1970.
    """

    seq: int
    item_id: str
    upsert: Upsert | None
    time_s: float
