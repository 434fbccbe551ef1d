"""The 1,000 classes of ImageNet as texts: WordNet's names and definitions, from timm's package.

There is no hand-written list of shop words.
"""

import re
from dataclasses import dataclass
from importlib.resources import files

_BEGINNING = re.compile(r"^(an?|the|any of (several|various|numerous)|one of)\s+")
# The end of a definition's noun phrase: "a shoe | that …", "garment | (usually …) …".
_END = re.compile(
    r"\s*[(;,:]|\s(that|which|with|for|of|worn|used|made|having|consisting|in|on|to|designed|from|by|or|and|usually|where|are|is|can|carried|sold|especially|like)\b"
)
# In ImageNet's own order the first 398 classes are animals.
ANIMALS = 398


@dataclass(frozen=True, slots=True)
class ImageNetClass:
    """One class: its names, the most common first, and its definition."""

    names: tuple[str, ...]
    definition: str

    def texts(self) -> list[str]:
        """Return texts of the class: each name, and the first name in a template and with its definition."""
        first = self.names[0]
        return [*self.names, f"a photo of a {first}", f"{first}, {self.definition}"]

    def kinds(self) -> list[str]:
        """Return broader terms of the class, taken from its own words: a running shoe is a shoe.

        They are the last word of each name of several words, and the noun at the start of the definition.
        """
        terms = [name.split()[-1] for name in self.names if " " in name]
        phrase = _END.split(_BEGINNING.sub("", self.definition), maxsplit=1)[0].split()
        if phrase:
            terms += [phrase[-1], " ".join(phrase[-2:])]
        return list(dict.fromkeys(terms))


def classes() -> list[ImageNetClass]:
    """Return the 1,000 classes in the order of a classifier's outputs."""
    folder = files("timm.data").joinpath("_info")
    synsets = folder.joinpath("imagenet_synsets.txt").read_text(encoding="utf-8").split()
    names, definitions = (
        dict(line.split("\t", 1) for line in folder.joinpath(name).read_text(encoding="utf-8").splitlines())
        for name in ("imagenet_synset_to_lemma.txt", "imagenet_synset_to_definition.txt")
    )
    return [ImageNetClass(tuple(names[s].split(", ")), definitions.get(s, "")) for s in synsets]
