"""Synonym families of colours, materials and patterns.

Only words that rarely mean anything else in a shop are listed: "rose" is a flower, "rose pink" is a colour.
"""

COLOUR: dict[str, str] = {
    "red": "red, scarlet, crimson, cherry red, ruby red, brick red, rust red, burgundy, maroon, wine red, vermilion",
    "orange": "orange, tangerine, bright orange, burnt orange, apricot orange",
    "yellow": "yellow, lemon yellow, sunny yellow, mustard yellow, mustard, canary yellow",
    "green": "green, leaf green, emerald, emerald green, olive green, lime green, mint green, khaki, bottle green, "
    "moss green, forest green, sea green",
    "turquoise": "turquoise, aqua, teal, cyan, turquoise blue, aquamarine",
    "blue": "blue, cobalt, cobalt blue, royal blue, navy, navy blue, azure, indigo, sky blue, light blue, dark blue, "
    "midnight blue, pale blue",
    "purple": "purple, violet, plum purple, lilac, lavender, mauve, aubergine purple",
    "pink": "pink, rose pink, candy pink, magenta, fuchsia, blush pink, salmon pink, pale pink, hot pink",
    "brown": "brown, chestnut brown, chocolate brown, tan, coffee brown, mushroom brown, dark brown, light brown",
    "beige": "beige, ecru, taupe, sand-coloured, cream-coloured, nude, skin-coloured",
    "black": "black, jet black, charcoal black, jet-black",
    "white": "white, off-white, off white, snow white, ivory, snow-white",
    "grey": "grey, gray, slate grey, ash grey, charcoal grey, grey melange, light grey, dark grey, slate gray, "
    "anthracite",
    "silver": "silver-coloured, silver",
    "gold": "golden, gold-coloured, gold",
    "multi": "multi, multicolour, multicolor, multicoloured, multicolored, multi-coloured, rainbow-coloured",
}

MATERIAL: dict[str, str] = {
    "ceramic": "ceramic, stoneware, porcelain, earthenware, terracotta",
    "glass": "glass, see-through glass, clear glass",
    "wood": "wood, wooden, wood-grain, solid wood, solid oak, oak, pine, bamboo, beech, walnut wood, birch, plywood",
    "metal": "metal, metallic, steel, solid steel, solid brass, stainless steel, iron, aluminium, aluminum, brass, "
    "brushed metal, copper",
    "leather": "leather, suede, nubuck",
    "cotton": "cotton, denim, jersey",
    "linen": "linen",
    "wool": "wool, woollen, woolen, cashmere, knitted wool, merino",
    "canvas": "canvas, canvas-weave",
    "velvet": "velvet, velvety",
    "silk": "silk, silky, satin",
    "plastic": "plastic, polypropylene, acrylic, polycarbonate, vinyl",
    "polyester": "polyester, nylon, viscose, polyamide",
    "paper": "paper, cardboard, paper-fibre",
    "rubber": "rubber, silicone",
}

PATTERN: dict[str, str] = {
    "plain": "plain, solid, unpatterned",
    "striped": "striped, stripes, stripy, stripe-print, pinstriped",
    "dotted": "dotted, polka-dot, polka dots, spotted, polka-dotted",
    "checked": "checked, chequered, checkered, gingham, plaid, tartan, checks",
    "zigzag": "zigzag, zigzags, chevron, zigzag-print, herringbone",
    "starred": "starred, star-print, starry, star-printed",
    "floral": "floral, flower-print, flowered, flower-printed",
}

FAMILIES: dict[str, dict[str, tuple[str, ...]]] = {
    role: {family: tuple(words.split(", ")) for family, words in table.items()}
    for role, table in (("colour", COLOUR), ("material", MATERIAL), ("pattern", PATTERN))
}

FAMILY_NAMES = frozenset(family for table in FAMILIES.values() for family in table)
"""The names of all families."""
