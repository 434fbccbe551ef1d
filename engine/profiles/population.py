"""Population statistics of a shop's shoppers, computed by a build: shares of values, segments, and tags of items.

These files contain nothing about a single shopper: shares and segments are kept only if several shoppers are behind
them. So erasing a shopper needs no new snapshot.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from engine.catalog.payload import from_bytes
from engine.columns.field_roles import FieldRoles, choose_fields
from engine.errors import CorruptSnapshot
from engine.profiles.product_facts import ProductFacts, to_product_facts
from engine.profiles.shopper_features import (
    FeatureScale,
    FeatureSpace,
    Interactions,
    ItemFeatures,
    Numbers,
    compute_features,
)
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import Snapshot

SHOPPERS = "shoppers"
"""The folder of a snapshot that holds the population statistics."""

RECORD_FILE = "usual.json"
TASTE_FILE = "taste.npz"
TAGS_FILE = "tags.npy"

TAG_PREFIX = "tags"
"""Prefix of a tag's name where it stands for a field: tags.colour."""

MIN_SHOPPERS = 5
"""Statistics of fewer shoppers could identify them, and are not stored."""


class _PopulationModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SegmentRecord(_PopulationModel):
    """A segment of similar shoppers.

    Attributes:
        share: Share of all shoppers.
        size: Number of shoppers.
        centroid: Mean point of its shoppers, see `FeatureScale`.
        apart: What distinguishes them, each in a few words, and by how many standard deviations of all shoppers.
    """

    name: str
    description: str
    share: float
    size: int
    centroid: tuple[float, ...]
    apart: tuple[tuple[str, float], ...]


class TagRecord(_PopulationModel):
    """One kind of tag.

    Attributes:
        said: Share of items tagged by their titles.
        seen: Share of items tagged by their pictures.
        agreement: How often the trusted pictures agree with titles, 0 if none is trusted.
    """

    values: tuple[str, ...]
    said: float
    seen: float
    agreement: float


class PopulationRecord(_PopulationModel):
    """The population statistics without the arrays.

    Attributes:
        shares: field → value → share of what all shoppers choose.
        words: word → share of titles.
        kinds_field: As in `FeatureSpace`, like `kinds` and `prices`.
        mean: As in `FeatureScale`, like `spread`.
        silhouettes: Number of segments → silhouette, for each number tried.
        tags: By name; the tags of the items are in TAGS_FILE.
    """

    shoppers: int
    events: int
    fields: dict[str, Any]
    shares: dict[str, dict[str, float]]
    words: dict[str, float]
    kinds_field: str
    kinds: tuple[str, ...]
    prices: tuple[float, ...]
    mean: tuple[float, ...]
    spread: tuple[float, ...]
    segments: tuple[SegmentRecord, ...]
    silhouettes: dict[int, float]
    tags: dict[str, TagRecord]


@dataclass(frozen=True)
class Population:
    """The population statistics of one snapshot; safe to read from any number of threads.

    Attributes:
        tags: (n, t) int8 indices into the values of each tag, -1 for none.
        space: None if the snapshot was built without events; `scale` likewise.
    """

    fields: FieldRoles
    shares: Mapping[str, Mapping[str, float]]
    words: Mapping[str, float]
    segments: tuple[SegmentRecord, ...]
    tag_values: Mapping[str, tuple[str, ...]]
    tags: NDArray[np.int8]
    space: FeatureSpace | None
    scale: FeatureScale | None

    def share(self, field: str, value: str) -> float | None:
        """Return the share of a value among what all shoppers choose, None if unknown."""
        return self.shares.get(field, {}).get(value)

    def products(self, view: ReadView, rows: Sequence[int]) -> list[ProductFacts]:
        """Return the facts of some rows of a view of the snapshot. Cost: 50 µs a row."""
        return [to_product_facts(from_bytes(view.payload(row)), self.fields, self._tags_of(row)) for row in rows]

    def segment(self, interactions: Interactions, item_features: ItemFeatures, now_s: float) -> SegmentRecord | None:
        """Return the segment of the one shopper with these interactions, None if the snapshot has none."""
        if self.scale is None or not self.segments:
            return None
        points = self.scale.to_points(compute_features(interactions, item_features, now_s))
        return self.segments[int(self.nearest(points)[0])]

    def nearest(self, points: Numbers) -> NDArray[np.int64]:
        """Return the index of the segment nearest to each point: (u,). points: (u, f), see `FeatureScale`."""
        distances = np.stack([np.square(points - centroid).sum(axis=1) for centroid in self._centroids], axis=1)
        segments: NDArray[np.int64] = distances.argmin(axis=1)
        return segments

    @cached_property
    def _centroids(self) -> Numbers:
        return np.array([segment.centroid for segment in self.segments])

    def _tags_of(self, row: int) -> dict[str, str]:
        # Items changed since the build have rows after those of the snapshot, and no tags.
        codes = self.tags[row].tolist() if row < len(self.tags) else []
        tags_by_name = zip(self.tag_values.items(), codes, strict=False)
        return {f"{TAG_PREFIX}.{name}": values[code] for (name, values), code in tags_by_name if code >= 0}


def to_item_features(
    space: FeatureSpace, products: Sequence[ProductFacts | None], view: ReadView, rows: Sequence[int]
) -> ItemFeatures:
    """Return the features of items.

    Args:
        products: None for an item that is not in the view.
        rows: Rows of the items that are in the view, in order.
    """
    in_view = np.array([product is not None for product in products], np.bool_)
    known_products = [product or ProductFacts() for product in products]
    taste = np.zeros((len(products), space.basis.shape[1]))
    taste[in_view] = space.to_taste(view.vectors_of(np.array(rows, np.int64)))
    return ItemFeatures(
        space.to_kinds([product.values.get(space.field, ()) for product in known_products]),
        space.to_ranks(np.array([product.price for product in known_products])),
        taste,
        in_view,
    )


def open_population(snapshot: Snapshot) -> Population:
    """Return the population statistics of a snapshot; only the fields, chosen now, if it was built without events.

    Raises CorruptSnapshot, naming the file.
    """
    directory = snapshot.directory / SHOPPERS
    if not directory.is_dir():
        no_tags = np.zeros((0, 0), np.int8)
        return Population(choose_fields(snapshot.columns), {}, {}, (), {}, no_tags, None, None)
    record = _read(directory / RECORD_FILE)
    try:
        with np.load(directory / TASTE_FILE) as arrays:
            centre, basis = arrays["centre"], arrays["basis"]
        tags = np.load(directory / TAGS_FILE, mmap_mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise CorruptSnapshot(f"{directory}: expected population statistics, got {error}") from error
    space = FeatureSpace(record.kinds_field, record.kinds, np.array(record.prices), centre, basis)
    if {len(record.mean), len(record.spread)} != {space.feature_count}:
        raise CorruptSnapshot(
            f"{directory / RECORD_FILE}: expected {space.feature_count} shopper features, got {len(record.mean)}"
        )
    return Population(
        fields=FieldRoles.from_json(record.fields),
        shares=record.shares,
        words=record.words,
        segments=record.segments,
        tag_values={name: tag.values for name, tag in record.tags.items()},
        tags=tags,
        space=space,
        scale=FeatureScale(np.array(record.mean), np.array(record.spread)),
    )


def _read(path: Path) -> PopulationRecord:
    try:
        return PopulationRecord.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise CorruptSnapshot(f"{path}: expected population statistics, got {error}") from error
