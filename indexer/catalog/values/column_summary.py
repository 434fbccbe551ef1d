"""What the raw values of one column look like, in bounded memory, so that one rule can be decided for all of them.

Texts are counted by shape: the text with every digit as 9, but the zeros that begin its runs of digits. A million
prices have a few dozen shapes, and one example of each says how all of them are read.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from typing import Any

from engine.catalog.absent_words import is_absent_word
from engine.catalog.cell_reader import MARKED
from engine.catalog.coercion import MAX_EXACT_INTEGER, InvalidValue
from engine.catalog.price_text import parse_price
from engine.catalog.text_shape import to_shapes
from indexer.catalog.values.date_evidence import DateEvidence
from indexer.catalog.values.text_form import TextForm, read_form

_MAX_SHAPES = 4096
_MAX_TEXT_SHAPES = 512
_MAX_DISTINCT = 10_000
_MAX_EXAMINED_LENGTH = 64
_MAX_EXAMPLES = 5

# A column whose first values are nearly all text is sampled: one batch of so many.
_MIN_EXAMINED = 16_384
_TEXT_SHARE = 0.9
_SAMPLED_BATCHES = 16
_MAX_WORD_LENGTH = 16
_DIGIT = re.compile(r"\d")
_HTML = re.compile(r"</?[a-zA-Z][^<>]*>|&(?:[a-zA-Z]{2,8}|#[0-9]{2,6});")
_PROSE_SAMPLE = 100
_TWO_LETTERS = re.compile(r"[^\W\d_]{2,}")
_URL = re.compile(r"\s*(?:https?:)?//\S+\s*$", re.IGNORECASE)
_THREE_DECIMALS = re.compile(r"^[+-]?[09]+[.,][09]{3,}$")
_ZERO_ENDED = re.compile(r"^[+-]?[0-9]+[.,][0-9]{2,}0$")
_NONE = type(None)


@dataclass(slots=True)
class TextShape:
    """Texts that differ only in their digits.

    Attributes:
        example: One of them.
        form: What it may be.
        count: How many values have it.
    """

    example: str
    form: TextForm
    count: int = 0

    @property
    def is_date(self) -> bool:
        """Whether texts of this shape may be dates."""
        return self.form.date is not None or (len(self.example) == 8 and self.example.isdecimal())


class ColumnSummary:
    """Counts and examples of the values of one column.

    Attributes:
        count: All values, absent ones included.
        kinds: How many values there are of each Python type, None and NaN excluded; texts, blank ones included, are
            str.
        invalid: InvalidValue instances.
        absent_words: Texts that are a word such as N/A.
        blank: Blank texts.
        shapes: Examined texts by shape.
        other_texts: Examined texts without a shape: those of more than 64 characters, and those of all but the first
            shapes that can only be text.
        examined: Texts counted by shape or as `other_texts`; a column that can only be text is sampled.
        dates: Evidence of the examined texts that look like dates.
        price_objects: Lists and objects that hold one price.
        has_big_integer: Whether there is a native integer that a float does not hold exactly.
        zero_ended: Whether three or more decimals end in a zero somewhere: "90.700".
        longest: Length of the longest text.
        html: Examined texts with HTML tags or entities.
        urls: Web addresses in a sample of the examined texts.
    """

    def __init__(self, absent: int = 0) -> None:
        self.count = absent
        self.kinds: Counter[type] = Counter()
        self.invalid = 0
        self.absent_words = 0
        self.blank = 0
        self.shapes: dict[str, TextShape] = {}
        self.other_texts = 0
        self.examined = 0
        self.dates = DateEvidence()
        self.price_objects = 0
        self.has_big_integer = False
        self.zero_ended = False
        self.longest = 0
        self.html = 0
        self.urls = 0
        self._examples: dict[str, None] = {}
        self._distinct: set[str] = set()
        self._batches = 0
        self._only_text = 0
        self._text_shapes = 0
        self._sampled = 0
        self._words = 0

    @property
    def present(self) -> int:
        """Values that are neither missing nor invalid."""
        return self.kinds.total() - self.blank - self.absent_words

    @property
    def examples(self) -> list[str]:
        """A few different present values, as text."""
        return list(self._examples)

    @property
    def distinct(self) -> int:
        """Different texts, counted up to 10,000."""
        return min(len(self._distinct), _MAX_DISTINCT)

    @property
    def currencies(self) -> int:
        """Prices that may have a currency: texts that name one, lists and objects."""
        texts = sum(shape.count for shape in self.shapes.values() if shape.form.price and shape.form.price.currency)
        return texts + self.price_objects

    @property
    def is_prose(self) -> bool:
        """Whether most texts are words for people, and not codes or addresses."""
        return self._words > self._sampled / 2 and self.urls < self._sampled / 2

    @property
    def html_share(self) -> float:
        """Share of texts with HTML, of those examined."""
        return self.html / self.examined if self.examined else 0.0

    def add(self, values: Sequence[object]) -> None:
        """Add a batch of raw values: None where absent. Cost: 0.1 to 0.4 µs a value."""
        self.count += len(values)
        by_kind: dict[type, list[Any]] = {}
        if set(map(type, values)) <= {str, _NONE}:
            by_kind[str] = [value for value in values if value is not None]
        else:
            for value in values:
                by_kind.setdefault(type(value), []).append(value)
            by_kind.pop(_NONE, None)
        for kind, group in by_kind.items():
            if group:
                self._add_texts(group) if kind is str else self._add_natives(kind, group)

    def _add_natives(self, kind: type, values: list[Any]) -> None:
        if issubclass(kind, InvalidValue):
            self.invalid += len(values)
            return
        if issubclass(kind, (float, Decimal)):
            # NaN is missing, and the only value that differs from itself.
            values = [value for value in values if value == value]
            self.has_big_integer |= kind is Decimal and any(abs(value) > MAX_EXACT_INTEGER for value in values)
        elif kind is int:
            self.has_big_integer |= max(values) > MAX_EXACT_INTEGER or min(values) < -MAX_EXACT_INTEGER
        elif issubclass(kind, (list, tuple, dict)):
            self.price_objects += sum(parse_price(value) is not None for value in values)
        if values:
            self.kinds[kind] += len(values)
            self._add_examples(map(str, values[:_MAX_EXAMPLES]))

    def _add_texts(self, texts: list[str]) -> None:
        self.kinds[str] += len(texts)
        self.longest = max(self.longest, max(map(len, texts)))
        self._batches += 1
        if not self._is_sampled() or self._batches % _SAMPLED_BATCHES == 0:
            self._examine(Counter(texts))
        else:
            for text in [text for text in texts if len(text) < _MAX_WORD_LENGTH and text[:1] in MARKED]:
                self._count_absent(text.strip(), 1)

    def _is_sampled(self) -> bool:
        """Return whether the texts so far leave no doubt that the column is text, so that a sample of the rest does."""
        return self.examined >= _MIN_EXAMINED and self._only_text > _TEXT_SHARE * self.examined

    def _count_absent(self, text: str, count: int) -> None:
        if not text:
            self.blank += count
        elif is_absent_word(text):
            self.absent_words += count

    def _examine(self, counts: Counter[str]) -> None:
        """Count the texts of a batch by shape."""
        if len(self._distinct) < _MAX_DISTINCT:
            self._distinct.update(counts)
        self.examined += counts.total()
        long = [text for text in counts if len(text) > _MAX_EXAMINED_LENGTH]
        self._add_other(sum(map(counts.__getitem__, long)))
        self._add_examples(long)
        joined = "\n".join(counts)
        if "<" in joined or "&" in joined:
            self.html += sum(counts[text] for text in counts if _HTML.search(text))
        self._add_prose(islice(counts, _PROSE_SAMPLE))
        texts = [text for text in counts if len(text) <= _MAX_EXAMINED_LENGTH] if long else list(counts)
        if texts:
            self._add_shapes(texts, list(map(counts.__getitem__, texts)))

    def _add_prose(self, texts: Iterable[str]) -> None:
        for text in texts:
            if not is_absent_word(text):
                self._sampled += 1
                self._words += _TWO_LETTERS.search(text) is not None
                self.urls += _URL.match(text) is not None

    def _add_shapes(self, texts: list[str], counts: list[int]) -> None:
        """Count different texts by shape."""
        texts = list(map(str.strip, texts))
        shapes = to_shapes(texts)
        if len(shapes) != len(texts):
            texts = [text.replace("\n", " ") for text in texts]
            shapes = to_shapes(texts)
        totals = Counter(shapes)
        if totals.keys() - self.shapes.keys():
            first = dict(zip(reversed(shapes), reversed(texts), strict=True))
            self._create_shapes({shape: first[shape] for shape in totals})
        if len(counts) < sum(counts):
            totals = Counter()
            for shape, count in zip(shapes, counts, strict=True):
                totals[shape] += count
        for shape, total in totals.items():
            self._count(shape, total)
        self._add_examples(texts)
        self._add_evidence(totals, shapes, texts, counts)

    def _add_examples(self, texts: Iterable[str]) -> None:
        for text in texts:
            if len(self._examples) >= _MAX_EXAMPLES:
                return
            if not is_absent_word(text.strip()):
                self._examples[text] = None

    def _create_shapes(self, examples: dict[str, str]) -> None:
        """Add the shapes that are new, but for those that can only be text: of these a few are kept, as examples."""
        for shape, example in examples.items():
            if shape in self.shapes or len(self.shapes) >= _MAX_SHAPES:
                continue
            # Without digits only short words are anything but text.
            if self._text_shapes >= _MAX_TEXT_SHAPES and len(shape) > _MAX_WORD_LENGTH and not _DIGIT.search(shape):
                continue
            form = read_form(example)
            self._text_shapes += form.is_text
            if not form.is_text or self._text_shapes <= _MAX_TEXT_SHAPES:
                self.shapes[shape] = TextShape(example, form)

    def _count(self, shape: str, count: int) -> None:
        known = self.shapes.get(shape)
        if known is None:
            self._add_other(count)
            return
        known.count += count
        if known.form.is_text:
            self._only_text += count
        elif known.form.absent:
            self._count_absent(known.example, count)

    def _add_other(self, count: int) -> None:
        self.other_texts += count
        self._only_text += count

    def _add_evidence(self, totals: Iterable[str], shapes: list[str], texts: list[str], counts: list[int]) -> None:
        """Add what the digits of dates and of numbers with three or more decimals say."""
        dates = {shape for shape in totals if shape in self.shapes and self.shapes[shape].is_date}
        if dates:
            self.dates.add(
                (text, count) for text, shape, count in zip(texts, shapes, counts, strict=True) if shape in dates
            )
        if not self.zero_ended and any(map(_THREE_DECIMALS.search, totals)):
            self.zero_ended = any(map(_ZERO_ENDED.search, texts))
