"""The facts of each demo item: its type, looks and price.

Every item has random streams of its own, named by seed, item and purpose, so item 7 is the same in a catalogue of ten
and of ten thousand. Combinations of type, colour, pattern and material come from shuffled decks, so they repeat only
when all are used, and then with another second colour.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache

from indexer.sample.kinds import KINDS, ProductType
from indexer.sample.palette import BACKDROPS, COLORS, distance, partners

# Name and reputation, which prices and ratings follow.
BRANDS: dict[str, float] = {
    "Nordvik": 0.8,
    "Lumora": 0.6,
    "Castell & Rowe": 0.9,
    "Pinefold": 0.5,
    "Okari": 0.7,
    "Brightwell": 0.3,
    "Tessaro": 0.85,
    "Moss & Wren": 0.55,
    "Halden": 0.4,
    "Velmira": 0.65,
    "Kipper Lane": 0.2,
    "Sundrop": 0.1,
    "Arbolito": 0.45,
    "Fenwick Hale": 0.75,
    "Quill & Oak": 0.35,
    "Zephra": 0.25,
}

MATERIAL_VALUE: dict[str, float] = {
    "ceramic": 1.0,
    "glass": 1.1,
    "wood": 1.2,
    "metal": 1.15,
    "leather": 1.6,
    "cotton": 1.0,
    "wool": 1.3,
    "canvas": 0.95,
    "velvet": 1.35,
    "silk": 1.7,
    "plastic": 0.7,
    "paper": 0.75,
}

STUDIO = ("white", "backdrop", "gradient")
SCENES: dict[str, tuple[str, ...]] = {
    "table": (*STUDIO, "table", "shelf"),
    "floor": (*STUDIO, "room", "room"),
    "laid": (*STUDIO, "planks", "planks"),
    "hung": (*STUDIO, "wall", "wall"),
}


@dataclass(frozen=True, slots=True)
class SampleItem:
    """A generated product.

    accent: the second colour. scene: see scene.backdrop; backdrop: a name in palette.BACKDROPS. price: euros;
    rating: 1..5; popularity: 0..1.
    """

    item_id: str
    seed: int
    number: int
    kind: ProductType
    color: str
    accent: str
    pattern: str
    material: str
    scene: str
    backdrop: str
    brand: str
    price: float
    rating: float
    popularity: float
    stock: int

    def stream(self, purpose: str) -> random.Random:
        """Return the item's own random stream for one purpose."""
        return stream(self.seed, self.number, purpose)


def stream(seed: int, number: int, purpose: str) -> random.Random:
    """Return a random stream that depends on nothing but its name."""
    return random.Random(f"{seed}/{number}/{purpose}")


def item(seed: int, number: int) -> SampleItem:
    """Return item `number` (from 0) of the catalogue of this seed."""
    kinds = list(KINDS.values())
    turn, place = divmod(number, len(kinds))
    order = random.Random(f"{seed}/kinds/{turn}")
    order.shuffle(kinds)
    kind = kinds[place]
    color, accent, pattern, material = _card(seed, kind.name, turn)
    rng = stream(seed, number, "facts")
    backdrop = rng.choice(_backdrops(color))
    scene = rng.choice([s for s in SCENES[kind.place] if not (color == "white" and s == "white")])
    brand = rng.choice(list(BRANDS))
    standing = BRANDS[brand]
    dear = MATERIAL_VALUE[material] * (0.65 + 0.9 * standing) * rng.lognormvariate(0, 0.16)
    rating = min(5.0, max(1.0, 3.35 + 0.9 * standing + rng.gauss(0, 0.5) - 0.25 * (dear - 1.2)))
    bargain = 1.3 - 0.35 * dear
    popularity = min(
        1.0, max(0.001, rng.betavariate(1.3, 5) * (0.4 + 0.22 * rating) * max(0.4, bargain) * 1.4)
    )
    return SampleItem(
        item_id=f"item-{number:05d}",
        seed=seed,
        number=number,
        kind=kind,
        color=color,
        accent=accent,
        pattern=pattern,
        material=material,
        scene=scene,
        backdrop=backdrop,
        brand=brand,
        price=_shop_price(kind.price * dear),
        rating=round(rating, 1),
        popularity=round(popularity, 3),
        stock=max(0, int(rng.gauss(60, 50) * (1.2 - popularity))),
    )


@cache
def _backdrops(color: str) -> list[str]:
    """Return the four backdrops that contrast best with a colour."""
    return sorted(BACKDROPS, key=lambda name: -distance(BACKDROPS[name], COLORS[color]))[:4]


@cache
def _deck(seed: int, kind: str, deal: int) -> list[tuple[str, str, str]]:
    cards = [(c, p, m) for c in COLORS for p in KINDS[kind].patterns for m in KINDS[kind].materials]
    random.Random(f"{seed}/{kind}/{deal}").shuffle(cards)
    return cards


def _card(seed: int, kind: str, turn: int) -> tuple[str, str, str, str]:
    """Return colour, accent, pattern and material of the turn-th item of a type."""
    deal, place = divmod(turn, len(_deck(seed, kind, 0)))
    color, pattern, material = _deck(seed, kind, deal)[place]
    accents = partners(color)
    random.Random(f"{seed}/{kind}/{color}/{pattern}/{material}").shuffle(accents)
    return color, accents[deal % len(accents)], pattern, material


def _shop_price(price: float) -> float:
    if price < 30:
        return round(int(price * 2) / 2 + 0.49 - 0.5 * (price < 1), 2)
    return round(int(price) + 0.9, 2) if price < 150 else float(round(price / 5) * 5 - 1)
