"""A value written in a filter, and what it can be compared with.

What is quoted is a text, and an instant if it is written like one. So is a bare word, unless it is written like a
number, true or false: then it is that, and a text only for a field of texts that has no value of its kind, so that
`model = 80` finds the text 80 where all models are texts.
"""

import re
from dataclasses import dataclass, field

from engine.columns.datetimes import to_timestamp_us

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_TRUTHS = {"true": True, "false": False}
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ANY = "*"


@dataclass(frozen=True, slots=True)
class Literal:
    """One value. any_before, any_after: whether a star stood there, for any text; then it is a pattern for texts.

    bare: whether it is a number, true or false, and no text.
    """

    text: str
    bare: bool = False
    any_before: bool = False
    any_after: bool = False
    position: int = field(default=0, compare=False)
    number: float | None = field(init=False, default=None, compare=False)
    """The number that it is, None if it is none."""
    truth: bool | None = field(init=False, default=None, compare=False)
    """The bool that it is, None if it is none."""
    moment: int | None = field(init=False, default=None, compare=False)
    """The instant that it is in microseconds since 1970, None if it is none."""

    def __post_init__(self) -> None:
        if self.bare and _NUMBER.fullmatch(self.text):
            object.__setattr__(self, "number", float(self.text) + 0.0)
        if self.bare:
            object.__setattr__(self, "truth", _TRUTHS.get(self.text))
        if not self.pattern:
            object.__setattr__(self, "moment", to_timestamp_us(self.text))

    @property
    def pattern(self) -> bool:
        """Whether it stands for many texts."""
        return self.any_before or self.any_after

    def among(self, numbers: bool, bools: bool, texts: bool) -> "Literal":
        """Return what it says of a field that has such values."""
        if not self.bare or not texts or (numbers if self.number is not None else bools):
            return self
        return Literal(self.text, position=self.position)

    def fits(self, text: str) -> bool:
        """Return whether a text is what a pattern stands for."""
        if self.any_before:
            return self.text in text if self.any_after else text.endswith(self.text)
        return text.startswith(self.text)

    def __str__(self) -> str:
        if self.bare:
            return self.text
        escaped = self.text.replace("\\", "\\\\").replace('"', '\\"').replace(_ANY, "\\*")
        return f'"{_ANY * self.any_before}{escaped}{_ANY * self.any_after}"'


def from_word(word: str, position: int = 0) -> Literal:
    """Return what a bare word says."""
    if _ANY in word:
        return _starred(word, word.endswith(_ANY), position, escapes=False)
    bare = word in _TRUTHS or _NUMBER.fullmatch(word) is not None
    return Literal(word, bare, position=position)


def from_string(quoted: str, position: int = 0) -> Literal:
    """Return what a quoted text says; a backslash takes the character behind it as it is, a star or a quote."""
    body = quoted[1:-1]
    if _ANY not in body and "\\" not in body:
        return Literal(body, position=position)
    # A star behind an odd number of backslashes is a star.
    backslashes = len(body) - 1 - len(body[:-1].rstrip("\\"))
    return _starred(body, body.endswith(_ANY) and backslashes % 2 == 0, position, escapes=True)


def _starred(body: str, any_after: bool, position: int, escapes: bool) -> Literal:
    any_before = body.startswith(_ANY)
    any_after = any_after and len(body) > any_before
    text = body[any_before : len(body) - any_after]
    if escapes:
        text = _ESCAPED.sub(r"\1", text)
    return Literal(text, any_before=any_before, any_after=any_after, position=position)
