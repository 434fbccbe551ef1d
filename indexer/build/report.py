"""The report on a snapshot: weights, gates and calibration, and notices of queries that do not work on its catalogue.

Everything comes from the manifest; nothing is measured again.
"""

from collections.abc import Iterator
from typing import Any

from engine.scoring.fusion import LEXICAL
from engine.snapshot.manifest import Manifest, PartWeightRecord

MIN_SUCCESS = 0.5
"""Success below which a kind of query does not work: success@1 of image probes, success@10 of text probes."""

_COLUMNS = ("part", "block", "weight", "AUC", "success@1", "success@10", "probes")


def notices(manifest: Manifest) -> Iterator[str]:
    """Yield a sentence for each kind of query that does not work on this catalogue, with what to try instead."""
    name = "none" if manifest.model is None else manifest.model.model
    advice = "try --model base" if name == "mini" else "try another --model"
    images = _part_weights(manifest, "image")
    best = max(images, key=lambda record: record.success_at_1, default=None)
    if best is not None and best.success_at_1 < MIN_SUCCESS:
        yield (
            f"model {name} does not recognise images of this catalogue: a changed image finds its own item first in "
            f"{best.success_at_1:.0%} of {best.probes} probes; {advice}"
        )
    texts = _part_weights(manifest, "text")
    best = max(texts, key=lambda record: record.success_at_10, default=None)
    if best is not None and best.success_at_10 < MIN_SUCCESS:
        yield (
            f"texts rarely find their items: a piece of a text finds its own item in the first ten in "
            f"{best.success_at_10:.0%} of {best.probes} probes; check --text, the template of the items' texts"
        )
    idle = [record.block for record in texts if record.block != LEXICAL and record.weight == 0]
    if idle:
        text_model = name if manifest.text_model is None else manifest.text_model.model
        others = ", ".join(record.block for record in texts if record.weight > 0)
        yield (
            f"model {text_model} matches texts to the {' and '.join(idle)} block no better than chance, so texts are "
            f"matched to {others or 'no block'} only; {advice}"
        )


def report(manifest: Manifest) -> dict[str, Any]:
    """Return the report as JSON values."""
    model, text_model = manifest.model, manifest.text_model
    return {
        "snapshot": manifest.snapshot,
        "items": manifest.item_count,
        "model": None if model is None else model.model,
        "text_model": None if text_model is None else text_model.model,
        "default_weights": dict(manifest.default_weights),
        "default_boosts": dict(manifest.default_boosts),
        "part_weights": [record.model_dump() for record in manifest.part_weights],
        "gates": [gate.model_dump() for gate in manifest.gates],
        "calibration": [record.model_dump() for record in manifest.similarities],
        "notices": list(notices(manifest)),
    }


def to_lines(manifest: Manifest) -> Iterator[str]:
    """Yield the report as text: the weights as a table, then gates, calibration and notices."""
    model, text_model = manifest.model, manifest.text_model
    model_name = "own vectors" if model is None else model.model
    text_model_name = "" if text_model is None else f", texts by {text_model.model}"
    yield f"{manifest.snapshot}: {manifest.item_count:,} items, {model_name}{text_model_name}"
    rows = [_COLUMNS, *(_cells(record) for record in manifest.part_weights)]
    if len(rows) > 1:
        yield from _align_columns(rows)
    else:
        weights = ", ".join(f"{block} {weight:g}" for block, weight in manifest.default_weights.items())
        yield f"no weights learned by kind of part; block weights: {weights or 'equal'}"
    for gate in manifest.gates:
        yield f"gate {gate.name}: {gate.value:g} (limit {gate.limit:g}){'' if gate.passed else ' FAILED'}"
    for record in manifest.similarities:
        yield f"calibration {record.part_kind} to {record.block}: mean {record.mean:.3f}, std {record.std:.3f}"
    for sentence in notices(manifest):
        yield f"notice: {sentence}"


def _part_weights(manifest: Manifest, kind: str) -> list[PartWeightRecord]:
    return [record for record in manifest.part_weights if record.part_kind == kind]


def _cells(record: PartWeightRecord) -> tuple[str, ...]:
    return (
        record.part_kind,
        record.block,
        f"{record.weight:.3f}",
        f"{record.auc:.3f}",
        f"{record.success_at_1:.3f}",
        f"{record.success_at_10:.3f}",
        str(record.probes),
    )


def _align_columns(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    for row in rows:
        cells = [
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  " + "  ".join(cells)
