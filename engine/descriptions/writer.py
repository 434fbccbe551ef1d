"""Who writes a description: the seam, what a writer is told, and which writers there are by name."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from importlib import import_module
from typing import Any, Protocol, cast

from engine.descriptions.fact_check import BULLET
from engine.descriptions.facts import Facts
from engine.descriptions.grammar import count_words, sentences
from engine.descriptions.title_reader import TitleReading
from engine.errors import InvalidSetting

WRITERS = {
    "coca": "engine.descriptions.composer:Composer",
    "chat": "engine.descriptions.chat_writer:ChatWriter",
}


class Style(Enum):
    """How a description is written."""

    SHORT = "short"
    """One sentence."""
    LONG = "long"
    """A paragraph."""
    BULLETS = "bullets"
    """Lines that begin with "- "."""


LONGEST = {Style.SHORT: 30, Style.LONG: 80, Style.BULLETS: 80}
"""The words of a description at most, where nobody says."""


@dataclass(frozen=True, slots=True)
class Brief:
    """All that a writer is told of a product, and how it is to be written.

    noun: what to call it.   title: what its title says.   caption: what the captioner says of its picture, if any.
      sayings: sentences of its own description.   picture: its bytes, if they are at hand.   seed: the same text for
    the same one.
    """

    facts: Facts
    noun: str
    caption: str = ""
    sayings: tuple[str, ...] = ()
    style: Style = Style.LONG
    audience: str = ""
    max_words: int = LONGEST[Style.LONG]
    picture: bytes = b""
    seed: str = ""
    title: TitleReading = field(default_factory=TitleReading)


class Writer(Protocol):
    """Writes one description from what it is told; any number of threads may ask it."""

    name: str

    def write(self, brief: Brief, faults: Sequence[str] = ()) -> str:
        """Return a text. faults: what was wrong with the one before, for a writer that may try again."""


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """Which writer to open, and what a chat writer has to know. The key is never shown.

    name: in WRITERS, or "module:Class" of your own.   url: of an OpenAI-compatible chat, such as
    http://localhost:11434/v1.   images: whether its model looks at pictures.
    """

    name: str = "coca"
    url: str = ""
    model: str = ""
    key: str = field(default="", repr=False)
    timeout_s: float = 30.0
    images: bool = False


def open_writer(options: WriterOptions) -> Writer:
    """Return the writer of a name. Raises InvalidSetting for one that leads nowhere or lacks an option."""
    module, _, name = WRITERS.get(options.name, options.name).partition(":")
    try:
        opener: Any = getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        known = ", ".join(WRITERS)
        raise InvalidSetting(f"expected a writer ({known}, or module:Class), got {options.name!r}") from error
    return cast(Writer, opener(options))


def fit(text: str, style: Style, max_words: int, names: Sequence[str] = ()) -> str:
    """Return the text cut to whole sentences or lines, as the style wants it; "" if its first one is too long.

    names: of the product, within which nothing is cut.
    """
    if style is Style.BULLETS:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        pieces = [line if line.startswith(BULLET) else BULLET + line.lstrip("*•–- ") for line in lines]
    else:
        pieces = sentences(" ".join(text.split()), names)
    if style is Style.SHORT:
        pieces = pieces[:1]
    kept: list[str] = []
    for piece in pieces:
        if count_words(" ".join([*kept, piece])) > max_words:
            break
        kept.append(piece)
    return ("\n" if style is Style.BULLETS else " ").join(kept)
