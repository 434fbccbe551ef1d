"""The manifest of a snapshot before anything is measured on it: what its files contain and where they come from."""

import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

from engine.scoring.fusion import BEHAVIOUR, resolve_weights
from engine.snapshot.manifest import (
    SCHEMA,
    BlockRecord,
    CatalogueRecord,
    LexicalRecord,
    Manifest,
    PartWeightRecord,
    RuleRecord,
    SignalRecord,
    SimilarityRecord,
    StratumRecord,
)
from indexer.build.build_config import BuildConfig
from indexer.build.lexical_block import weights_with_lexical
from indexer.build.snapshot_content import SnapshotContent, SnapshotInputs
from indexer.catalog.reject_summary import count_dropped

_PACKAGES = (
    "diptych",
    "faiss-gpu",
    "faiss-cpu",
    "numpy",
    "pyarrow",
    "torch",
    "open-clip-torch",
    "sentence-transformers",
)


def unmeasured_manifest(
    config: BuildConfig,
    name: str,
    parent: str | None,
    inputs: SnapshotInputs,
    content: SnapshotContent,
    factories: Sequence[str],
    lexical: LexicalRecord | None,
    part_weights: tuple[PartWeightRecord, ...],
) -> Manifest:
    """Return the manifest without operating points, gates and files. factories: one for each stratum."""
    models, encoded, texts = inputs.models, inputs.encoded_blocks, content.embedded.texts
    return Manifest(
        schema_version=SCHEMA,
        snapshot=name,
        parent=parent,
        create_time=datetime.now(UTC).isoformat(timespec="seconds"),
        catalogue=_catalogue_record(config, inputs, content),
        item_count=len(content.order),
        blocks=_block_records(inputs, content),
        signals=_signal_records(config, content),
        model=models.record("model", encoded, texts),
        text_model=models.record("text_model", encoded, texts),
        lexical=lexical,
        behaviour=None if inputs.behaviour is None else inputs.behaviour.record,
        reviews=None if inputs.reviews is None else inputs.reviews.record,
        default_weights=_default_weights(content, lexical is not None),
        part_weights=part_weights,
        strata=_stratum_records(content, factories),
        similarities=_similarity_records(content),
        operating_points=(),
        recall_target=config.recall_target,
        gates=(),
        versions=_versions(),
        files={},
    )


def _catalogue_record(config: BuildConfig, inputs: SnapshotInputs, content: SnapshotContent) -> CatalogueRecord:
    return CatalogueRecord(
        name=config.catalogue.name,
        sha256=inputs.catalogue_sha256,
        lines=content.embedded.lines_read,
        rejects=len(content.embedded.rejects),
        text_template=config.text_template,
        dropped=tuple(count_dropped(content.embedded.bad_cells)),
        rejected=tuple(count_dropped(content.embedded.rejects)),
        rules={name: RuleRecord.model_validate(rule.to_json()) for name, rule in inputs.catalogue.rules.items()},
        notices=inputs.catalogue.notices,
        image_folder=str(inputs.catalogue.image_folder.absolute()),
    )


def _block_records(inputs: SnapshotInputs, content: SnapshotContent) -> tuple[BlockRecord, ...]:
    embedded = content.embedded
    return tuple(
        BlockRecord(
            name=name,
            dimensions=rows.shape[1],
            item_count=int(embedded.present[name].sum()),
            encoded=name in inputs.encoded_blocks,
        )
        for name, rows in embedded.blocks.items()
    )


def _signal_records(config: BuildConfig, content: SnapshotContent) -> tuple[SignalRecord, ...]:
    return tuple(
        SignalRecord(name=name, mean=moments.mean, std=moments.std, learnt=name not in config.signals)
        for name, moments in content.calibration.signals.items()
    )


def _similarity_records(content: SnapshotContent) -> tuple[SimilarityRecord, ...]:
    return tuple(
        SimilarityRecord(part_kind=kind, block=block, mean=moments.mean, std=moments.std)
        for (kind, block), moments in content.calibration.similarities.items()
    )


def _stratum_records(content: SnapshotContent, factories: Sequence[str]) -> tuple[StratumRecord, ...]:
    records = []
    start = 0
    for stratum, factory in zip(content.strata, factories, strict=True):
        count = len(stratum.positions)
        records.append(
            StratumRecord(blocks=stratum.blocks, start=start, count=count, factory=factory, directory=stratum.directory)
        )
        start += count
    return tuple(records)


def _default_weights(content: SnapshotContent, has_lexical: bool) -> dict[str, float]:
    """Return the block weights of a request that names none; empty if all blocks weigh the same.

    For a shopper, the block learned from events weighs as much as all content blocks together. Other kinds of parts are
    not compared with it by default, so searches mean what they meant before anything was learned.
    """
    blocks = content.content_blocks
    weights = weights_with_lexical(blocks) if has_lexical else {}
    if BEHAVIOUR not in content.embedded.blocks:
        return weights
    weights = weights or resolve_weights({}, blocks)
    return weights | {BEHAVIOUR: sum(weights[block] for block in blocks)}


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions
