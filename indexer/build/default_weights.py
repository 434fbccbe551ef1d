"""Default weights and boosts learned from judgments or events: a file of the store, and snapshots that use it.

`weights.json` holds the weights, what they were learned from and their gain on held-out cases. Snapshots never change,
so new weights are published as a copy of the served snapshot that shares its files. Later builds apply them if the
snapshot has the same blocks and models; to discard them, delete the file.
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
class DefaultWeights:
    """Block weights and linear boosts for requests that name none.

    Attributes:
        blocks: Weight of each block.
        boosts: What one standard deviation of a signal adds to the score.
        part_kinds: The kinds of query parts that they replace the build's own weights for; empty for all kinds.
    """

    blocks: Mapping[str, float]
    boosts: Mapping[str, float] = field(default_factory=dict)
    part_kinds: tuple[str, ...] = ()

    def normalised(self) -> "DefaultWeights":
        """Return weights that rank the same, scaled so that the blocks sum to 1 as in a manifest.

        The lexical and the behaviour block are not counted in that sum, as in a searcher.
        """
        total = sum(weight for block, weight in self.blocks.items() if block not in (LEXICAL, BEHAVIOUR)) or 1.0
        return DefaultWeights(
            {block: weight / total for block, weight in self.blocks.items()},
            {name: weight / total for name, weight in self.boosts.items()},
            self.part_kinds,
        )

    def part_weights(self, manifest: Manifest) -> tuple[PartWeightRecord, ...]:
        """Return the manifest's part weights, replaced for the kinds that these weights are for."""
        return tuple(
            record.model_copy(update={"weight": self.blocks[record.block]})
            if record.part_kind in self.part_kinds or not self.part_kinds
            else record
            for record in manifest.part_weights
        )


class StoredWeights(NamedTuple):
    """The weights in a store's file, with the digests of the models that they were learned with."""

    weights: DefaultWeights
    models: list[str]


class AppliedWeights(NamedTuple):
    """Updates for a manifest's fields; where the stored weights do not fit, none and the reason."""

    update: Mapping[str, Any]
    reason: str


def save(root: Path, manifest: Manifest, weights: DefaultWeights, learnt_from: Mapping[str, Any]) -> None:
    """Write the weights into a store, atomically, for later builds.

    Args:
        learnt_from: Source and held-out metrics, as JSON values.
    """
    content = {
        "modality_weights": {name: round(weight, 6) for name, weight in weights.blocks.items()},
        "boosts": {name: round(weight, 6) for name, weight in weights.boosts.items() if weight},
        "part_kinds": list(weights.part_kinds),
        "models": model_digests(manifest),
        "snapshot": manifest.snapshot,
        "create_time": datetime.now(UTC).isoformat(timespec="seconds"),
        "learnt_from": dict(learnt_from),
    }
    write_durably(root / WEIGHTS_FILE, (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())


def load(root: Path) -> StoredWeights | None:
    """Return the weights of a store, None if it has none. Raises InvalidSetting if the file is malformed."""
    path = root / WEIGHTS_FILE
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_bytes())
        weights = {str(name): float(weight) for name, weight in content["modality_weights"].items()}
        boosts = {str(name): float(weight) for name, weight in content["boosts"].items()}
        part_kinds = tuple(str(kind) for kind in content.get("part_kinds", ()))
        return StoredWeights(DefaultWeights(weights, boosts, part_kinds), list(content["models"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidSetting(f"{path}: expected learnt weights, got {type(error).__name__}: {error}") from error


def apply_stored(stored: StoredWeights | None, manifest: Manifest) -> AppliedWeights:
    """Return the updates that give a manifest the stored weights: all of them, or none if they do not fit it."""
    if stored is None:
        return AppliedWeights({}, "")
    weights, boosts = stored.weights.blocks, stored.weights.boosts
    blocks = [*manifest.dims, *([LEXICAL] if manifest.lexical is not None else [])]
    if set(weights) != set(blocks):
        named, present = ", ".join(sorted(weights)), ", ".join(sorted(blocks))
        return AppliedWeights({}, f"expected weights for {present}, got {named}")
    if missing := sorted(set(boosts) - {signal.name for signal in manifest.signals}):
        return AppliedWeights({}, f"they boost {', '.join(missing)}, which is not a signal of the snapshot")
    if stored.models != model_digests(manifest):
        return AppliedWeights({}, "they were learned with other models")
    part_weights = stored.weights.part_weights(manifest)
    update = {"default_weights": dict(weights), "default_boosts": dict(boosts), "part_weights": part_weights}
    return AppliedWeights(update, "")


def model_digests(manifest: Manifest) -> list[str]:
    """Return what identifies the models of a snapshot, whatever precision they are stored in."""
    records = [record for record in (manifest.model, manifest.text_model) if record is not None]
    return [digest({**record.fingerprint, "dtype": ""})[:16] for record in records]


def publish_with_weights(store: Store, name: str, weights: DefaultWeights) -> Manifest | None:
    """Publish a copy of the served snapshot with these weights, and return its manifest.

    Returns None and publishes nothing if another snapshot is served by now. Raises what `publish` raises.
    """
    if store.current() != name:
        return None
    source, parent = store.directory(name), store.manifest(name)
    with draft(store) as written:
        for file in parent.files:
            target = written.directory / file
            target.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(source / file, target)
        manifest = parent.model_copy(
            update={
                "snapshot": written.name,
                "parent": name,
                "create_time": datetime.now(UTC).isoformat(timespec="seconds"),
                "default_weights": dict(weights.blocks),
                "part_weights": weights.part_weights(parent),
                "default_boosts": {signal: weight for signal, weight in weights.boosts.items() if weight},
            }
        )
        seal(store, written, manifest)
    return manifest if publish(store, manifest.snapshot, instead_of=name) else None


def _link_or_copy(source: Path, target: Path) -> None:
    """Hard-link a file, which is safe since snapshots never change; copy it where the file system has no links."""
    if not source.is_file():
        raise CorruptSnapshot(f"{source}: expected a file of the snapshot, got none")
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
