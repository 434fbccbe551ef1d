"""The training corpus: concepts (items or labels) with their texts, and the images that show them.

A catalogue has one concept a row. A photos file has further images of the items of the catalogue in its folder or, if
there is none, of labels. The split is made here, so that no image is both trained and measured on.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.table_rows import read_table, require_value

CATALOGUE = "catalogue"
LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Concept:
    """An item or a label, with its texts.

    Attributes:
        key: The item id or the label.
        source: Position of its file in the corpus.
        title: Its title.
        text: The text that it is found by.
        caption: The caption of its images.
        shorts: One text for each short template; the title if the row lacks the template's fields.
        facts: One value for each attribute template; "" if the row lacks its fields.
    """

    key: str
    source: int
    title: str
    text: str
    caption: str
    shorts: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CorpusPicture:
    """One image file and the concept it shows; a product image comes from the catalogue row itself."""

    path: Path
    concept: int
    product: bool


@dataclass(frozen=True, slots=True)
class CorpusSource:
    """One file of the corpus: its path, its kind, and whether its items have photos besides the product image."""

    path: Path
    kind: str
    photographed: bool


@dataclass(frozen=True, slots=True)
class Corpus:
    """The concepts and images of all sources, in reading order."""

    sources: tuple[CorpusSource, ...]
    concepts: tuple[Concept, ...]
    pictures: tuple[CorpusPicture, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Positions in `Corpus.pictures`; no image is in both parts."""

    train: tuple[int, ...]
    heldout: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TextTemplates:
    """How the texts of a concept are made from the columns of its row."""

    text: str = "{title}. {description}"
    captions: Sequence[str] = ("{title}",)
    label: str = "a photo of a {category}"
    shorts: Sequence[str] = ()
    attributes: Sequence[str] = ()

    def to_concept(self, key: str, source: int, title: str, row: dict[str, str]) -> Concept:
        """Return the concept of a catalogue row; the first caption template whose fields the row has is used."""
        captions = (_fill(template, row) for template in self.captions)
        return Concept(
            key=key,
            source=source,
            title=title,
            text=_fill(self.text, row) or title,
            caption=next((caption for caption in captions if caption), title),
            shorts=tuple(_fill(template, row) or title for template in self.shorts),
            facts=tuple(_fill(template, row) for template in self.attributes),
        )

    def to_label(self, label: str, source: int) -> Concept:
        """Return the concept of a label, which has no attributes."""
        text = _fill(self.label, {"category": label}) or label
        shorts, facts = (label,) * len(self.shorts), ("",) * len(self.attributes)
        return Concept(label, source, label, text, text, shorts, facts)


def read(
    catalogs: Sequence[Path],
    photos: Sequence[Path],
    *,
    text_template: str = "{title}. {description}",
    caption_templates: Sequence[str] = ("{title}",),
    label_template: str = "a photo of a {category}",
    short_templates: Sequence[str] = (),
    attributes: Sequence[str] = (),
) -> Corpus:
    """Return the corpus of catalogues and photos files (CSV or JSONL).

    A photos file belongs to the catalogue in its own folder, and its rows have an `item_id`; without a catalogue in its
    folder it is a set of labels, and its rows have a `category`.

    Raises:
        InvalidSetting: There is no file, or there are two catalogues in a folder.
        InvalidCatalogue: A row lacks something; the message names the file, the row and what is missing.
    """
    if not catalogs and not photos:
        raise InvalidSetting("expected at least one catalogue or photos file, got none")
    templates = TextTemplates(text_template, caption_templates, label_template, short_templates, attributes)
    reader = _CorpusReader(templates)
    photographed = {path.resolve().parent for path in photos}
    for path in catalogs:
        reader.add_catalogue(path, path.resolve().parent in photographed)
    for path in photos:
        reader.add_photos(path)
    return Corpus(tuple(reader.sources), tuple(reader.concepts), tuple(reader.pictures))


