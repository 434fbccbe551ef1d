"""Describe products from catalogue fields, titles and pictures.

Every text is checked against the known facts before it is returned. Facts come from the product's fields, then from its
title, then from confident readings of its picture.
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
from engine.descriptions.writer import MAX_WORDS, Brief, Style, Writer, fit
from engine.encoders.encoder import Encoder
from engine.scoring.fusion import Calibration

# Minimum probability for describing a picture with all fields of the item that it seems to show.
MIN_ITEM_PROBABILITY = 0.5

_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class Subject:
    """A product or picture to describe.

    Attributes:
        payload: Catalogue fields, empty for a picture alone.
        vector: Unit vector of its picture, None if there is none.
        image: The picture, None if not available.
        data: The encoded picture.
        seed: Selects the wording.
        nearest: Fields of the top search hit for the picture, empty for none.
    """

    payload: Mapping[str, Any]
    vector: NDArray[np.float32] | None = None
    image: Image.Image | None = None
    data: bytes = b""
    seed: str = ""
    nearest: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DescribeRequest:
    """The requested style and length. max_words: 0 for the default of the style."""

    style: Style = Style.LONG
    audience: str = ""
    max_words: int = 0

    @property
    def limit(self) -> int:
        """The maximum number of words."""
        return self.max_words or MAX_WORDS[self.style]


@dataclass(frozen=True, slots=True)
class Description:
    """A text, its writer, its agreement with the picture in standard deviations, and the corrected fields."""

    text: str
    model: str
    agreement: float
    corrected_fields: tuple[str, ...]


class Describer:
    """Describes the products of one catalogue; thread-safe.

    Args:
        encoder: Encoder of the snapshot, which measures the agreement of text and picture; without it agreement is 0.
        calibration: Calibration of the snapshot.
        blocks: Vector blocks that this encoder produced.
    """

    def __init__(
        self,
        catalog: CatalogModel,
        writer: Writer,
        captioner: Captioner | None = None,
        encoder: Encoder | None = None,
        calibration: Calibration | None = None,
        blocks: Sequence[str] = (),
    ) -> None:
        self.catalog = catalog
        self._writer = writer
        self._captioner = captioner
        self._encoder = encoder
        self._calibration = calibration
        self._image_attributes = ImageAttributes(catalog, captioner, calibration, blocks)
        self._facts = FactCollector(catalog, self._image_attributes)
        self._own = OwnSentences(catalog)
        self._composer = Composer()

    def describe(self, subjects: Sequence[Subject], request: DescribeRequest) -> list[Description]:
        """Return one description for each subject, in order; their pictures are captioned together.

        Raises WriterFailed if the writer is unavailable.
        """
        captions = self._captions(subjects)
        return [self._describe(subject, caption, request) for subject, caption in zip(subjects, captions, strict=True)]

    def _describe(self, subject: Subject, caption: str, request: DescribeRequest) -> Description:
        payload, named = self._payload(subject)
        # The catalogue's fields take precedence; products outside a catalogue have fields too.
        facts = self._facts.resolve_type(
            Facts.of(payload, {**find_fields(field_names(payload)), **self.catalog.fields})
        )
        facts = self._facts.add_title(self._facts.split_colours(facts))
        facts = self._facts.add_picture(facts, subject, caption, not subject.payload) if not named else facts
        title = self.catalog.titles.read(facts)
        facts, noun = self._facts.choose_noun(facts, title, caption)
        if named:
            # An item recognised from a picture is named by its whole title.
            title = replace(title, name=facts.title, core=facts.title, brand="")
        brief = Brief(
            facts=facts,
            noun=noun,
            title=title,
            caption=caption,
            own_sentences=self._own.select(facts),
            style=request.style,
            audience=request.audience,
            max_words=request.limit,
            picture=subject.data,
            seed=subject.seed,
        )
        written, model, wrong = self._write(brief)
        # Numbers belong to no field, and values read from the picture are not the item's.
        names = field_names(subject.payload) - {NUMBER}
        fields = tuple(name for name in wrong if name in names)
        return Description(written, model, self._agreement(written, subject.vector), fields)

    def _payload(self, subject: Subject) -> tuple[Mapping[str, Any], bool]:
        """Return the subject's fields, and whether a picture without fields was identified as a catalogue item.

        A picture is only identified in catalogues with one item per type, such as groceries. If the match is
        uncertain, only the title and type of the item are used.
        """
        if subject.payload or subject.vector is None:
            return subject.payload, False
        match = self._image_attributes.find_item(subject.vector)
        nearest = subject.nearest or (match.payload if match is not None else {})
        if match is None or not nearest:
            return {}, False
        if match.payload.get(TITLE) == nearest.get(TITLE) and match.probability >= MIN_ITEM_PROBABILITY:
            return nearest, True
        kind = self.catalog.fields.get(TYPE)
        return {name: nearest[name] for name in (TITLE, kind) if name and name in nearest}, True

    def _write(self, brief: Brief) -> tuple[str, str, tuple[str, ...]]:
        """Return a text without contradictions, its writer, and the fields that the draft contradicted.

        A rejected text is retried once; then the embedded writer composes one from facts alone.
        """
        faults: list[str] = []
        for _ in range(_ATTEMPTS if not isinstance(self._writer, Composer) else 1):
            text = fit(self._writer.write(brief, faults), brief.style, brief.max_words, brief.facts.names)
            if not text:
                faults = [f"expected at most {brief.max_words} words in all, and whole sentences"]
                continue
            checked = self._check(text, brief, strict=not isinstance(self._writer, Composer))
            if checked.text:
                # The embedded writer makes no claims of its own that could be corrected.
                wrong = () if isinstance(self._writer, Composer) else checked.corrected_fields
                return checked.text, self._name_of(self._writer), wrong
            faults = [f"it was wrong about {', '.join(checked.corrected_fields)}"]
        composed = self._check(self._composer.write(brief), brief, strict=False).text
        if not composed:
            composed = self._composer.write(replace(brief, title=TitleReading(), audience="", own_sentences=()))
        return composed, self._name_of(self._composer), ()

    def _check(self, text: str, brief: Brief, strict: bool) -> CheckedText:
        # Numbers in the audience, such as an age, may be repeated.
        numbers = brief.facts.numbers.union(numbers_in(brief.audience))
        words = f"{brief.facts.words} {brief.audience.lower()}"
        facts = replace(brief.facts, numbers=numbers, words=words)
        if not strict:
            # The embedded writer repeats words of the title verbatim.
            facts = replace(facts, description="\n".join([facts.description, *render_values(brief)]))
        checked = check(text, facts, self.catalog.vocabulary, strict)
        # Corrections may lengthen the text.
        fitted = fit(checked.text, brief.style, brief.max_words, brief.facts.names)
        return CheckedText(fitted, checked.corrected_fields)

    def _name_of(self, writer: Writer) -> str:
        captioner = self._captioner.name if self._captioner is not None else ""
        return f"{writer.name}:{captioner}" if isinstance(writer, Composer) and captioner else writer.name

    def _captions(self, subjects: Sequence[Subject]) -> list[str]:
        captions = [""] * len(subjects)
        with_image = [index for index, subject in enumerate(subjects) if subject.image is not None]
        if self._captioner is not None and with_image:
            images = [image for subject in subjects if (image := subject.image) is not None]
            for index, caption in zip(with_image, self._captioner.caption(images), strict=True):
                captions[index] = caption
        return captions

    def _agreement(self, text: str, vector: NDArray[np.float32] | None) -> float:
        """Return the similarity of text and picture, in standard deviations from the calibrated mean."""
        if vector is None or self._encoder is None or self._calibration is None:
            return 0.0
        if ("text", IMAGE) not in self._calibration.similarities or self._encoder.dim != len(vector):
            return 0.0
        baseline = self._calibration.of("text", IMAGE)
        return float((self._encoder.encode_texts([text])[0] @ vector - baseline.mean) / baseline.std)
