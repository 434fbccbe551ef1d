"""What is usual among a shop's shoppers, as a build found it: shares of values, segments, and tags of items.

Nothing in these files tells of one shopper: a share is kept only where several shoppers are behind it, a segment only
where several are in it. So forgetting a shopper needs no other snapshot.
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
from engine.profiles.shopper_features import FeatureScale, FeatureSpace, Interactions, ItemFeatures, Numbers, compute_features
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import Snapshot

SHOPPERS = "shoppers"
"""The folder of a snapshot that tells of shoppers."""

RECORD_FILE = "usual.json"
TASTE_FILE = "taste.npz"
TAGS_FILE = "tags.npy"

TAGS = "tags"
"""What comes before the name of a tag where it stands for a field: tags.colour."""

FEWEST = 5
"""What fewer shoppers have in common could tell who they are, and is not kept."""


class _PopulationModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SegmentRecord(_PopulationModel):
    """Shoppers who are alike. share: of all shoppers.   size: how many.   centroid: where they are, see `traits`.

    apart: what sets them apart, each in a few words, and by how much, in spreads of all shoppers.
    """

    name: str
    description: str
    share: float
    size: int
    centroid: tuple[float, ...]
    apart: tuple[tuple[str, float], ...]


class TagRecord(_PopulationModel):
    """One kind of tag. said, seen: the shares of items tagged by their titles, and by their pictures.

    agreement: how often the pictures that are believed say what titles say, 0 if none is.
    """

    values: tuple[str, ...]
    said: float
    seen: float
    agreement: float


class PopulationRecord(_PopulationModel):
    """All of it but arrays. shares: field → value → share of what all shoppers take.   words: share of titles.

    kinds_field, kinds, prices: see `FeatureSpace`.   mean, spread: see `FeatureScale`.   tags: by name; an item's are
    in TAGS_FILE.   silhouettes: number of segments → how clear they are, for each number tried.
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
    """What is usual in one snapshot; any number of threads may read it.

    tags: (n, t) int8 places in the values of each tag, -1 for none.   space, scale: None if nothing was learnt.
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
        """Return the share that a value has of what all shoppers take, None if that is not known."""
        return self.shares.get(field, {}).get(value)

    def goods(self, view: ReadView, rows: Sequence[int]) -> list[ProductFacts]:
        """Return what is said of some rows of a view of the snapshot. Cost: 50 µs a row."""
        return [to_product_facts(from_bytes(view.payload(row)), self.fields, self._tags_of(row)) for row in rows]

    def segment(self, acts: Interactions, shelf: ItemFeatures, now_s: float) -> SegmentRecord | None:
        """Return the segment of the one shopper whose acts these are, None if the snapshot knows none."""
        if self.scale is None or not self.segments:
            return None
        return self.segments[int(self.nearest(self.scale.to_points(compute_features(acts, shelf, now_s)))[0])]

    def nearest(self, points: Numbers) -> NDArray[np.int64]:
        """Return the place of the segment that each shopper is in: (u,). points: (u, f), see `FeatureScale`."""
        apart = np.stack([np.square(points - centroid).sum(axis=1) for centroid in self._centroids], axis=1)
        places: NDArray[np.int64] = apart.argmin(axis=1)
        return places

    @cached_property
    def _centroids(self) -> Numbers:
        return np.array([segment.centroid for segment in self.segments])

    def _tags_of(self, row: int) -> dict[str, str]:
        # Items that changed since have rows behind those of the snapshot, and no tags.
        codes = self.tags[row].tolist() if row < len(self.tags) else []
        named = zip(self.tag_values.items(), codes, strict=False)
        return {f"{TAGS}.{name}": values[code] for (name, values), code in named if code >= 0}


def to_item_features(
    space: FeatureSpace, goods: Sequence[ProductFacts | None], view: ReadView, rows: Sequence[int]
) -> ItemFeatures:
    """Return the shelf of items. goods: None for one that is not in the view.   rows: of those that are, in order."""
    known = np.array([good is not None for good in goods], np.bool_)
    there = [good or ProductFacts() for good in goods]
    taste = np.zeros((len(goods), space.basis.shape[1]))
    taste[known] = space.to_taste(view.vectors_of(np.array(rows, np.int64)))
    return ItemFeatures(
        space.to_kinds([good.values.get(space.field, ()) for good in there]),
        space.to_ranks(np.array([good.price for good in there])),
        taste,
        known,
    )


def open_population(snapshot: Snapshot) -> Population:
    """Return what a snapshot knows of shoppers; the fields alone, chosen now, if it was built without any events.

    Raises CorruptSnapshot, naming the file.
    """
    directory = snapshot.directory / SHOPPERS
    if not directory.is_dir():
        nothing = np.zeros((0, 0), np.int8)
        return Population(choose_fields(snapshot.columns), {}, {}, (), {}, nothing, None, None)
    record = _read(directory / RECORD_FILE)
    try:
        with np.load(directory / TASTE_FILE) as arrays:
            centre, basis = arrays["centre"], arrays["basis"]
        tags = np.load(directory / TAGS_FILE, mmap_mode="r")
    except (OSError, ValueError, KeyError) as error:
        raise CorruptSnapshot(f"{directory}: expected what is usual among shoppers, got {error}") from error
    space = FeatureSpace(record.kinds_field, record.kinds, np.array(record.prices), centre, basis)
    if {len(record.mean), len(record.spread)} != {space.feature_count}:
        raise CorruptSnapshot(
            f"{directory / RECORD_FILE}: expected {space.trait_count} numbers of a shopper, got {len(record.mean)}"
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
        raise CorruptSnapshot(f"{path}: expected what is usual among shoppers, got {error}") from error
