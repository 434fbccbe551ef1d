"""Opens the models that a snapshot was built with and verifies them; models that are already open are reused."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.encoders.batching import BatchingEncoder, BatchObserver
from engine.encoders.encoder import Encoder, Fingerprint, ModelSpec, check, open_encoder
from engine.search.searcher import Searcher
from engine.snapshot.manifest import Manifest, ModelRecord

VerifiedModel = tuple[ModelRecord, Encoder]


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """How models are opened to serve many callers.

    Attributes:
        runtime: What computes them, "auto" for the fastest that is installed.
        max_batch: Inputs encoded together.
        max_wait_ms: Maximum batching delay.
        cache_bytes: Size of the embedding cache.
        watch: Is called after each batch and cache lookup, None for nothing.
    """

    runtime: str = "auto"
    max_batch: int = 32
    max_wait_ms: float = 2.0
    cache_bytes: int = 64 * 2**20
    watch: BatchObserver | None = None


def open_models(
    manifest: Manifest, device: str = "cpu", previous: Searcher | None = None, settings: ModelSettings | None = None
) -> tuple[Encoder | None, Encoder | None]:
    """Return the encoder of a snapshot and the encoder of its texts alone, None where it was built without.

    Args:
        manifest: Names the models and their fingerprints.
        device: What the models run on.
        previous: A searcher whose encoders are reused where they are the same models.
        settings: How many callers share the models, None for a single caller.

    Raises:
        ModelMismatch: If a model is not the one that the snapshot was built with.
        InvalidSetting: If the runtime is unknown.
    """
    verified = [] if previous is None else list(_list_models(previous))
    opened = []
    for record in (manifest.model, manifest.text_model):
        encoder = None if record is None else _open(record, device, verified, settings)
        opened.append(encoder)
        if record is not None and encoder is not None:
            verified.append((record, encoder))
    return opened[0], opened[1]


def _list_models(searcher: Searcher) -> Iterable[VerifiedModel]:
    manifest = searcher.snapshot.manifest
    for record, encoder in ((manifest.model, searcher.encoder), (manifest.text_model, searcher.text_encoder)):
        if record is not None and encoder is not None:
            yield record, encoder


def _open(
    record: ModelRecord, device: str, verified: Iterable[VerifiedModel], settings: ModelSettings | None
) -> Encoder:
    expected = Fingerprint.from_json(record.fingerprint)
    for known, encoder in verified:
        if _is_same_model(encoder.fingerprint, expected):
            if known != record:
                check(encoder, expected, record.golden)
            return encoder
    spec = ModelSpec(record.model, record.pretrained, record.encoder)
    encoder = open_encoder(spec, device, runtime="auto" if settings is None else settings.runtime)
    check(encoder, expected, record.golden)
    if settings is None:
        return encoder
    return BatchingEncoder(encoder, settings.max_batch, settings.max_wait_ms, settings.cache_bytes, settings.watch)


def _is_same_model(fingerprint: Fingerprint, other: Fingerprint) -> bool:
    """Return whether both are the same model; a different dtype only rounds."""
    return {**fingerprint.to_json(), "dtype": ""} == {**other.to_json(), "dtype": ""}
