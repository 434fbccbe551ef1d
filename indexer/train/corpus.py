"""What a model is trained on: concepts (an item, or a label) with words, and the pictures that show them.

A catalogue gives one concept a row. A photos file gives further pictures of its items, or, where no catalogue lies
beside it, of bare labels. The split is made here, so that nothing trained on can be measured on.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.table_rows import need, rows_of

CATALOGUE = "catalogue"
LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Concept:
    """Something a picture can show, with the words for it.

    shorts: one text a short template, the title where the row lacks its fields. facts: one a template of them, or "".
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
    """One image file and the concept it shows; a product picture comes from the catalogue row itself."""

    path: Path
    concept: int
    product: bool


@dataclass(frozen=True, slots=True)
class CorpusSource:
    """One file of the corpus: its path, its kind, and whether its items have photos beside the product picture."""

    path: Path
    kind: str
    photographed: bool


@dataclass(frozen=True, slots=True)
class Corpus:
    """Concepts and pictures of all sources, in reading order."""

    sources: tuple[CorpusSource, ...]
    concepts: tuple[Concept, ...]
    pictures: tuple[CorpusPicture, ...]


@dataclass(frozen=True, slots=True)
class Split:
    """Positions in `Corpus.pictures`; no picture is in both."""

    train: tuple[int, ...]
    heldout: tuple[int, ...]


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
    """Return the corpus of some catalogues and photo files (CSV or JSONL).

    A photos file belongs to the catalogue in its own folder, and its rows name `item_id`; a photos file alone in its
    folder is a set of labels, and its rows name `category`. The first caption template whose fields a row has is used.
    Raises InvalidCatalogue naming the file, the row and what is missing.
    """
    if not catalogs and not photos:
        raise InvalidSetting("expected at least one catalogue or photos file, got none")
    sources: list[CorpusSource] = []
    concepts: list[Concept] = []
    pictures: list[CorpusPicture] = []
    folders: dict[Path, dict[str, int]] = {}
    photographed = {path.resolve().parent for path in photos}
    for path in catalogs:
        source = len(sources)
        folder = path.resolve().parent
        if folder in folders:
            raise InvalidSetting(f"expected one catalogue a folder, got a second one: {path}")
        items = folders.setdefault(folder, {})
        sources.append(CorpusSource(path, CATALOGUE, folder in photographed))
        for line, row in rows_of(path):
            key = need(path, line, row, "item_id")
            if key in items:
                raise InvalidCatalogue(f"{path}, row {line}: item_id {key!r} occurs twice")
            items[key] = len(concepts)
            title = need(path, line, row, "title")
            text = _fill(text_template, row) or title
            captions = (_fill(template, row) for template in caption_templates)
            caption = next((found for found in captions if found), title)
            image = _file(path, need(path, line, row, "image"), line)
            pictures.append(CorpusPicture(image, len(concepts), product=True))
            shorts = tuple(_fill(template, row) or title for template in short_templates)
            facts = tuple(_fill(template, row) for template in attributes)
            concepts.append(Concept(key, source, title, text, caption, shorts, facts))
    for path in photos:
        known = folders.get(path.resolve().parent)
        if known is None:
            labels: dict[str, int] = {}
            source = len(sources)
            sources.append(CorpusSource(path, LABELS, True))
            for line, row in rows_of(path):
                label = need(path, line, row, "category")
                if label not in labels:
                    labels[label] = len(concepts)
                    words = _fill(label_template, {"category": label}) or label
                    shorts, facts = (label,) * len(short_templates), ("",) * len(attributes)
                    concepts.append(Concept(label, source, label, words, words, shorts, facts))
                pictures.append(CorpusPicture(_file(path, row.get("image", ""), line), labels[label], product=False))
            continue
        for line, row in rows_of(path):
            key = need(path, line, row, "item_id")
            if key not in known:
                raise InvalidCatalogue(f"{path}, row {line}: expected an item_id of {path.parent}, got {key!r}")
            pictures.append(CorpusPicture(_file(path, row.get("image", ""), line), known[key], product=False))
    return Corpus(tuple(sources), tuple(concepts), tuple(pictures))


def split(corpus: Corpus, share: float, seed: int) -> Split:
    """Hold out a share of the pictures, in a way that fits each source.

    Photos: from every concept a run of photos neighbouring in the file (neighbours are often taken in one go, and
    would flatter the numbers if they were split), so each concept stays trained. A catalogue without photos: items.
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
    """Fill a template, or return nothing where the row lacks a field of it."""
    try:
        return template.format_map({name: value.strip() for name, value in row.items() if value}).strip()
    except KeyError:
        return ""
