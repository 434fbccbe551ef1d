"""Manifests as messages."""

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from engine.snapshot.manifest import Manifest, ModelRecord
from engine.v1 import index_pb2


def to_index(manifest: Manifest) -> index_pb2.Index:
    """Return the description of a served snapshot."""
    model = manifest.model
    encoders: dict[str, str] = {}
    if model is not None:
        encoders |= dict.fromkeys(manifest.encoded_blocks, model.model)
    if manifest.text_model is not None:
        encoders |= dict.fromkeys(manifest.text_encoded_blocks, manifest.text_model.model)
    largest = max(manifest.strata, key=lambda stratum: stratum.count)
    index = index_pb2.Index(
        snapshot=manifest.snapshot,
        create_time=_to_timestamp(manifest.create_time),
        item_count=manifest.item_count,
        blocks=[
            index_pb2.Block(
                name=block.name,
                dimensions=block.dimensions,
                item_count=block.item_count,
                encoder=encoders.get(block.name, ""),
            )
            for block in manifest.blocks
        ],
        signals=[signal.name for signal in manifest.signals],
        calibration=[
            index_pb2.Calibration(part_kind=record.part_kind, block=record.block, mean=record.mean, std=record.std)
            for record in manifest.similarities
        ],
        operating_points=[
            index_pb2.OperatingPoint(
                query_class=point.query_class,
                nprobe=point.nprobe,
                k_factor=point.k_factor,
                recall=point.recall,
                microseconds=point.microseconds,
            )
            for point in manifest.operating_points
        ],
        index_spec=largest.factory,
        recall_target=manifest.recall_target,
        parent=manifest.parent or "",
        catalogue_sha256=manifest.catalogue.sha256,
        size_bytes=manifest.size_bytes,
        part_weights=[index_pb2.PartWeight(**record.model_dump()) for record in manifest.part_weights],
    )
    if model is not None:
        index.model.CopyFrom(_to_model(model))
    return index


def to_snapshot(manifest: Manifest, served: str) -> index_pb2.Snapshot:
    """Return a snapshot of the store. served: name of the served snapshot."""
    return index_pb2.Snapshot(
        name=manifest.snapshot,
        create_time=_to_timestamp(manifest.create_time),
        item_count=manifest.item_count,
        size_bytes=manifest.size_bytes,
        active=manifest.snapshot == served,
    )


def _to_model(model: ModelRecord) -> index_pb2.Model:
    fingerprint = model.fingerprint
    return index_pb2.Model(
        name=model.model,
        pretrained=model.pretrained or "",
        architecture=fingerprint["architecture"],
        weights_sha256=fingerprint["weights_sha256"],
        preprocess_sha256=fingerprint["preprocess_sha256"],
        dimensions=fingerprint["dim"],
        dtype=fingerprint["dtype"],
        tokenizer_sha256=fingerprint["tokenizer_sha256"],
    )


def _to_timestamp(iso: str) -> Timestamp:
    timestamp = Timestamp()
    timestamp.FromDatetime(datetime.fromisoformat(iso))
    return timestamp
