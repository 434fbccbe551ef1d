"""The writer interface, its input, and the table of writers by name."""

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


MAX_WORDS = {Style.SHORT: 30, Style.LONG: 80, Style.BULLETS: 80}
"""Default maximum number of words per style."""


@dataclass(frozen=True, slots=True)
class Brief:
    """A writer's input: the facts about a product, and the requested style.

    Attributes:
        noun: What to call the product.
        caption: Generated caption of its picture, "" for none.
        own_sentences: Sentences of the product's own description that may be quoted.
        picture: Encoded picture, empty if not available.
        seed: Selects the wording; equal seeds give equal texts.
        title: The parsed title.
    """

    facts: Facts
    noun: str
    caption: str = ""
    own_sentences: tuple[str, ...] = ()
    style: Style = Style.LONG
    audience: str = ""
    max_words: int = MAX_WORDS[Style.LONG]
    picture: bytes = b""
    seed: str = ""
    title: TitleReading = field(default_factory=TitleReading)


class Writer(Protocol):
    """Writes one description from a brief; thread-safe."""

    name: str

    def write(self, brief: Brief, faults: Sequence[str] = ()) -> str:
        """Return a text. faults: errors in the previous attempt, empty for the first."""


@dataclass(frozen=True, slots=True)
class WriterOptions:
    """The writer to open, and the settings of a chat writer. The key is left out of the repr.

    Attributes:
        name: A name in WRITERS, or "module:Class" of a custom writer.
        url: An OpenAI-compatible endpoint, such as http://localhost:11434/v1.
        images: Whether the chat model accepts images.
    """

    name: str = "coca"
    url: str = ""
    model: str = ""
    key: str = field(default="", repr=False)
    timeout_s: float = 30.0
    images: bool = False


def open_writer(options: WriterOptions) -> Writer:
    """Return the writer with this name. Raises InvalidSetting if it cannot be resolved or lacks an option."""
    module, _, name = WRITERS.get(options.name, options.name).partition(":")
    try:
        opener: Any = getattr(import_module(module), name)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        known = ", ".join(WRITERS)
        raise InvalidSetting(f"expected a writer ({known}, or module:Class), got {options.name!r}") from error
    return cast(Writer, opener(options))


def fit(text: str, style: Style, max_words: int, names: Sequence[str] = ()) -> str:
    """Truncate the text to whole sentences or lines in the style; return "" if the first one is too long.

    names: Product names, which are never split.
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
