"""What a snapshot says of itself: written last, checked first, so that half a snapshot can never be served."""

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from engine.errors import CorruptSnapshot
from engine.indexes.index import OperatingPoint
from engine.scoring.fusion import Calibration, Moments

SCHEMA = 2
MANIFEST_FILE = "manifest.json"


class _ManifestRecord(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class BlockRecord(_ManifestRecord):
    """One block: its dimension, how many items have it, and whether a model below made it (else the caller did)."""

    name: str
    dimensions: int
    item_count: int
    encoded: bool


class StratumRecord(_ManifestRecord):
    """Rows start … start + count, which all have just these blocks, in the files of `directory`."""

    blocks: tuple[str, ...]
    start: int
    count: int
    factory: str
    directory: str


class ModelRecord(_ManifestRecord):
    """The encoder: where it was found, what it was, and what it made of a few fixed texts and pictures.

    texts_read: the share of the catalogue's texts that are in words the model knows; None where it makes no vectors of
    them or was never asked.
    """

    model: str
    pretrained: str | None
    encoder: str = "openclip"
    fingerprint: dict[str, Any]
    golden: dict[str, Any]
    texts_read: float | None = None


class LexicalRecord(_ManifestRecord):
    """The lexical block: its name, different words, items that have words, and how they were cut."""

    name: str
    vocabulary: int
    item_count: int
    tokenizer: str


class ConfidenceRecord(_ManifestRecord):
    """How sure an answer to a text is: a logistic regression on the evidence of `engine.search.confidence`.

    threshold: the confidence below which nothing matched.   flagged_missing, flagged_good: the shares of answers below
    it, on types of things that the weights did not see, where such things were hidden and where not.   queries: asked.
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
    """How similar a part of this kind usually is to this block."""

    part_kind: str
    block: str
    mean: float
    std: float


class PartWeightRecord(_ManifestRecord):
    """What a block weighs for one kind of part in a request that names no weights, and how well it tells on its own.

    auc: how often it gives a sampled item's own probe (a changed picture, a piece of text) a higher score than another
    item's, .5 by chance.   success_at_1, success_at_10: the share of probes whose item comes first, or among ten.
    probes: how many were asked; 0 where nothing was measured.
    """

    part_kind: str
    block: str
    weight: float
    auc: float = 0.5
    success_at_1: float = 0.0
    success_at_10: float = 0.0
    probes: int = 0


class SignalRecord(_ManifestRecord):
    """How a business signal is usually distributed; standardised with these.

    learnt: whether the build worked it out of events or reviews; else it is a field of the payloads.
    """

    name: str
    mean: float
    std: float
    learnt: bool = False


class PointRecord(_ManifestRecord):
    """One measured setting of the index: recall@10 on queries of a class, and microseconds a query, one thread."""

    query_class: str
    nprobe: int
    k_factor: int
    recall: float
    microseconds: float

    @property
    def point(self) -> OperatingPoint:
        """The setting alone."""
        return OperatingPoint(self.nprobe, self.k_factor)


class GateRecord(_ManifestRecord):
    """One condition of publishing: the value measured, the limit it was held to."""

    name: str
    value: float
    limit: float
    passed: bool


class FileRecord(_ManifestRecord):
    """One file of the snapshot."""

    size_bytes: int
    sha256: str


class CatalogueRecord(_ManifestRecord):
    """What the snapshot was built from."""

    name: str
    sha256: str
    lines: int
    rejects: int
    text_template: str


class BehaviourRecord(_ManifestRecord):
    """What was learnt of items from events: of how many events and shoppers, vectors of so many items and dimensions.

    events: of items of the catalogue.   factors: 0 where too few shoppers did anything for vectors.
    """

    events: int
    shoppers: int
    items: int
    factors: int


class ReviewsRecord(_ManifestRecord):
    """The reviews of the snapshot's items: the file's name, how many there are, of so many items, and the aspects.

    left_out: reviews of items that the catalogue lacked.   aspects: by the number they are kept under.
    kept: how many reviewed items had a field of their own where reviews give one of the same name; theirs stayed.
    warning: which reviews the feedback model cannot read, "" if it reads all.
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

    model made the encoded blocks; where there is a text_model, it made the text block and `model` the others.
    default_weights: what blocks weigh in a request that says nothing of it, for a snapshot where not all weigh alike.
    part_weights: what blocks weigh for kinds of parts, in place of default_weights, as the build learnt it of the
    catalogue itself; kinds and blocks that are not in it weigh what default_weights says.
    default_boosts: linear boosts on signals, for requests that have parts and say nothing of boosts; usually none.
    confidence: None where it is not known when an answer is none.
    live_seq: the number of the last live change that it holds; those that came later are laid over it.
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
        """The blocks that `model` made: a text or a picture that it encodes speaks to all of them."""
        own = () if self.text_model is None else ("text",)
        return tuple(block.name for block in self.blocks if block.encoded and block.name not in own)

    @property
    def text_encoded_blocks(self) -> tuple[str, ...]:
        """The blocks that `text_model` made; only a text speaks to them."""
        return tuple(block.name for block in self.blocks if block.encoded and block.name not in self.encoded_blocks)

    @property
    def calibration(self) -> Calibration:
        """What the scores are standardised with."""
        return Calibration(
            {(s.part_kind, s.block): Moments(s.mean, s.std) for s in self.similarities},
            {s.name: Moments(s.mean, s.std) for s in self.signals},
        )

    @property
    def size_bytes(self) -> int:
        """The size of all files on disk."""
        return sum(record.size_bytes for record in self.files.values())


def render(manifest: Manifest) -> bytes:
    """Return the one text that stands for this manifest, its own checksum in it."""
    return _with_checksum(manifest.model_dump(mode="json"))


def parse(data: bytes, path: Path) -> Manifest:
    """Return the manifest. Raises CorruptSnapshot, naming `path`, if even one byte is not as `render` wrote it."""
    try:
        content = json.loads(data)
        claimed = content.pop("sha256")
        if content["schema_version"] != SCHEMA:
            raise CorruptSnapshot(f"{path}: expected schema version {SCHEMA}, got {content['schema_version']}")
        manifest = Manifest.model_validate(content)
        # Of what was read, not of the model: a manifest written before a field had its default is whole too.
        rendered = _with_checksum(content)
    except ValidationError as error:
        wrong = error.errors()[0]
        place = ".".join(map(str, wrong["loc"]))
        raise CorruptSnapshot(f"{path}: expected a manifest, got {place}: {wrong['msg']}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptSnapshot(f"{path}: expected a manifest, got {type(error).__name__}: {error}") from error
    if rendered != data:
        raise CorruptSnapshot(f"{path}: expected the content of checksum {claimed}, got another")
    return manifest


def _with_checksum(content: dict[str, Any]) -> bytes:
    return _canonical(content | {"sha256": hashlib.sha256(_canonical(content)).hexdigest()})


def _canonical(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()
