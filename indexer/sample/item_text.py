"""Titles and descriptions: the facts of an item in varied words.

A title may leave out an attribute, as shops do; the description names them all: type, colour, second colour and where
it is, pattern, material, and the background of the picture.
"""

from __future__ import annotations

import random

from indexer.sample.palette import SYNONYMS
from indexer.sample.sample_item import SampleItem

ADJECTIVES: dict[str, tuple[str, ...]] = {
    "ceramic": ("ceramic", "stoneware", "glazed ceramic"),
    "glass": ("glass", "clear glass", "see-through glass"),
    "wood": ("wooden", "wood", "wood-grain"),
    "metal": ("metal", "steel", "brushed metal"),
    "leather": ("leather", "stitched leather", "real leather"),
    "cotton": ("cotton", "soft cotton", "woven cotton"),
    "wool": ("wool", "knitted wool", "woollen"),
    "canvas": ("canvas", "sturdy canvas", "canvas-weave"),
    "velvet": ("velvet", "plush velvet", "velvety"),
    "silk": ("silk", "shiny silk", "silky"),
    "plastic": ("plastic", "smooth plastic", "light plastic"),
    "paper": ("paper", "pressed paper", "paper-fibre"),
}

SUBSTANCES: dict[str, tuple[str, ...]] = {
    "ceramic": ("ceramic", "stoneware", "glazed ceramic"),
    "glass": ("glass", "translucent glass", "see-through glass"),
    "wood": ("wood", "grained wood", "solid wood"),
    "metal": ("metal", "steel", "brushed metal"),
    "leather": ("leather", "stitched leather", "supple leather"),
    "cotton": ("cotton", "soft cotton", "pure cotton"),
    "wool": ("wool", "knitted wool", "thick wool"),
    "canvas": ("canvas", "sturdy canvas", "woven canvas"),
    "velvet": ("velvet", "plush velvet", "deep velvet"),
    "silk": ("silk", "shiny silk", "fine silk"),
    "plastic": ("plastic", "smooth plastic", "light plastic"),
    "paper": ("paper", "pressed paper", "fine paper"),
}

PATTERN_WORDS: dict[str, tuple[str, ...]] = {
    "plain": ("plain", "solid", "plain"),
    "striped": ("striped", "stripy", "stripe-print"),
    "dotted": ("dotted", "polka-dot", "spotted"),
    "checked": ("checked", "gingham", "chequered"),
    "zigzag": ("zigzag", "chevron", "zigzag-print"),
    "starred": ("starred", "star-print", "starry"),
    "floral": ("floral", "flower-print", "flowered"),
}

PATTERN_PHRASES: dict[str, tuple[str, ...]] = {
    "striped": ("{accent} stripes", "stripes in {accent}", "{accent} bands all over"),
    "dotted": ("{accent} dots", "polka dots in {accent}", "{accent} spots"),
    "checked": ("{accent} checks", "{an_accent} gingham check", "checks in {accent}"),
    "zigzag": ("{accent} zigzags", "{an_accent} chevron print", "zigzag lines in {accent}"),
    "starred": ("{accent} stars", "stars in {accent}", "a print of {accent} stars"),
    "floral": ("{accent} flowers", "{an_accent} flower print", "blossoms in {accent}"),
}

PLAIN_PHRASES = ("no pattern", "one solid colour", "a plain finish")

SCENE_PHRASES: dict[str, tuple[str, ...]] = {
    "white": ("Photographed on white.", "Cut out on a white background.", "Shown against plain white."),
    "backdrop": (
        "Photographed on a {backdrop} background.",
        "Shown against plain {backdrop}.",
        "Pictured on {backdrop} paper.",
    ),
    "gradient": (
        "Photographed against a soft {backdrop} gradient.",
        "Shown before a fading {backdrop} backdrop.",
        "Pictured with {backdrop} light behind.",
    ),
    "table": (
        "Photographed on a wooden table, {backdrop} wall behind.",
        "Shown on a wood table in front of a {backdrop} wall.",
    ),
    "planks": (
        "Photographed from above on wooden boards.",
        "Laid out on a wooden table top.",
        "Shown on brown wooden planks.",
    ),
    "room": (
        "Photographed in a {backdrop} room with a window.",
        "Shown on a wooden floor, window and {backdrop} wall behind.",
    ),
    "shelf": (
        "Photographed on a shelf before {backdrop} wallpaper.",
        "Shown on a wooden shelf, {backdrop} striped wallpaper behind.",
    ),
    "wall": ("Photographed on {backdrop} striped wallpaper.", "Shown hanging on a {backdrop} papered wall."),
}

