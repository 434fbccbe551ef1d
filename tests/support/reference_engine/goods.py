"""A drawn catalogue with a field of every kind, in the row order of a snapshot; live changes make another of it."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.scoring.fusion import Calibration
from engine.scoring.vectors import to_unit
from engine.snapshot.manifest import Manifest, PartWeightRecord
from engine.snapshot.store import Store
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.build.publish import draft, publish, seal
from indexer.progress import no_progress
from tests.support.catalogs import write_lines

SIGNALS = ("rating", "margin")
BLOCKS = ("image", "text")

CATEGORIES = ("shoes", "mugs", "chairs", "lamps", "bags", "AND", "Ünïts", "椅子")
BRANDS = ("Acme", "acme", "O'Neill", 'Bob "B" Inc', "5\" o'clock", "back\\slash", "Café Olé", "Zoë & Söhne", "A, B (C)")
COLOURS = ("red", "green", "blue", "dark blue", "true", "7")
TAGS = ("new", "sale", "été", "eco friendly", "x", "y", "z")
WORDS = ("light", "dark", "old", "soft", "Ärmel", "靴", "shoe", "lamp", "mug", "50%", "naïve", "🙂")


@dataclass(frozen=True, slots=True)
class Good:
    """One item: what the catalogue says of it, and its vectors of any length by block."""

    item_id: str
    payload: Mapping[str, Any]
    vectors: Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True)
class Goods:
    """Items in the order of their rows, and the moments that the snapshot standardises with."""

    items: Sequence[Good]
    dims: Mapping[str, int]
    calibration: Calibration
    part_weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Kind of part → block → what it weighs in a request that names no weights; where it is not there, all alike."""
    live: int = 0
    """How many of the last items came live; the order of their rows is the engine's own affair."""

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def rows(self) -> dict[str, int]:
        """The row of each id."""
        return {item.item_id: row for row, item in enumerate(self.items)}

    @cached_property
    def present(self) -> dict[str, NDArray[np.bool_]]:
        """Whether each item has a block."""
        return {block: np.array([block in item.vectors for item in self.items]) for block in self.dims}

    @cached_property
    def vectors(self) -> dict[str, NDArray[np.float64]]:
        """The unit rows of each block as a float16 keeps them, zero where an item has none."""
        found = {}
        for block, dim in self.dims.items():
            none = np.zeros(dim, np.float32)
            rows = np.array([item.vectors.get(block, none) for item in self.items], np.float32)
            found[block] = to_unit(rows).astype(np.float16).astype(np.float64)
        return found

    def changed(self, upserts: Sequence[Good] = (), deletes: Sequence[str] = ()) -> "Goods":
        """Return the items after live changes: deleted and replaced ones gone, new ones behind all others."""
        gone = {item.item_id for item in upserts} | set(deletes)
        kept = [item for item in self.items if item.item_id not in gone]
        was_live = {item.item_id for item in self.items[len(self) - self.live :]}
        live = sum(item.item_id in was_live for item in kept) + len(upserts)
        return replace(self, items=[*kept, *upserts], live=live)


def draw(count: int, dims: Mapping[str, int], seed: int) -> list[Good]:
    """Draw items in clusters, a fifth of them without one block; now and then one item twice under two ids."""
    rng = np.random.default_rng(seed)
    centres = {block: to_unit(rng.standard_normal((40, dim))) for block, dim in dims.items()}
    goods: list[Good] = []
    product, left = 0, 0
    while len(goods) < count:
        if goods and rng.random() < 0.02:
            goods.append(Good(f"item-{len(goods)}", goods[-1].payload, goods[-1].vectors))
            continue
        if left == 0:
            product, left = product + 1, int(rng.integers(1, 9))
        left -= 1
        cluster = int(rng.integers(40))
        vectors = {
            block: (centres[block][cluster] + 0.6 * to_unit(rng.standard_normal(dim))).astype(np.float32)
            for block, dim in dims.items()
        }
        lacks = rng.random()
        if lacks < 0.2:
            del vectors["image" if lacks < 0.13 else "text"]
        goods.append(Good(f"item-{len(goods)}", draw_payload(rng, len(goods), f"p{product}"), vectors))
    return goods


