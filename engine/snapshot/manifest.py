"""The manifest of a snapshot: written last and checked first, so that an incomplete snapshot is never served."""

import hashlib
import json
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.catalog.column_rule import ColumnRule
from engine.errors import CorruptSnapshot
from engine.indexes.index import OperatingPoint
from engine.scoring.fusion import Calibration, Moments

SCHEMA = 2
MANIFEST_FILE = "manifest.json"


class _ManifestRecord(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BlockRecord(_ManifestRecord):
    """One block.

    Attributes:
        item_count: Number of items that have it.
        encoded: Whether a model below produced it; otherwise the caller did.
    """

    name: str
    dimensions: int
    item_count: int
    encoded: bool


class StratumRecord(_ManifestRecord):
    """Rows start … start + count, which all have exactly these blocks, in the files of `directory`."""

    blocks: tuple[str, ...]
    start: int
    count: int
    factory: str
    directory: str


class ModelRecord(_ManifestRecord):
    """The encoder: its location, its fingerprint, and its vectors of a few fixed texts and images.

    Attributes:
        texts_read: Share of the catalogue's texts in words that the model knows; None if it does not encode them or was
            not measured.
    """

    model: str
    pretrained: str | None
    encoder: str = "openclip"
    fingerprint: dict[str, Any]
    golden: dict[str, Any]
    texts_read: float | None = None


class LexicalRecord(_ManifestRecord):
    """The lexical block.

    Attributes:
        vocabulary: Number of distinct words.
        item_count: Number of items that have words.
        tokenizer: The tokenizer that split them.
    """

    name: str
    vocabulary: int
    item_count: int
    tokenizer: str


class ConfidenceRecord(_ManifestRecord):
    """The confidence of a text query: a logistic regression on the evidence of `engine.search.confidence`.

    Attributes:
        threshold: Confidence below which nothing matched.
        flagged_missing, flagged_good: Shares of answers below it, on product types unseen in training, where such
            products were hidden and where they were not.
        queries: Number of queries measured.
    """

    intercept: float
    known: float
    held: float
    near: float
    threshold: float
    flagged_missing: float = 0.0
    flagged_good: float = 0.0
    queries: int = 0


class SimilarityRecord(_ManifestRecord):
    """The usual similarity of this kind of part to this block."""

    part_kind: str
    block: str
    mean: float
    std: float


class PartWeightRecord(_ManifestRecord):
    """The default weight of a block for one kind of part, and how well the block finds items on its own.

    Attributes:
        auc: How often a sampled item's own probe (an altered image, a piece of text) scores higher than another item's;
            .5 by chance.
        success_at_1, success_at_10: Share of probes whose item ranks first, or in the top ten.
        probes: Number of probes; 0 if not measured.
    """

    part_kind: str
    block: str
    weight: float
    auc: float = 0.5
    success_at_1: float = 0.0
    success_at_10: float = 0.0
    probes: int = 0


class SignalRecord(_ManifestRecord):
    """The moments of a business signal, by which it is standardised.

    Attributes:
        learnt: Whether the build derived it from events or reviews; otherwise it is a payload field.
    """

    name: str
    mean: float
    std: float
    learnt: bool = False


class PointRecord(_ManifestRecord):
    """One measured index setting: recall@10 on a query class, and microseconds per query on one thread."""

    query_class: str
    nprobe: int
    k_factor: int
    recall: float
    microseconds: float

    @property
    def point(self) -> OperatingPoint:
        """The setting without its measurements."""
        return OperatingPoint(self.nprobe, self.k_factor)


class GateRecord(_ManifestRecord):
    """One publishing condition: the measured value and its limit."""

    name: str
    value: float
    limit: float
    passed: bool


class FileRecord(_ManifestRecord):
    """One file of the snapshot."""

    size_bytes: int
    sha256: str


class DroppedRecord(_ManifestRecord):
    """Values of one column that were dropped for one reason, with an example of the reason as it was told."""

    column: str
    reason: str
    count: int
    example: str


class RuleRecord(_ManifestRecord):
    """How the values of a field are read; see `engine.catalog.column_rule`."""

    type: str
    decimal_comma: bool = False
    day_first: bool = False
    thousands: bool | None = None
    keeps_na: bool = False


class CatalogueRecord(_ManifestRecord):
    """The source of the snapshot.

    Attributes:
        dropped: The values that were dropped from items, by column and reason, the commonest first.
        rejected: The rejected rows by reason, the commonest first; their column is empty.
        rules: How the values of each field are read, also those of live changes.
        notices: What a person should know about how the file was read.
        image_folder: Absolute path that the image names of the payloads are relative to; empty if unknown.
    """

    name: str
    sha256: str
    lines: int
    rejects: int
    text_template: str
    dropped: tuple[DroppedRecord, ...] = ()
    rejected: tuple[DroppedRecord, ...] = ()
    rules: dict[str, RuleRecord] = {}
    notices: tuple[str, ...] = ()
    image_folder: str = ""

    @cached_property
    def column_rules(self) -> dict[str, ColumnRule]:
        """How the values of each field are read."""
        return {name: ColumnRule.from_json(record.model_dump()) for name, record in self.rules.items()}


class BehaviourRecord(_ManifestRecord):
    """What was learned from events.

    Attributes:
        events: Number of events on items of the catalogue.
        shoppers: Number of shoppers.
        items: Number of items with a vector.
        factors: Dimension of the vectors; 0 if there were too few shoppers.
    """

    events: int
    shoppers: int
    items: int
    factors: int


class ReviewsRecord(_ManifestRecord):
    """The reviews of the snapshot's items.

    Attributes:
        name: Name of the reviews file.
        review_count: Number of reviews.
        item_count: Number of reviewed items.
        left_out: Reviews of items that are not in the catalogue.
        aspects: Aspect names by number.
        kept: By field name, how many reviewed items kept their own value instead of one from reviews.
        warning: Which reviews the feedback model cannot read, "" if it reads all.
    """

    name: str
    review_count: int
    item_count: int
    left_out: int
    aspects: tuple[str, ...]
    kept: dict[str, int] = {}
    warning: str = ""


class Manifest(_ManifestRecord):
    """Everything a reader needs to know before it trusts a snapshot's files.

    Attributes:
        model: Produced the encoded blocks, except the text block if there is a text_model.
        text_model: Produced the text block.
        default_weights: Block weights for requests that set none; empty if all blocks weigh the same.
        part_weights: Block weights by kind of part, learned from the catalogue; they override default_weights.
        default_boosts: Linear boosts on signals, for requests that have parts and set no boosts; usually none.
        confidence: None if there is no model of it.
        live_seq: Number of the last live change included; later ones are overlaid.
    """

    schema_version: int
    snapshot: str
    parent: str | None
    create_time: str
    catalogue: CatalogueRecord
    item_count: int
    blocks: tuple[BlockRecord, ...]
    signals: tuple[SignalRecord, ...]
    model: ModelRecord | None
    text_model: ModelRecord | None = None
    lexical: LexicalRecord | None = None
    confidence: ConfidenceRecord | None = None
    behaviour: BehaviourRecord | None = None
    reviews: ReviewsRecord | None = None
    default_weights: dict[str, float] = {}
    part_weights: tuple[PartWeightRecord, ...] = ()
    default_boosts: dict[str, float] = {}
    strata: tuple[StratumRecord, ...]
    similarities: tuple[SimilarityRecord, ...]
    operating_points: tuple[PointRecord, ...]
    recall_target: float
    gates: tuple[GateRecord, ...]
    versions: dict[str, str]
    files: dict[str, FileRecord]
    live_seq: int = 0

    @property
    def dims(self) -> dict[str, int]:
        """The dimension of each block, in the snapshot's order."""
        return {block.name: block.dimensions for block in self.blocks}

    @property
    def encoded_blocks(self) -> tuple[str, ...]:
        """The blocks that `model` produced; texts and images that it encodes are compared with all of them."""
        own = () if self.text_model is None else ("text",)
        return tuple(block.name for block in self.blocks if block.encoded and block.name not in own)

    @property
    def text_encoded_blocks(self) -> tuple[str, ...]:
        """The blocks that `text_model` produced; only texts are compared with them."""
        return tuple(block.name for block in self.blocks if block.encoded and block.name not in self.encoded_blocks)

    @property
    def calibration(self) -> Calibration:
        """The moments by which scores are standardised."""
        return Calibration(
            {(s.part_kind, s.block): Moments(s.mean, s.std) for s in self.similarities},
            {s.name: Moments(s.mean, s.std) for s in self.signals},
        )

    @property
    def size_bytes(self) -> int:
        """Total size of the files."""
        return sum(record.size_bytes for record in self.files.values())


def render(manifest: Manifest) -> bytes:
    """Return the canonical JSON of a manifest, including its checksum."""
    return _with_checksum(manifest.model_dump(mode="json"))


def parse(data: bytes, path: Path) -> Manifest:
    """Return the manifest. Raises CorruptSnapshot, naming `path`, if any byte differs from what `render` wrote."""
    try:
        content = json.loads(data)
        claimed = content.pop("sha256")
        if content["schema_version"] != SCHEMA:
            raise CorruptSnapshot(f"{path}: expected schema version {SCHEMA}, got {content['schema_version']}")
        manifest = Manifest.model_validate(content)
        # Checksum of the JSON read, not of the model: a manifest older than a field with a default is valid too.
        rendered = _with_checksum(content)
    except ValidationError as error:
        detail = error.errors()[0]
        field_path = ".".join(map(str, detail["loc"]))
        raise CorruptSnapshot(f"{path}: expected a manifest, got {field_path}: {detail['msg']}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptSnapshot(f"{path}: expected a manifest, got {type(error).__name__}: {error}") from error
    if rendered != data:
        raise CorruptSnapshot(f"{path}: expected the content of checksum {claimed}, got another")
    return manifest


def _with_checksum(content: dict[str, Any]) -> bytes:
    return _canonical(content | {"sha256": hashlib.sha256(_canonical(content)).hexdigest()})


def _canonical(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