TITLES = (
    "{brand} {color} {pattern} {material} {noun}",
    "{brand} {noun}, {color}, {pattern}, {material}",
    "{color} {pattern} {noun} in {substance} by {brand}",
    "{brand} {material} {noun} in {color} and {accent}",
    "{brand} {pattern} {noun}, {color} with {accent} {part}",
    "{pattern} {material} {noun} {color}/{accent} - {brand}",
    "{brand} {color} {material} {noun}",
    "{brand} {pattern} {noun} in {color}",
)

LEADS = (
    "{A_color} {noun} made of {substance}, {print}.",
    "{This} {noun} {verb} {color}, made of {substance}, {print}.",
    "{brand} makes {this} {color} {noun} from {substance}, {print}.",
    "{A_material} {noun} in {color}, {print}.",
    "{Material} {noun}: {color}, {print}.",
)

PARTS = (
    "The {part} {is} {accent}.",
    "It comes with {a_part}.",
    "{A_part} to go with it.",
    "Set off by {a_part}.",
)


def article(phrase: str) -> str:
    """Return the phrase with "a" or "an"."""
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def title(item: SampleItem) -> str:
    """Return the title of the item, for example "Nordvik red striped ceramic mug"."""
    rng = item.stream("title")
    return _capital(rng.choice(TITLES).format(**_facts(item, rng)))


def description(item: SampleItem) -> str:
    """Return two to four sentences that name every visible fact of the item."""
    rng = item.stream("description")
    facts = _facts(item, rng)
    lead = rng.choice(LEADS).format(**facts)
    part = rng.choice(PARTS).format(**facts)
    scene = rng.choice(SCENE_PHRASES[item.scene]).format(backdrop=item.backdrop)
    rest = [part, scene]
    if rng.random() < 0.6:
        rest.insert(rng.randrange(2), rng.choice(item.kind.uses))
    return " ".join([_capital(lead), *rest])


def _facts(item: SampleItem, rng: random.Random) -> dict[str, str]:
    color, accent = rng.choice(SYNONYMS[item.color]), rng.choice(SYNONYMS[item.accent])
    noun, part = rng.choice(item.kind.nouns), rng.choice(item.kind.accent)
    material = rng.choice(ADJECTIVES[item.material])
    if item.pattern == "plain":
        design = "with " + rng.choice(PLAIN_PHRASES)
    else:
        design = "with " + rng.choice(PATTERN_PHRASES[item.pattern]).format(
            accent=accent, an_accent=article(accent)
        )
    this, verb, one = ("these", "are", "a pair of {}".format) if item.kind.plural else ("this", "is", article)
    a_part = f"{accent} {part}" if _many(part) else article(f"{accent} {part}")
    return {
        "brand": item.brand,
        "color": color,
        "accent": accent,
        "noun": noun,
        "part": part,
        "is": "are" if " and " in part or _many(part) else "is",
        "a_part": a_part,
        "A_part": _capital(a_part),
        "material": material,
        "Material": _capital(material),
        "substance": rng.choice(SUBSTANCES[item.material]),
        "pattern": rng.choice(PATTERN_WORDS[item.pattern]),
        "print": design,
        "A_color": _capital(one(color)),
        "A_material": _capital(one(material)),
        "this": this,
        "This": _capital(this),
        "verb": verb,
    }


def _many(part: str) -> bool:
    return part.split(" and ")[0].endswith(("s", "es"))


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
