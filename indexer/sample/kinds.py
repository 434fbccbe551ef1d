"""The product types of the demo catalogue: one row each, with its drawing, words, materials and price.

A type has the materials and patterns that are visible on it, so the words of an item always describe its picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from indexer.sample import shapes_carry, shapes_home, shapes_kitchen, shapes_leisure, shapes_wear
from indexer.sample.canvas import Canvas

FEW = ("plain", "striped", "dotted", "checked")
ALL = ("plain", "striped", "dotted", "checked", "zigzag", "starred", "floral")


@dataclass(frozen=True, slots=True)
class ProductType:
    """A product type.

    place: on a "table" or the "floor" (standing on its foot), "laid" down or "hung" up. accent: the part in the second
    colour; period: repeat length of patterns, in widths of the product; price: typical price in euros.
    """

    name: str
    department: str
    draw: Callable[[Canvas], None]
    nouns: tuple[str, ...]
    materials: tuple[str, ...]
    accent: tuple[str, ...]
    uses: tuple[str, ...]
    aspects: tuple[str, ...]
    price: float
    patterns: tuple[str, ...] = ALL
    period: float = 0.15
    place: str = "table"
    plural: bool = False


_ROWS = (
    ProductType("mug", "kitchen", shapes_kitchen.mug, ("mug", "coffee mug", "cup"), ("ceramic", "glass", "metal"),
         ("handle",),
         ("Holds a generous morning coffee.", "Keeps tea warm and fits any hand.", "Safe in the dishwasher."),
         ("size", "durability"), 14),
    ProductType("teapot", "kitchen", shapes_kitchen.teapot, ("teapot", "tea pot"), ("ceramic", "metal", "glass"),
         ("lid and handle",),
         ("Pours without a drip.", "Brews enough for four cups.", "Made for slow afternoons."),
         ("size", "durability"), 38),
    ProductType("plate", "kitchen", shapes_kitchen.plate, ("plate", "dinner plate", "dish"),
         ("ceramic", "wood", "metal"),
         ("rim", "edge"),
         ("For dinner every day.", "Stacks neatly in the cupboard.", "A bright start for any table."),
         ("size", "durability"), 16, place="laid"),
    ProductType("bottle", "kitchen", shapes_kitchen.bottle, ("bottle", "water bottle", "drinking bottle"),
         ("metal", "glass", "plastic"), ("cap", "screw top"),
         ("Keeps water cool on the way.", "Does not leak in the bag.", "Fits every cup holder."),
         ("size", "durability"), 22, period=0.13),
    ProductType("lamp", "home", shapes_home.lamp, ("table lamp", "lamp", "bedside lamp"),
         ("cotton", "paper", "silk"),
         ("base", "foot"),
         ("Warm light for the evening.", "Reads well beside the bed.", "Gives any corner a soft glow."),
         ("light", "quality"), 49),
    ProductType("chair", "home", shapes_home.chair, ("chair", "dining chair"), ("velvet", "leather", "wood"),
         ("legs", "frame"),
         ("Comfortable through a long dinner.", "Stands firm on any floor.", "Made for kitchen and desk."),
         ("comfort", "durability"), 89, period=0.13, place="floor"),
    ProductType("sofa", "home", shapes_home.sofa, ("sofa", "couch", "settee"), ("velvet", "leather", "cotton"),
         ("cushions", "throw pillows"),
         ("Seats two with room to spare.", "Deep seats for long films.", "The heart of the living room."),
         ("comfort", "quality"), 640, period=0.12, place="floor"),
    ProductType("vase", "home", shapes_home.vase, ("vase", "flower vase"), ("ceramic", "glass", "metal"),
         ("neck and foot", "collar and foot"),
         ("For a bunch from the garden.", "Stands well on a sideboard.", "Pretty even when empty."),
         ("size", "durability"), 34),
    ProductType("clock", "home", shapes_home.clock, ("wall clock", "clock"), ("wood", "metal", "plastic"),
         ("rim", "ring"),
         ("Runs without a tick.", "Easy to read across the room.", "Hangs on a single nail."),
         ("quality", "size"), 36, place="hung"),
    ProductType("t-shirt", "clothing", shapes_wear.tshirt, ("t-shirt", "tee", "short-sleeved shirt"),
         ("cotton", "wool", "silk"), ("collar and cuffs", "neckline and cuffs"),
         ("Soft on the skin.", "Goes with everything you own.", "Cut for an easy fit."),
         ("fit", "comfort"), 24, place="hung"),
    ProductType("dress", "clothing", shapes_wear.dress, ("dress", "summer dress", "sleeveless dress"),
         ("cotton", "silk", "velvet"), ("belt", "bow at the waist"),
         ("Swings when you walk.", "Light enough for hot days.", "From the office to the party."),
         ("fit", "comfort"), 69, place="hung"),
    ProductType("trousers", "clothing", shapes_wear.trousers, ("trousers", "pants"), ("cotton", "wool", "leather"),
         ("belt and hems", "belt and turn-ups"),
         ("Room to move all day.", "Cut straight from hip to hem.", "With two deep pockets."),
         ("fit", "comfort"), 59, place="laid", plural=True),
    ProductType("cap", "clothing", shapes_wear.cap, ("cap", "baseball cap"), ("cotton", "wool", "leather"),
         ("peak", "brim"),
         ("Shade for bright days.", "Adjusts at the back.", "Light and easy to pack."),
         ("fit", "comfort"), 21, period=0.13, place="laid"),
    ProductType("sneakers", "clothing", shapes_wear.sneaker, ("sneaker", "trainer", "running shoe"),
         ("canvas", "leather", "wool"), ("laces and heel", "laces and heel tab"),
         ("Springy sole for long walks.", "Grips on wet streets.", "Light as a feather."),
         ("fit", "comfort"), 79, period=0.12),
    ProductType("backpack", "accessories", shapes_carry.backpack, ("backpack", "rucksack", "daypack"),
         ("canvas", "leather", "wool"), ("front pocket", "outer pocket"),
         ("Holds a laptop and lunch.", "Padded straps for long days.", "Keeps dry in the rain."),
         ("comfort", "durability"), 74, place="floor"),
    ProductType("handbag", "accessories", shapes_carry.handbag, ("handbag", "purse", "shoulder bag"),
         ("leather", "canvas", "velvet"), ("handle and base", "handle and bottom band"),
         ("Room for all you need.", "Closes with a snap.", "Goes from desk to dinner."),
         ("quality", "durability"), 95),
    ProductType("sunglasses", "accessories", shapes_carry.sunglasses, ("sunglasses", "shades"),
         ("plastic", "wood", "metal"), ("lenses", "tinted lenses"),
         ("Full protection from the sun.", "Light on the nose.", "Comes with a soft pouch."),
         ("fit", "quality"), 45, FEW, period=0.10, place="laid", plural=True),
    ProductType("watch", "accessories", shapes_carry.watch, ("wristwatch", "watch"), ("leather", "canvas", "metal"),
         ("dial", "face"),
         ("Keeps time to the second.", "Safe in the rain.", "Slim under a cuff."),
         ("quality", "durability"), 120, FEW, period=0.10, place="laid"),
    ProductType("umbrella", "accessories", shapes_carry.umbrella, ("umbrella", "rain umbrella"),
         ("plastic", "silk", "cotton"), ("handle", "crook handle"),
         ("Holds in a strong wind.", "Opens with one hand.", "Dry shoulders for two."),
         ("durability", "size"), 27, place="hung"),
    ProductType("headphones", "electronics", shapes_leisure.headphones, ("headphones", "over-ear headphones"),
         ("plastic", "metal", "wood"), ("ear cushions", "ear pads"),
         ("Clear sound and deep bass.", "Thirty hours on one charge.", "Shuts out the train."),
         ("sound", "comfort"), 110, period=0.10, plural=True),
    ProductType("camera", "electronics", shapes_leisure.camera, ("camera", "compact camera"),
         ("leather", "plastic", "wood"), ("lens ring", "front ring"),
         ("Sharp pictures in low light.", "Small enough for a coat pocket.", "For travel and family."),
         ("quality", "size"), 380, period=0.11),
    ProductType("phone case", "electronics", shapes_leisure.phone_case, ("phone case", "mobile phone cover"),
         ("plastic", "leather", "wood"), ("bumper", "edge and wrist loop"),
         ("Survives a drop.", "Slim and easy to grip.", "Leaves every button free."),
         ("fit", "durability"), 19, period=0.12, place="laid"),
    ProductType("guitar", "leisure", shapes_leisure.guitar, ("guitar", "acoustic guitar"),
         ("wood", "plastic", "metal"),
         ("headstock and pick guard", "head and pick guard"),
         ("Warm tone for first chords.", "Stays in tune.", "For the camp fire and the stage."),
         ("sound", "quality"), 210, period=0.11, place="floor"),
    ProductType("bicycle", "leisure", shapes_leisure.bicycle, ("bicycle", "bike", "city bike"),
         ("metal", "wood", "plastic"), ("tyres and saddle", "tyres and seat"),
         ("Rides light through town.", "Seven gears for every hill.", "Stops safely in the rain."),
         ("comfort", "durability"), 520, ("plain", "striped"), period=0.09, place="floor"),
    ProductType("book", "leisure", shapes_leisure.book, ("notebook", "journal", "book"),
         ("leather", "paper", "canvas"),
         ("spine and label", "spine and title plate"),
         ("Lies flat when open.", "Two hundred pages of good paper.", "Takes ink without bleeding."),
         ("quality", "size"), 18, place="laid"),
)

KINDS: dict[str, ProductType] = {kind.name: kind for kind in _ROWS}
