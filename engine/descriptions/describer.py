"""A description of a product: from what its catalogue says, what its picture shows, and what is said of its like.

Whatever a writer writes is held against what is known before anybody sees it. What is known: the product's fields, what
its title says, and what was read from its picture with confidence, in this order.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.columns import field_names
from engine.descriptions.caption_noun import noun_of
from engine.descriptions.catalog_model import IMAGE, CatalogModel
from engine.descriptions.claim_vocabulary import NUMBER, QUALITIES, Claim, ClaimVocabulary
from engine.descriptions.composer import Composer, spoken_forms
from engine.descriptions.discriminant import NEVER
from engine.descriptions.fact_check import CheckedText, check, contradictions
from engine.descriptions.facts import (
    BRAND,
    CATEGORY,
    COLOUR,
    FOR,
    MATERIAL,
    PATTERN,
    TITLE,
    TYPE,
    Facts,
    find_fields,
    numbers_in,
)
from engine.descriptions.grammar import count_words, sentences, singular
from engine.descriptions.image_attributes import Captioner, ImageAttributes
from engine.descriptions.synonyms import FAMILIES
from engine.descriptions.title_reader import TitleReading
from engine.descriptions.title_words import small_first, type_forms
from engine.descriptions.writer import LONGEST, Brief, Style, Writer, fit
from engine.encoders.encoder import Encoder
from engine.scoring.fusion import Calibration

_SEEN_ROLES = (TYPE, CATEGORY, COLOUR, PATTERN, MATERIAL, FOR)

# Where no store shows how reliable a reading is, type and colour have to be told; the rest may be left out.
SURE_UNMEASURED = {TYPE: 0.4, COLOUR: 0.4}
SURE_TITLE = 0.5

_ATTEMPTS = 2
_MOST_OWN_SENTENCES = 6
_LONGEST_OWN = 40
_LEAST_CLAIMS, _FEW_WORDS = 2, 3
_LITTLE_WORDS = frozenset(
    (
        "a",
        "an",
        "and",
        "are",
        "by",
        "come",
        "comes",
        "finish",
        "for",
        "from",
        "in",
        "is",
        "it",
        "made",
        "makes",
        "no",
        "of",
        "one",
        "pure",
        "s",
        "the",
        "these",
        "they",
        "this",
        "with",
        "all",
        "over",
    )
)
_FAMILIES = frozenset(family for table in FAMILIES.values() for family in table)
# Words of titles that tell how a thing looks rather than what it is made of.
_LOOKS = frozenset(("metallic", "silky", "velvety", "wood-grain", "jersey", "satin"))
_PLACE = re.compile(r"\bin,\s*outdoor\b,?\s*", re.IGNORECASE)
_PART = re.compile(r"[,|;(]|\s[-–]\s|\b(?:with|for|compatible)\b", re.IGNORECASE)
_POINTING = re.compile(r"^(?:it|its|they|their|this|these|that|those|he|she)\b", re.IGNORECASE)


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
        facts = self._knowing_kind(Facts.of(payload, {**find_fields(field_names(payload)), **self.shelf.fields}))
        facts = self._knowing_title(self._with_colours(facts))
        facts = self._knowing_picture(facts, subject, caption) if not named else facts
        title = self.shelf.titles.read(facts)
        facts, noun = self._noun(facts, title, caption)
        if named:
            # What a picture was taken for is called by its whole title.
            title = replace(title, name=facts.title, core=facts.title, brand="")
        brief = Brief(
            facts=facts,
            noun=noun,
            title=title,
            caption=caption,
            sayings=self._own_sentences(facts),
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
            facts = replace(facts, description="\n".join([facts.description, *spoken_forms(brief)]))
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
            for place, caption in zip(shown, self._captioner.caption(images), strict=True):
                captions[place] = caption
        return captions

    def _knowing_title(self, facts: Facts) -> Facts:
        """Add what the title says of roles that have no field of their own; of two colours it says neither."""
        vocabulary = self.shelf.vocabulary
        claims = _of_title(facts.title, vocabulary)
        found = {}
        for role in (TYPE, COLOUR, PATTERN, MATERIAL, BRAND):
            meanings = {claim.meanings for claim in claims if claim.role == role}
            if len(meanings) != 1 or role in facts.values:
                continue
            (meaning,) = meanings
            said = next(facts.title[claim.start : claim.end].lower() for claim in claims if claim.role == role)
            # "Silicone" is said as it is where no field has a word of its own for it.
            own = role in (COLOUR, MATERIAL) and role not in self.shelf.fields
            said = _shade(facts.title, said) if role == COLOUR else said
            found[role] = said if own else vocabulary.value_of(role, meaning)
        return facts.knowing({role: value for role, value in found.items() if value})

    def _with_colours(self, facts: Facts) -> Facts:
        """Part a colour field at its commas, and leave out what names no colour or material: "Dog,golden" of a toy."""
        values = [_PLACE.sub("", value) for value in facts.values.get(COLOUR, ())]
        parts = [part.strip() for value in values for part in value.split(",")]
        known = [part for part in parts if any(one.role in QUALITIES for one in self.shelf.vocabulary.claims(part))]
        known = [part for part in known if any(one.meanings & _FAMILIES for one in self.shelf.vocabulary.claims(part))]
        return replace(facts, values={**facts.values, COLOUR: tuple(known)}) if known else facts

    def _knowing_kind(self, facts: Facts) -> Facts:
        """Take a type that is a department ("tv, audio & cameras") for what it is."""
        value = facts.first(TYPE)
        if not value:
            return facts
        kind = self.shelf.kind_of(value, facts.field_of(TYPE), facts.title)
        if kind == value:
            return facts
        values = {role: found for role, found in facts.values.items() if role != TYPE}
        if kind:
            values[TYPE] = (kind, value)
        else:
            values[CATEGORY] = tuple(dict.fromkeys((*facts.values.get(CATEGORY, ()), value)))
        return replace(facts, values=values)

    def _knowing_picture(self, facts: Facts, subject: Subject, caption: str) -> Facts:
        """Add what the picture shows reliably of roles that nothing else tells."""
        roles = [role for role in _SEEN_ROLES if role not in facts.values]
        if facts.title and TYPE in roles:
            roles.remove(TYPE)
        read = self._sight.read(roles, subject.vector, subject.image, caption)
        sure = {
            role: one.value
            for role, one in read.items()
            if one.probability >= self._sure_from(role, not subject.payload)
        }
        return facts.knowing(sure)

    def _sure_from(self, role: str, alone: bool) -> float:
        """Return the probability from which on a reading of the picture is told: what the store's own items show.

        alone: whether nothing but the picture is known. Then a type and a colour are told on the picture's word where
        no item of the store can show how good that is; beside a catalogue's own words they are not.
        """
        measured = self.shelf.discriminants.get(role)
        if measured is not None:
            return measured.threshold
        return SURE_UNMEASURED.get(role, NEVER) if alone else NEVER

    def _noun(self, facts: Facts, title: TitleReading, caption: str) -> tuple[Facts, str]:
        """Return what to call the product, "" if nobody says what it is, and the facts with that."""
        kind = facts.first(TYPE)
        if not kind:
            if facts.title or not caption:
                return facts, title.noun
            return facts, noun_of(caption, self.shelf.vocabulary)
        own = self.shelf.vocabulary.nouns(kind)
        noun = own[0] if own[0].isupper() else small_first(own[0])
        if not title.head:
            return facts, noun
        head = title.head.lower()
        if head in type_forms(kind):
            # "Shoes" alone say less than "casual shoes", the type; "slim fit shirt" says more than "shirt".
            short = head not in {kind.lower(), singular(kind.lower())} and " " in noun and " " not in title.noun
            return facts, noun if short else title.noun
        named = {value for claim in self.shelf.vocabulary.claims_of(TYPE, head) for value in claim.meanings}
        if not named or kind.lower() in named or head in own:
            return facts, noun
        # "Flats" filed under heels are called what their title calls them.
        types = tuple(dict.fromkeys((*facts.values[TYPE], title.head, *named)))
        return replace(facts, values={**facts.values, TYPE: types}), title.noun

    def _own_sentences(self, facts: Facts) -> tuple[str, ...]:
        """Return the sentences of its own description that tell of the product and not of its photo or the shop."""
        found: list[str] = []
        before = True
        for sentence in sentences(facts.description, facts.names):
            sentence = sentence if sentence.endswith((".", "!", "?")) else f"{sentence}."
            restated = self._restates(sentence)
            kept = not restated and self._is_own(sentence, facts) and (before or not _POINTING.match(sentence))
            if kept:
                found.append(sentence[0].upper() + sentence[1:])
            before = kept or restated
        return tuple(dict.fromkeys(found))[:_MOST_OWN_SENTENCES]

    def _restates(self, sentence: str) -> bool:
        """Return whether a sentence lists what the fields say and hardly anything else."""
        claims = self.shelf.vocabulary.claims(sentence)
        rest = sentence.lower()
        for claim in sorted(claims, key=lambda claim: -claim.start):
            rest = rest[: claim.start] + " " * (claim.end - claim.start) + rest[claim.end :]
        words = set(re.findall(r"\w+", rest)) - _LITTLE_WORDS
        return len({claim.role for claim in claims}) > _LEAST_CLAIMS and len(words) <= _FEW_WORDS

    def _is_own(self, sentence: str, facts: Facts) -> bool:
        if count_words(sentence) > _LONGEST_OWN or self.shelf.is_of_photo(sentence):
            return False
        bare = replace(facts, description="")
        # Other kinds of things may be spoken of: "keeps your books dry" is said of a bag. And "natural" is a colour of
        # some catalogues, but no claim of one in a sentence.
        wrong = contradictions(sentence, bare, self.shelf.vocabulary)
        return all(
            claim.role == TYPE or (claim.role in QUALITIES and not claim.meanings & _FAMILIES) for claim in wrong
        )

    def _agreement(self, text: str, vector: NDArray[np.float32] | None) -> float:
        """Return how alike text and picture are, in standard deviations from what texts and pictures usually are."""
        if vector is None or self._encoder is None or self._calibration is None:
            return 0.0
        if ("text", IMAGE) not in self._calibration.similarities or self._encoder.dim != len(vector):
            return 0.0
        usual = self._calibration.of("text", IMAGE)
        return float((self._encoder.encode_texts([text])[0] @ vector - usual.mean) / usual.std)


def _of_title(title: str, vocabulary: ClaimVocabulary) -> list[Claim]:
    """Return what a title claims, without what only looks so.

    "Solid" is no pattern but before a colour or a kind ("solid red shirt", not "solid state"), and a material that
    alone stands before a colour is a shade ("Ceramic Black").
    """
    claims = vocabulary.claims(title)
    kept = []
    for claim in claims:
        after = [other for other in claims if 0 < other.start - claim.end < 2 and other.role in (COLOUR, TYPE)]
        if claim.role == PATTERN and "plain" in claim.meanings and not after:
            continue
        shade = any(other.role == COLOUR and title[other.end : other.end + 1] in ")" for other in after)
        if claim.role == COLOUR and (
            any(other.role == TYPE and other.start == claim.start for other in claims)
            or (COLOUR not in vocabulary.fields and not _is_last(title, claim))
        ):
            continue
        if claim.role == MATERIAL and not _is_whole(title, claim):
            continue
        look = re.match(r"[ -](?:finish|look|effect|style|print)", title[claim.end :], re.IGNORECASE)
        if claim.role == MATERIAL and (look or title[claim.start : claim.end].lower() in _LOOKS):
            continue
        if claim.role == MATERIAL and shade and title[: claim.start].rstrip()[-1:] in ("(", ",", "|"):
            continue
        kept.append(claim)
    return kept


def _is_whole(title: str, claim: Claim) -> bool:
    """Return whether a material is the product's rather than a part's: in the first words, or alone between commas."""
    before = title[: claim.start]
    alone = before.rstrip()[-1:] in ("(", ",", "|") and title[claim.end :].lstrip()[:1] in (")", ",", "|", "")
    return alone or not _PART.search(before)


def _is_last(title: str, claim: Claim) -> bool:
    """Return whether a word ends a title or a part of it between commas or brackets."""
    return title[claim.end :].lstrip()[:1] in (")", ",", "|", "]", "")


def _shade(title: str, colour: str) -> str:
    """Return the name of a colour that stands alone between commas: "Horizon Blue" for blue."""
    found = re.search(rf"[(,|]\s*((?:[A-Z][a-z]+ ){{1,2}}{re.escape(colour)})\s*(?=[),|]|$)", title, re.IGNORECASE)
    return found[1] if found else colour