def draw_payload(rng: np.random.Generator, number: int, product: str) -> dict[str, Any]:
    """Draw what a catalogue says of an item: text, numbers, truth, times, lists, a mapping, and gaps in all of them."""

    def pick(values: Sequence[str]) -> str:
        # The first ones more often.
        return values[min(int(rng.exponential(len(values) / 3)), len(values) - 1)]

    def some(values: Sequence[str], most: int) -> list[str]:
        return [str(value) for value in rng.choice(values, int(rng.integers(1, most + 1)), replace=False)]

    day = f"{2019 + int(rng.integers(6))}-{1 + int(rng.integers(12)):02}-{1 + int(rng.integers(28)):02}"
    clock = f"{int(rng.integers(24)):02}:{int(rng.integers(60)):02}:{int(rng.integers(60)):02}"
    zone = pick(("Z", "+02:00", "-11:30", ".5Z"))
    mixed = (str(pick(("small", "large"))), float(rng.integers(1, 4)), bool(rng.random() < 0.5))
    payload: dict[str, Any] = {
        "title": " ".join(some(WORDS, 3)),
        "sku": f"S{number:05}",
        "category": pick(CATEGORIES),
        "brand": pick(BRANDS),
        "price": round(float(rng.lognormal(3, 1)), 2),
        "stock": int(rng.integers(-3, 40)),
        "in_stock": bool(rng.random() < 0.7),
        "released": day,
        "updated": f"{day}T{clock}{zone}",
        "tags": some(TAGS, 4),
        "sizes": sorted(float(size) for size in rng.choice(np.arange(36, 47, 0.5), int(rng.integers(1, 4)))),
        "attributes": {
            "color": pick(COLOURS),
            "weight": round(float(rng.gamma(2, 2)), 3),
            "eco": bool(rng.random() < 0.5),
            "box": {"height": int(rng.integers(1, 30))},
        },
        "mixed": mixed[int(rng.integers(3))],
        "product": product,
        "rating": round(float(np.clip(rng.normal(4, 0.8), 1, 5)), 1),
        "margin": round(float(rng.lognormal(0, 0.8)), 3),
    }
    for name in list(payload):
        if name != "sku" and rng.random() < 0.08:
            del payload[name]
    for name in list(payload.get("attributes", ())):
        if rng.random() < 0.1:
            del payload["attributes"][name]
    return payload


def build_goods(root: Path, goods: Sequence[Good], dims: Mapping[str, int], index: str) -> tuple[Goods, Manifest]:
    """Build a published store of them in root/store; return them in the order of its rows, and its manifest."""
    rows = (
        {"item_id": item.item_id}
        | dict(item.payload)
        | {f"{block}_vector": vector.tolist() for block, vector in item.vectors.items()}
        for item in goods
    )
    root.mkdir(exist_ok=True)
    catalogue = write_lines(root / "goods.jsonl", rows)
    manifest = build(BuildConfig(catalogue, root / "store", signals=SIGNALS, index=index), no_progress)
    # Items that have the same blocks stand together, in the order of the catalogue.
    ordered = [item for stratum in manifest.strata for item in goods if set(item.vectors) == set(stratum.blocks)]
    return Goods(ordered, dims, manifest.calibration), manifest


def publish_part_weights(root: Path, goods: Goods, weights: dict[str, dict[str, float]]) -> tuple[Goods, Manifest]:
    """Serve a copy of the snapshot where kinds of parts weigh blocks like this; return both as `build_goods` does."""
    store = Store(root / "store")
    name = store.current()
    assert name is not None
    records = tuple(
        PartWeightRecord(part_kind=kind, block=block, weight=weight)
        for kind, own in weights.items()
        for block, weight in own.items()
    )
    with draft(store) as written:
        shutil.copytree(store.directory(name), written.directory, dirs_exist_ok=True)
        update = {"snapshot": written.name, "part_weights": records}
        manifest = store.manifest(name).model_copy(update=update)
        seal(store, written, manifest)
    publish(store, manifest.snapshot)
    return replace(goods, part_weights=weights), manifest
