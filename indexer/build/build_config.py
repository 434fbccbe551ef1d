"""The settings of a build, checked before the first row is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine.descriptions.writer import WriterOptions
from engine.encoders.encoder import ModelSpec
from engine.errors import InvalidSetting
from engine.indexes.index_writer import AUTO
from engine.indexes.index_writer import check as check_index
from indexer.catalog.product import CatalogSpec, ReadOptions
from indexer.reviews.snapshot_reviews import ReviewFile


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """What to build and how.

    Attributes:
        catalogue: JSON Lines, CSV or Parquet file, or a folder of images.
        store: Folder of the store.
        model: Model for texts and images; None if the catalogue brings all its vectors.
        text_model: Model for the text block, in place of `model`.
        lexical: Whether to index the words of the items' texts; None to do so if a model embeds these texts.
        text_template: The text of an item, from columns of its row.
        signals: Numeric columns that boosts can use.
        read_options: How the catalogue is read, where its file leaves it open.
        index: "auto" or a FAISS factory string for the largest stratum.
        device: "cpu", or "cuda" to train and fill the index on a GPU.
        recall_target: Recall@10 that searches should reach, between 0 and 1.
        max_rejects: Largest allowed share of bad rows.
        max_bad_cells: Largest allowed share of dropped values in a column.
        max_shrink: Largest allowed share of items fewer than in the served snapshot.
        max_drift: Largest allowed share of items that no longer resemble themselves in the served snapshot.
        publish: Whether to serve the snapshot if it passes its gates.
        exported_at: When the catalogue was exported. Live changes made before are part of it and not applied again.
        forget_changes: Delete the live changes made before the build began, once the snapshot is served.
        describe_missing: Whether `writer` describes the items that lack a description.
        writer: The description writer.
        events: File of shopper events, recorded before anything is built.
        events_map: Event field to the column that holds it, where the names differ.
        events_url: Database of the events; a file in the store if empty.
        behaviour: Whether to learn from the events that the store has.
        reviews: Reviews of the items.
    """

    catalogue: Path
    store: Path
    model: ModelSpec | None = None
    text_model: ModelSpec | None = None
    lexical: bool | None = None
    text_template: str = "{title}. {description}"
    signals: tuple[str, ...] = ()
    read_options: ReadOptions = field(default_factory=ReadOptions)
    index: str = AUTO
    device: str = "cpu"
    recall_target: float = 0.99
    max_rejects: float = 0.05
    max_bad_cells: float = 0.5
    max_shrink: float = 0.2
    max_drift: float = 0.5
    publish: bool = True
    exported_at: datetime | None = None
    forget_changes: bool = False
    describe_missing: bool = False
    writer: WriterOptions = field(default_factory=WriterOptions)
    events: Path | None = None
    events_map: Mapping[str, str] = field(default_factory=dict)
    events_url: str = ""
    behaviour: bool = True
    reviews: ReviewFile | None = None

    @property
    def spec(self) -> CatalogSpec:
        """The catalogue to read."""
        return CatalogSpec(self.catalogue, self.text_template, self.signals, self.read_options)

    @property
    def exported_at_s(self) -> float:
        """When the catalogue was exported, in seconds since 1970; 0 if unknown."""
        return 0.0 if self.exported_at is None else self.exported_at.timestamp()

    def check(self) -> None:
        """Reject settings that no build can satisfy, before anything is read or written.

        Raises:
            InvalidSetting: A value is out of range, or the store is a file.
            MissingDependency: The device is cuda and there is no GPU.
        """
        if not 0 < self.recall_target < 1:
            raise InvalidSetting(f"expected a recall target between 0 and 1, got {self.recall_target}")
        for name, share in {
            "rejects": self.max_rejects,
            "bad cells": self.max_bad_cells,
            "shrink": self.max_shrink,
            "drift": self.max_drift,
        }.items():
            if not 0 <= share <= 1:
                raise InvalidSetting(f"expected a share of {name} between 0 and 1, got {share}")
        check_index(self.index, self.device)
        if self.store.exists() and not self.store.is_dir():
            raise InvalidSetting(f"expected a folder for the store, got the file {self.store}")
