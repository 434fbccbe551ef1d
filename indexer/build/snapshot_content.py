"""What a snapshot is made of, and its items in the order of the snapshot's rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from engine.catalog.item_fields import ItemFieldReader, ItemFields
from engine.lexical.bm25 import LEXICAL
from engine.lexical.tokenizer import has_words
from engine.scoring.fusion import Calibration, Moments
from indexer.behaviour.behaviour_block import BehaviourResult
from indexer.build.build_config import BuildConfig
from indexer.build.strata import StratumRows, stratify
from indexer.catalog.catalogue import Catalogue
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.embedding.models import BuildModels
from indexer.probing.probes import Probes
from indexer.reviews.snapshot_reviews import ReviewedItems

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SnapshotInputs:
    """Everything that the stages before writing produced.

    Attributes:
        catalogue_sha256: Digest of the catalogue as it was read.
        catalogue: The catalogue as it was read.
        models: The open models.
        cached_models: The same models behind the embedding cache.
        encoded_blocks: The blocks that these models made.
        embedded: The items, with the signals and fields that their reviews give.
        behaviour: What was learned from events; None if nothing was to be learned.
        reviews: The reviews of the items; None without a file of reviews.
        probes: Queries that weights are learned from and gates check.
    """

    catalogue_sha256: str
    catalogue: Catalogue
    models: BuildModels
    cached_models: BuildModels
    encoded_blocks: frozenset[str]
    embedded: EmbeddedRows
    behaviour: BehaviourResult | None
    reviews: ReviewedItems | None
    probes: Probes


@dataclass(frozen=True, slots=True)
class SnapshotContent:
    """The items of a snapshot and where each of them goes.

    Attributes:
        embedded: The items in catalogue order, with the block and signals learned from events.
        content_blocks: The blocks that say what an item is, so all but the one learned from events.
        fields: The texts of each item in catalogue order; empty without a lexical block.
        strata: The strata in the order of their rows.
        order: The catalogue position of the item in each row.
        calibration: Moments of the scores that queries have against the blocks.
    """

    embedded: EmbeddedRows
    content_blocks: tuple[str, ...]
    fields: list[ItemFields]
    strata: list[StratumRows]
    order: list[int]
    calibration: Calibration

    @property
    def item_ids(self) -> list[str]:
        """The id of each row's item."""
        return list(self.in_row_order(self.embedded.item_ids))

    @property
    def has_lexical(self) -> bool:
        """Whether any item has words to index."""
        return any(LEXICAL in stratum.blocks for stratum in self.strata)

    def in_row_order(self, values: Sequence[T]) -> Iterator[T]:
        """Yield the items' values, given in catalogue order, in row order."""
        return (values[position] for position in self.order)

    def with_lexical_moments(self, moments: Moments) -> "SnapshotContent":
        """Return the content with the moments of a text against the lexical block in its calibration."""
        similarities = {**self.calibration.similarities, ("text", LEXICAL): moments}
        return replace(self, calibration=Calibration(similarities, self.calibration.signals))


def arrange(config: BuildConfig, inputs: SnapshotInputs) -> SnapshotContent:
    """Return the content of a snapshot: items with everything learned of them, calibrated and put into strata."""
    behaviour, content_blocks = inputs.behaviour, tuple(inputs.embedded.blocks)
    embedded = inputs.embedded if behaviour is None else behaviour.embedded
    calibration = inputs.models.calibrate(embedded, inputs.encoded_blocks)
    if behaviour is not None:
        calibration = behaviour.calibrate(calibration)
    with_lexical = "text" in inputs.encoded_blocks if config.lexical is None else config.lexical
    fields = _read_fields(config, embedded) if with_lexical else []
    worded = np.array([any(map(has_words, item)) for item in fields] or [False] * len(embedded.item_ids))
    strata = stratify(embedded.present | ({LEXICAL: worded} if worded.any() else {}))
    return SnapshotContent(
        embedded=embedded,
        content_blocks=content_blocks,
        fields=fields,
        strata=strata,
        order=np.concatenate([stratum.positions for stratum in strata]).tolist(),
        calibration=calibration,
    )


def _read_fields(config: BuildConfig, embedded: EmbeddedRows) -> list[ItemFields]:
    reader = ItemFieldReader(config.text_template)
    return [
        reader.read(item_id, payload) for item_id, payload in zip(embedded.item_ids, embedded.payloads, strict=True)
    ]
