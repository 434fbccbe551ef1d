"""What is asked of a build, and whether that can be asked at all: seen before the first row is read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine.descriptions.writer import WriterOptions
from engine.encoders.encoder import ModelSpec
from engine.errors import InvalidSetting
from engine.indexes.index_writer import AUTO
from engine.indexes.index_writer import check as check_index
from indexer.reviews.snapshot_reviews import ReviewFile


@dataclass(frozen=True, slots=True)
class BuildConfig:
    """What to build and how. `index`: "auto" or a FAISS factory string, used for the largest stratum.

    model: None for a catalogue that brings all its vectors. text_model: makes the text block in place of `model`.
    lexical: whether the words of the items' texts are indexed too; None: if a model embeds these texts.
    max_rejects, max_drift: shares of rows, of items.
    exported_at: when the catalogue was exported; live changes made before are in it already and not laid over it.
    forget_changes: forget all live changes made before the build began, once the snapshot is served.
    describe_missing: have `writer` describe the items that lack a description.
    events: a file of what shoppers did, recorded before anything is built; events_map: field → column of another name;
    events_url: the database that keeps events, empty: a file of the store.   behaviour: whether anything is learnt of
    the events that the store has.   reviews: what shoppers wrote of the items.
    """

    catalogue: Path
    store: Path
    model: ModelSpec | None = None
    text_model: ModelSpec | None = None
    lexical: bool | None = None
    text_template: str = "{title}. {description}"
    signals: tuple[str, ...] = ()
    index: str = AUTO
    device: str = "cpu"
    recall_target: float = 0.99
    max_rejects: float = 0.05
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

    def check(self) -> None:
        """Refuse what no build can do, before anything is read or written.

        Raises InvalidSetting, naming what was expected, MissingDependency without a GPU for cuda.
        """
        if not 0 < self.recall_target < 1:
            raise InvalidSetting(f"expected a recall target between 0 and 1, got {self.recall_target}")
        if not 0 <= self.max_rejects <= 1:
            raise InvalidSetting(f"expected a share of rejects between 0 and 1, got {self.max_rejects}")
        if not 0 <= self.max_drift <= 1:
            raise InvalidSetting(f"expected a share of drift between 0 and 1, got {self.max_drift}")
        check_index(self.index, self.device)
        if self.store.exists() and not self.store.is_dir():
            raise InvalidSetting(f"expected a folder for the store, got the file {self.store}")
