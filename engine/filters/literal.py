"""Values in filters, and what they can be compared with.

A quoted value is a text, and a timestamp if it has the form of one. So is a bare word, unless it is a number, true or
false: then it is a text only for a field of texts without values of its kind, so that `model = 80` finds the text 80
if all models are texts.
"""

import re
from dataclasses import dataclass, field

from engine.columns.datetimes import to_timestamp_us
from engine.columns.field_values import to_comparable

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TRUTHS = {"true": True, "false": False}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ANY = "*"


@dataclass(frozen=True, slots=True)
class Literal:
    """One value, or a pattern for texts.

    Attributes:
        text: The value as text, without stars.
        bare: Whether it is an unquoted number, true or false.
        any_before: Whether it starts with a star.
        any_after: Whether it ends with a star.
        position: Position in the filter, from 1.
        number: The value as a number, None if it is not one.
        truth: The value as a bool, None if it is not one.
        timestamp_us: The value in microseconds since 1970, None if it is not a timestamp.
    """

    text: str
    bare: bool = False
    any_before: bool = False
    any_after: bool = False
    position: int = field(default=0, compare=False)
    number: float | None = field(init=False, default=None, compare=False)
    truth: bool | None = field(init=False, default=None, compare=False)
    timestamp_us: int | None = field(init=False, default=None, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", to_comparable(self.text))
        if self.bare and _NUMBER.fullmatch(self.text):
            object.__setattr__(self, "number", float(self.text) + 0.0)
        if self.bare:
            object.__setattr__(self, "truth", _TRUTHS.get(self.text))
        if not self.pattern:
            object.__setattr__(self, "timestamp_us", to_timestamp_us(self.text))

    @property
    def pattern(self) -> bool:
        """Whether it matches several texts."""
        return self.any_before or self.any_after

    def for_field(self, numbers: bool, bools: bool, texts: bool) -> "Literal":
        """Return the literal as it reads for a field that has such values."""
        if not self.bare or not texts or (numbers if self.number is not None else bools):
            return self
        return Literal(self.text, position=self.position)

    def matches(self, text: str) -> bool:
        """Return whether a text matches the pattern."""
        if self.any_before:
            return self.text in text if self.any_after else text.endswith(self.text)
        return text.startswith(self.text)

    def __str__(self) -> str:
        if self.bare:
            return self.text
        escaped = self.text.replace("\\", "\\\\").replace('"', '\\"').replace(_ANY, "\\*")
        return f'"{_ANY * self.any_before}{escaped}{_ANY * self.any_after}"'


def from_word(word: str, position: int = 0) -> Literal:
    """Return the literal of a bare word."""
    if _ANY in word:
        return _starred(word, word.endswith(_ANY), position, escapes=False)
    bare = word in _TRUTHS or _NUMBER.fullmatch(word) is not None
    return Literal(word, bare, position=position)


def from_string(quoted: str, position: int = 0) -> Literal:
    """Return the literal of a quoted text; a backslash escapes the next character, such as a star or a quote."""
    body = quoted[1:-1]
    if _ANY not in body and "\\" not in body:
        return Literal(body, position=position)
    # A star after an odd number of backslashes is escaped.
    backslashes = len(body) - 1 - len(body[:-1].rstrip("\\"))
    return _starred(body, body.endswith(_ANY) and backslashes % 2 == 0, position, escapes=True)


def _starred(body: str, any_after: bool, position: int, escapes: bool) -> Literal:
    any_before = body.startswith(_ANY)
    any_after = any_after and len(body) > any_before
    text = body[any_before : len(body) - any_after]
    if escapes:
        text = _ESCAPED.sub(r"\1", text)
    return Literal(text, any_before=any_before, any_after=any_after, position=position)
