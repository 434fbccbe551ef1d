"""A snapshot's key figures, as `build --json` and `list --json` print them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.snapshot.manifest import Manifest


def summarise(manifest: "Manifest", served: bool) -> dict[str, Any]:
    """Return the key figures of a snapshot. served: whether it is the published one."""
    return {
        "snapshot": manifest.snapshot,
        "served": served,
        "passed": all(gate.passed for gate in manifest.gates),
        "create_time": manifest.create_time,
        "parent": manifest.parent,
        "items": manifest.item_count,
        "rejects": manifest.catalogue.rejects,
        "size_bytes": manifest.size_bytes,
        "model": manifest.model.model if manifest.model else None,
        "text_model": manifest.text_model.model if manifest.text_model else None,
        "lexical": manifest.lexical.item_count if manifest.lexical else None,
        "blocks": {block.name: block.item_count for block in manifest.blocks},
        "gates": {gate.name: gate.value for gate in manifest.gates},
    }
