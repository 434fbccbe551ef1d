"""Default weights and boosts that were learnt, as a file of the store, and how snapshots come by them.

`weights.json` holds the weights with what they were learnt from and what they gained on cases held out. Snapshots never
change: a copy of the served one, its files shared, is published with the weights in its manifest; servers take it up as
any other. Later builds take them over where they have the same blocks and models; to forget them, delete the file.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from engine.durable import write_durably
from engine.encoders.encoder import digest
from engine.errors import CorruptSnapshot, InvalidSetting
from engine.scoring.fusion import BEHAVIOUR, LEXICAL
from engine.snapshot.manifest import Manifest, PartWeightRecord
from engine.snapshot.store import Store
from indexer.build.publish import draft, publish, seal

WEIGHTS_FILE = "weights.json"


@dataclass(frozen=True, slots=True)
class Weighting:
    """What blocks weigh, and what is added for one standard deviation of each signal.

    kinds: the kinds of parts that it was learnt of, in place of what the build learnt for them; empty: all kinds.
    """

    blocks: Mapping[str, float]
    boosts: Mapping[str, float] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()

    def normalised(self) -> "Weighting":
        """Return the weighting that ranks the same and whose blocks weigh 1 in sum, as a manifest's do.

        Words and behaviour stand beside that sum, as they do for a searcher.
        """
        total = sum(weight for block, weight in self.blocks.items() if block not in (LEXICAL, BEHAVIOUR)) or 1.0
        return Weighting(
            {block: weight / total for block, weight in self.blocks.items()},
            {name: weight / total for name, weight in self.boosts.items()},
            self.kinds,
        )

    def part_weights(self, manifest: Manifest) -> tuple[PartWeightRecord, ...]:
        """Return the manifest's own, with these weights for the kinds that they were learnt of."""
        return tuple(
            record.model_copy(update={"weight": self.blocks[record.block]})
            if record.part_kind in self.kinds or not self.kinds
            else record
            for record in manifest.part_weights
        )


class StoredWeights(NamedTuple):
    """The weights that a store keeps, and what tells the models that they were learnt with."""

    weighting: Weighting
    models: list[str]


class AppliedWeights(NamedTuple):
    """What a manifest takes of the weights kept, as updates of its fields, or a sentence why nothing."""

    update: Mapping[str, Any]
    reason: str


def write(root: Path, manifest: Manifest, weighting: Weighting, learnt_from: Mapping[str, Any]) -> None:
    """Keep the weights for later builds, in one step. learnt_from: what of, and the held-out numbers; JSON values."""
    content = {
        "modality_weights": {name: round(weight, 6) for name, weight in weighting.blocks.items()},
        "boosts": {name: round(weight, 6) for name, weight in weighting.boosts.items() if weight},
        "part_kinds": list(weighting.kinds),
        "models": models_of(manifest),
        "snapshot": manifest.snapshot,
        "create_time": datetime.now(UTC).isoformat(timespec="seconds"),
        "learnt_from": dict(learnt_from),
    }
    write_durably(root / WEIGHTS_FILE, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def read(root: Path) -> StoredWeights | None:
    """Return the weights kept in the store, None if there are none. Raises InvalidSetting for another file."""
    path = root / WEIGHTS_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        weights = {str(name): float(weight) for name, weight in content["modality_weights"].items()}
        boosts = {str(name): float(weight) for name, weight in content["boosts"].items()}
        kinds = tuple(str(kind) for kind in content.get("part_kinds", ()))
        return StoredWeights(Weighting(weights, boosts, kinds), list(content["models"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidSetting(f"{path}: expected learnt weights, got {type(error).__name__}: {error}") from error


def take_over(kept: StoredWeights | None, manifest: Manifest) -> AppliedWeights:
    """Return what a manifest takes of the weights kept: all, or nothing where they do not fit it."""
    if kept is None:
        return AppliedWeights({}, "")
    weights, boosts = kept.weighting.blocks, kept.weighting.boosts
    blocks = [*manifest.dims, *([LEXICAL] if manifest.lexical is not None else [])]
    if set(weights) != set(blocks):
        return AppliedWeights({}, f"they weigh {', '.join(sorted(weights))}, and it has {', '.join(sorted(blocks))}")
    if missing := sorted(set(boosts) - {signal.name for signal in manifest.signals}):
        return AppliedWeights({}, f"they boost {', '.join(missing)}, and it has no such signal")
    if kept.models != models_of(manifest):
        return AppliedWeights({}, "they were learnt with other models")
    part_weights = kept.weighting.part_weights(manifest)
    update = {"default_weights": dict(weights), "default_boosts": dict(boosts), "part_weights": part_weights}
    return AppliedWeights(update, "")


def models_of(manifest: Manifest) -> list[str]:
    """Return what tells the models of a snapshot from others; how their numbers are rounded does not."""
    records = [record for record in (manifest.model, manifest.text_model) if record is not None]
    return [digest({**record.fingerprint, "dtype": ""})[:16] for record in records]


def apply(store: Store, name: str, weighting: Weighting) -> Manifest | None:
    """Publish a copy of the served snapshot with these weights, and return its manifest.

    Returns None, and nothing is published, if another snapshot is served by now. Raises what `publish` does.
    """
    if store.current() != name:
        return None
    source, before = store.directory(name), store.manifest(name)
    with draft(store) as written:
        for file in before.files:
            place = written.directory / file
            place.parent.mkdir(parents=True, exist_ok=True)
            _share(source / file, place)
        manifest = before.model_copy(
            update={
                "snapshot": written.name,
                "parent": name,
                "create_time": datetime.now(UTC).isoformat(timespec="seconds"),
                "default_weights": dict(weighting.blocks),
                "part_weights": weighting.part_weights(before),
                "default_boosts": {signal: weight for signal, weight in weighting.boosts.items() if weight},
            }
        )
        seal(store, written, manifest)
    return manifest if publish(store, manifest.snapshot, instead_of=name) else None


def _share(source: Path, place: Path) -> None:
    """Give a file a second name, for nothing ever writes into a snapshot; a copy where the disk cannot."""
    if not source.is_file():
        raise CorruptSnapshot(f"{source}: expected a file of the snapshot, got none")
    try:
        os.link(source, place)
    except OSError:
        shutil.copyfile(source, place)
