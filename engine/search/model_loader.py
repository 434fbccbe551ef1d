"""The models that a snapshot was built with, opened and proved; those that are open already are used again."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.encoders.batching import BatchingEncoder, BatchObserver
from engine.encoders.encoder import Encoder, Fingerprint, ModelSpec, check, open_encoder
from engine.search.searcher import Searcher
from engine.snapshot.manifest import Manifest, ModelRecord

Proved = tuple[ModelRecord, Encoder]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How models are opened to serve many callers: what computes them, and what is encoded together and kept."""

    runtime: str = "auto"
    max_batch: int = 32
    max_wait_ms: float = 2.0
    cache_bytes: int = 64 * 2**20
    watch: BatchObserver | None = None


def open_models(
    manifest: Manifest, device: str = "cpu", before: Searcher | None = None, serving: ModelSettings | None = None
) -> tuple[Encoder | None, Encoder | None]:
    """Return the encoder of a snapshot and that of its texts alone, None where it was built without.

    before: a searcher whose encoders are used again where they are the same. serving: how many callers share them;
    None for one alone. Raises ModelMismatch, InvalidSetting.
    """
    proved = [] if before is None else list(_proved(before))
    opened = []
    for record in (manifest.model, manifest.text_model):
        encoder = None if record is None else _open(record, device, proved, serving)
        opened.append(encoder)
        if record is not None and encoder is not None:
            proved.append((record, encoder))
    return opened[0], opened[1]


def _proved(searcher: Searcher) -> Iterable[Proved]:
    manifest = searcher.snapshot.manifest
    for record, encoder in ((manifest.model, searcher.encoder), (manifest.text_model, searcher.text_encoder)):
        if record is not None and encoder is not None:
            yield record, encoder


def _open(record: ModelRecord, device: str, proved: Iterable[Proved], serving: ModelSettings | None) -> Encoder:
    expected = Fingerprint.from_json(record.fingerprint)
    for known, encoder in proved:
        if _same(encoder.fingerprint, expected):
            if known != record:
                check(encoder, expected, record.golden)
            return encoder
    spec = ModelSpec(record.model, record.pretrained, record.encoder)
    encoder = open_encoder(spec, device, runtime="auto" if serving is None else serving.runtime)
    check(encoder, expected, record.golden)
    if serving is None:
        return encoder
    return BatchingEncoder(encoder, serving.max_batch, serving.max_wait_ms, serving.cache_bytes, serving.watch)


def _same(one: Fingerprint, other: Fingerprint) -> bool:
    """Return whether both are one model; the dtype only rounds."""
    return {**one.to_json(), "dtype": ""} == {**other.to_json(), "dtype": ""}