class _CorpusReader:
    """The files read so far."""

    def __init__(self, templates: TextTemplates) -> None:
        self.sources: list[CorpusSource] = []
        self.concepts: list[Concept] = []
        self.pictures: list[CorpusPicture] = []
        self._templates = templates
        self._items: dict[Path, dict[str, int]] = {}

    def add_catalogue(self, path: Path, photographed: bool) -> None:
        """Add one concept and its product image for each row."""
        source, folder = len(self.sources), path.resolve().parent
        if folder in self._items:
            raise InvalidSetting(f"expected one catalogue in each folder, got a second one: {path}")
        items = self._items.setdefault(folder, {})
        self.sources.append(CorpusSource(path, CATALOGUE, photographed))
        for line, row in read_table(path):
            key = require_value(path, line, row, "item_id")
            if key in items:
                raise InvalidCatalogue(f"{path}, row {line}: item_id {key!r} occurs twice")
            items[key] = len(self.concepts)
            title = require_value(path, line, row, "title")
            image = _file(path, require_value(path, line, row, "image"), line)
            self.pictures.append(CorpusPicture(image, len(self.concepts), product=True))
            self.concepts.append(self._templates.to_concept(key, source, title, row))

    def add_photos(self, path: Path) -> None:
        """Add the photos of the items of the catalogue in the same folder, or of labels if there is none."""
        items = self._items.get(path.resolve().parent)
        if items is None:
            self._add_label_photos(path)
            return
        for line, row in read_table(path):
            key = require_value(path, line, row, "item_id")
            if key not in items:
                raise InvalidCatalogue(f"{path}, row {line}: expected an item_id of {path.parent}, got {key!r}")
            image = _file(path, row.get("image", ""), line)
            self.pictures.append(CorpusPicture(image, items[key], product=False))

    def _add_label_photos(self, path: Path) -> None:
        labels: dict[str, int] = {}
        source = len(self.sources)
        self.sources.append(CorpusSource(path, LABELS, True))
        for line, row in read_table(path):
            label = require_value(path, line, row, "category")
            if label not in labels:
                labels[label] = len(self.concepts)
                self.concepts.append(self._templates.to_label(label, source))
            image = _file(path, row.get("image", ""), line)
            self.pictures.append(CorpusPicture(image, labels[label], product=False))


def split(corpus: Corpus, share: float, seed: int) -> Split:
    """Hold out a share of the images, chosen by the kind of source.

    Photos: from every concept, a run of photos that are neighbours in the file, so that each concept stays trained.
    Neighbours are often taken in one session, and splitting them would flatter the metrics. A catalogue without
    photos: whole items.
    """
    if not 0 <= share < 1:
        raise InvalidSetting(f"expected a held-out share of at least 0 and below 1, got {share}")
    random_ = random.Random(seed)
    heldout: list[int] = []
    photos: dict[int, list[int]] = {}
    items: dict[int, list[int]] = {}
    for position, picture in enumerate(corpus.pictures):
        source = corpus.concepts[picture.concept].source
        if not picture.product:
            photos.setdefault(picture.concept, []).append(position)
        elif not corpus.sources[source].photographed:
            items.setdefault(source, []).append(position)
    for positions in photos.values():
        count = min(round(len(positions) * share), len(positions) - 1)
        if count > 0:
            start = random_.randrange(len(positions) - count + 1)
            heldout.extend(positions[start : start + count])
    for positions in items.values():
        heldout.extend(random_.sample(positions, min(round(len(positions) * share), len(positions) - 1)))
    held = set(heldout)
    train = tuple(position for position in range(len(corpus.pictures)) if position not in held)
    return Split(train, tuple(sorted(held)))


def _file(path: Path, name: str, line: int) -> Path:
    if not name:
        raise InvalidCatalogue(f"{path}, row {line}: expected a value for 'image', got none")
    found = path.parent / name
    if not found.is_file():
        raise InvalidCatalogue(f"{path}, row {line}: expected an image file, got {name}, which is not a file")
    return found


def _fill(template: str, row: dict[str, str]) -> str:
    """Return the filled template, "" if the row lacks one of its fields."""
    try:
        return template.format_map({name: value.strip() for name, value in row.items() if value}).strip()
    except KeyError:
        return ""
