"""A description of a product: from what its catalogue says, what its picture shows, and what is said of its like.

Whatever a writer writes is held against what is known before anybody sees it. What is known: the product's fields, what
its title says, and what was read from its picture with confidence, in this order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.columns import field_names
from engine.descriptions.catalog_model import IMAGE, CatalogModel
from engine.descriptions.claim_vocabulary import NUMBER
from engine.descriptions.composer import Composer
from engine.descriptions.fact_check import CheckedText, check
from engine.descriptions.fact_collector import FactCollector
from engine.descriptions.facts import (
    TITLE,
    TYPE,
    Facts,
    find_fields,
    numbers_in,
)
from engine.descriptions.image_attributes import Captioner, ImageAttributes
from engine.descriptions.own_sentences import OwnSentences
from engine.descriptions.title_reader import TitleReading
from engine.descriptions.value_phrases import render_values
from engine.descriptions.writer import LONGEST, Brief, Style, Writer, fit
from engine.encoders.encoder import Encoder
from engine.scoring.fusion import Calibration

SURE_TITLE = 0.5

_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be described. payload: what the catalogue says of it, empty for a picture alone.

    vector: of its picture, unit, None if there is none.   image: the picture, if it is at hand; data: its bytes.
    nearest: what the catalogue says of the item that a search with the picture finds first, empty for none.
    """

    payload: Mapping[str, Any]
    vector: NDArray[np.float32] | None = None
    image: Image.Image | None = None
    data: bytes = b""
    seed: str = ""
    nearest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DescribeRequest:
    """How it is to be written. max_words: 0 for as long as the style usually is."""

    style: Style = Style.LONG
    audience: str = ""
    max_words: int = 0

    @property
    def limit(self) -> int:
        """The words allowed."""
        return self.max_words or LONGEST[self.style]


@dataclass(frozen=True, slots=True)
class Description:
    """A text, who wrote it, how well it fits the picture in standard deviations, and which fields were put right."""

    text: str
    model: str
    agreement: float
    corrected_fields: tuple[str, ...]


