"""A description of a product: from what its catalogue says, what its picture shows, and what is said of its like.

Whatever a writer writes is held against what is known before anybody sees it. What is known: the product's fields, what
its title says, and what was read from its picture with confidence, in this order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.columns import field_names
from engine.encoder import Encoder
from engine.fusion import Calibration
from engine.writing.checking import Checked, check
from engine.writing.composer import Composer
from engine.writing.facts import BRAND, CATEGORY, COLOUR, FOR, MATERIAL, PATTERN, TYPE, Facts, find_fields, numbers_in
from engine.writing.grammar import count_words, sentences
from engine.writing.shelf import IMAGE, Shelf
from engine.writing.sight import Captioner, Sight
from engine.writing.spoken import noun_of
from engine.writing.vocabulary import NUMBER
from engine.writing.writer import LONGEST, Brief, Style, Writer, fit

_SEEN_ROLES = (TYPE, CATEGORY, COLOUR, PATTERN, MATERIAL, FOR)

# A reading is told from so sure on. What a thing is and its colour have to be told; the rest may be left out.
SURE = {TYPE: 0.4, COLOUR: 0.4}
SURE_OTHERWISE = 0.85
SURE_TITLE = 0.5

_ATTEMPTS = 2
_MOST_OWN_SAYINGS = 4
_LONGEST_SAYING = 30


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be described. payload: what the catalogue says of it, empty for a picture alone.

    vector: of its picture, unit, None if there is none.   image: the picture, if it is at hand; data: its bytes.
    """

    payload: Mapping[str, Any]
    vector: NDArray[np.float32] | None = None
    image: Image.Image | None = None
    data: bytes = b""
    seed: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
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
        shelf: Shelf,
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
        self._sight = Sight(shelf, captioner, calibration, blocks)
        self._composer = Composer()

    def describe(self, subjects: Sequence[Subject], wish: Wish) -> list[Description]:
        """Return one description for each subject, in order; their pictures are captioned together.

        Raises WriterFailed if the writer cannot be asked.
        """
        captions = self._captions(subjects)
        return [self._describe(subject, caption, wish) for subject, caption in zip(subjects, captions, strict=True)]

    def _describe(self, subject: Subject, caption: str, wish: Wish) -> Description:
        # A catalogue's own fields win, and a product of no catalogue has fields too.
        told = Facts.of(subject.payload, {**find_fields(field_names(subject.payload)), **self.shelf.fields})
        facts = self._knowing_title(told)
        facts = self._knowing_picture(facts, subject, caption)
        noun = self._noun(facts, caption)
        brief = Brief(
            facts=facts,
            noun=noun,
            caption=caption,
            sayings=self._sayings(facts),
            style=wish.style,
            audience=wish.audience,
            max_words=wish.limit,
            picture=subject.data,
            seed=subject.seed,
        )
        # The caption is what the picture seems to say: where the catalogue knows better, a field was put right.
        heard = check(caption, told, self.shelf.vocabulary).corrected_fields if caption else ()
        written, model, wrong = self._write(brief)
        # A wrong number is of no field, and a value read from the picture is none of the item's.
        names = field_names(subject.payload) - {NUMBER}
        fields = dict.fromkeys(name for name in (*heard, *wrong) if name in names)
        return Description(written, model, self._agreement(written, subject.vector), tuple(fields))

    def _write(self, brief: Brief) -> tuple[str, str, tuple[str, ...]]:
        """Return a text that contradicts nothing, who wrote it, and what it first contradicted.

        A writer whose texts are refused is asked once more, and then the embedded one writes from facts alone.
        """
        faults: list[str] = []
        wrong: tuple[str, ...] = ()
        for _ in range(_ATTEMPTS if not isinstance(self._writer, Composer) else 1):
            text = fit(self._writer.write(brief, faults), brief.style, brief.max_words, brief.facts.names)
            if not text:
                faults = [f"expected at most {brief.max_words} words in all, and whole sentences"]
                continue
            checked = self._check(text, brief)
            wrong = tuple(dict.fromkeys((*wrong, *checked.corrected_fields)))
            if checked.text:
                return checked.text, self._name_of(self._writer), wrong
            faults = [f"it was wrong about {', '.join(checked.corrected_fields)}"]
        safe = self._composer.write(replace(brief, audience="", sayings=()))
        checked = self._check(safe, brief)
        if not checked.text:
            safe = self._composer.write(replace(brief, facts=Facts(), audience="", sayings=()))
        return checked.text or safe, self._name_of(self._composer), wrong

    def _check(self, text: str, brief: Brief) -> Checked:
        # Who is told of an age may say it.
        numbers = brief.facts.numbers.union(numbers_in(brief.audience))
        checked = check(text, replace(brief.facts, numbers=numbers), self.shelf.vocabulary)
        # Words put in place of others may be more of them.
        fitted = fit(checked.text, brief.style, brief.max_words, brief.facts.names)
        return Checked(fitted, checked.corrected_fields)

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

    def _knowing_title(self, facts: Facts) -> Facts:
        """Add what the title says of roles that have no field of their own; of two colours it says neither."""
        vocabulary = self.shelf.vocabulary
        found = {}
        for role in (TYPE, COLOUR, PATTERN, MATERIAL, BRAND):
            meanings = {claim.meanings for claim in vocabulary.claims(facts.title) if claim.role == role}
            if len(meanings) == 1 and role not in facts.values:
                (meaning,) = meanings
                found[role] = vocabulary.value_of(role, meaning)
        return facts.knowing({role: value for role, value in found.items() if value})

    def _knowing_picture(self, facts: Facts, subject: Subject, caption: str) -> Facts:
        """Add what the picture shows for sure of roles that nothing else tells."""
        roles = [role for role in _SEEN_ROLES if role not in facts.values]
        if not subject.payload and subject.vector is not None:
            like = self._sight.looks_like(subject.vector)
            if like is not None and like.probability >= SURE_TITLE:
                facts = replace(facts, title=like.value)
        read = self._sight.read(roles, subject.vector, subject.image, caption)
        sure = {role: one.value for role, one in read.items() if one.probability >= SURE.get(role, SURE_OTHERWISE)}
        return facts.knowing(sure)

    def _noun(self, facts: Facts, caption: str) -> str:
        """Return what to call the product, "" if nobody says what it is."""
        kind = facts.first(TYPE)
        if kind:
            noun = self.shelf.vocabulary.nouns(kind)[0]
            return noun if noun.isupper() else noun.lower()
        return "" if facts.title or not caption else noun_of(caption, self.shelf.vocabulary)

    def _sayings(self, facts: Facts) -> tuple[str, ...]:
        """Return sentences that hold for it: of its own description, then of things of its type."""
        kind = facts.first(TYPE)
        rich = any(facts.first(role) for role in (COLOUR, PATTERN, MATERIAL))
        own = [
            sentence
            for sentence in sentences(facts.description, facts.names)
            if (rich and self.shelf.holds_for_any(sentence, kind)) or (not rich and self._is_own(sentence, facts))
        ][:_MOST_OWN_SAYINGS]
        others = self.shelf.sayings(kind) if kind else ()
        return tuple(dict.fromkeys((*own, *others)))

    def _is_own(self, sentence: str, facts: Facts) -> bool:
        if count_words(sentence) > _LONGEST_SAYING or self.shelf.is_of_photo(sentence):
            return False
        return check(sentence, facts, self.shelf.vocabulary) == Checked(sentence)

    def _agreement(self, text: str, vector: NDArray[np.float32] | None) -> float:
        """Return how alike text and picture are, in standard deviations from what texts and pictures usually are."""
        if vector is None or self._encoder is None or self._calibration is None:
            return 0.0
        if ("text", IMAGE) not in self._calibration.similarities or self._encoder.dim != len(vector):
            return 0.0
        usual = self._calibration.of("text", IMAGE)
        return float((self._encoder.encode_texts([text])[0] @ vector - usual.mean) / usual.std)