class Describer:
    """Describes the products of one catalogue; any number of threads may ask.

    encoder, calibration, blocks: of the snapshot, and the blocks that this encoder made; without them nothing is said
    of agreement.
    """

    def __init__(
        self,
        shelf: CatalogModel,
        writer: Writer,
        captioner: Captioner | None = None,
        encoder: Encoder | None = None,
        calibration: Calibration | None = None,
        blocks: Sequence[str] = (),
    ) -> None:
        self.shelf = shelf
        self._writer = writer
        self._captioner = captioner
        self._encoder = encoder
        self._calibration = calibration
        self._sight = ImageAttributes(shelf, captioner, calibration, blocks)
        self._facts = FactCollector(shelf, self._sight)
        self._own = OwnSentences(shelf)
        self._composer = Composer()

    def describe(self, subjects: Sequence[Subject], wish: DescribeRequest) -> list[Description]:
        """Return one description for each subject, in order; their pictures are captioned together.

        Raises WriterFailed if the writer cannot be asked.
        """
        captions = self._captions(subjects)
        return [self._describe(subject, caption, wish) for subject, caption in zip(subjects, captions, strict=True)]

    def _describe(self, subject: Subject, caption: str, wish: DescribeRequest) -> Description:
        payload, named = self._payload(subject)
        # A catalogue's own fields win, and a product of no catalogue has fields too.
        facts = self._facts.resolve_type(Facts.of(payload, {**find_fields(field_names(payload)), **self.shelf.fields}))
        facts = self._facts.add_title(self._facts.split_colours(facts))
        facts = self._facts.add_picture(facts, subject, caption, not subject.payload) if not named else facts
        title = self.shelf.titles.read(facts)
        facts, noun = self._facts.choose_noun(facts, title, caption)
        if named:
            # What a picture was taken for is called by its whole title.
            title = replace(title, name=facts.title, core=facts.title, brand="")
        brief = Brief(
            facts=facts,
            noun=noun,
            title=title,
            caption=caption,
            sayings=self._own.select(facts),
            style=wish.style,
            audience=wish.audience,
            max_words=wish.limit,
            picture=subject.data,
            seed=subject.seed,
        )
        written, model, wrong = self._write(brief)
        # A wrong number is of no field, and a value read from the picture is none of the item's.
        names = field_names(subject.payload) - {NUMBER}
        fields = tuple(name for name in wrong if name in names)
        return Description(written, model, self._agreement(written, subject.vector), fields)

    def _payload(self, subject: Subject) -> tuple[Mapping[str, Any], bool]:
        """Return what is known of a subject, and whether a picture alone was taken for an item of the catalogue.

        Only in a catalogue of one item a kind, such as groceries, does the nearest item say what a picture shows; as
        the search would, it is named where it is not sure either, but then nothing else is said of it.
        """
        if subject.payload or subject.vector is None:
            return subject.payload, False
        like = self._sight.looks_like(subject.vector)
        nearest = subject.nearest or (like.payload if like is not None else {})
        if like is None or not nearest:
            return {}, False
        if like.payload.get(TITLE) == nearest.get(TITLE) and like.probability >= SURE_TITLE:
            return nearest, True
        kind = self.shelf.fields.get(TYPE)
        return {name: nearest[name] for name in (TITLE, kind) if name and name in nearest}, True

    def _write(self, brief: Brief) -> tuple[str, str, tuple[str, ...]]:
        """Return a text that contradicts nothing, who wrote it, and what it first contradicted.

        A writer whose texts are refused is asked once more, and then the embedded one writes from facts alone.
        """
        faults: list[str] = []
        for _ in range(_ATTEMPTS if not isinstance(self._writer, Composer) else 1):
            text = fit(self._writer.write(brief, faults), brief.style, brief.max_words, brief.facts.names)
            if not text:
                faults = [f"expected at most {brief.max_words} words in all, and whole sentences"]
                continue
            checked = self._check(text, brief, strict=not isinstance(self._writer, Composer))
            if checked.text:
                # The embedded writer has no claims of its own that could be put right.
                wrong = () if isinstance(self._writer, Composer) else checked.corrected_fields
                return checked.text, self._name_of(self._writer), wrong
            faults = [f"it was wrong about {', '.join(checked.corrected_fields)}"]
        composed = self._check(self._composer.write(brief), brief, strict=False).text
        if not composed:
            composed = self._composer.write(replace(brief, title=TitleReading(), audience="", sayings=()))
        return composed, self._name_of(self._composer), ()

    def _check(self, text: str, brief: Brief, strict: bool) -> CheckedText:
        # Who is told of an age may say it.
        numbers = brief.facts.numbers.union(numbers_in(brief.audience))
        words = f"{brief.facts.words} {brief.audience.lower()}"
        facts = replace(brief.facts, numbers=numbers, words=words)
        if not strict:
            # The embedded writer says words of the title as they are.
            facts = replace(facts, description="\n".join([facts.description, *render_values(brief)]))
        checked = check(text, facts, self.shelf.vocabulary, strict)
        # Words put in place of others may be more of them.
        fitted = fit(checked.text, brief.style, brief.max_words, brief.facts.names)
        return CheckedText(fitted, checked.corrected_fields)

    def _name_of(self, writer: Writer) -> str:
        by = self._captioner.name if self._captioner is not None else ""
        return f"{writer.name}:{by}" if isinstance(writer, Composer) and by else writer.name

    def _captions(self, subjects: Sequence[Subject]) -> list[str]:
        captions = [""] * len(subjects)
        shown = [place for place, subject in enumerate(subjects) if subject.image is not None]
        if self._captioner is not None and shown:
            images = [image for subject in subjects if (image := subject.image) is not None]
            for place, caption in zip(shown, self._captioner.say(images), strict=True):
                captions[place] = caption
        return captions

    def _agreement(self, text: str, vector: NDArray[np.float32] | None) -> float:
        """Return how alike text and picture are, in standard deviations from what texts and pictures usually are."""
        if vector is None or self._encoder is None or self._calibration is None:
            return 0.0
        if ("text", IMAGE) not in self._calibration.similarities or self._encoder.dim != len(vector):
            return 0.0
        usual = self._calibration.of("text", IMAGE)
        return float((self._encoder.encode_texts([text])[0] @ vector - usual.mean) / usual.std)
