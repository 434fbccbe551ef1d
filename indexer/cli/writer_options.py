"""Options that say who writes descriptions."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from engine.descriptions.writer import WriterOptions

KEY_VARIABLE = "DIPTYCH_WRITER_KEY"

Writer = Annotated[
    str, typer.Option(envvar="DIPTYCH_WRITER", help="Who writes descriptions: coca, chat or module:Class.")
]
WriterUrl = Annotated[
    str,
    typer.Option(envvar="DIPTYCH_WRITER_URL", help="OpenAI-compatible address of the writer chat: http://HOST/v1."),
]
WriterModel = Annotated[
    str, typer.Option(envvar="DIPTYCH_WRITER_MODEL", help=f"Its model. Its key is taken from {KEY_VARIABLE}.")
]
WriterTimeout = Annotated[
    float, typer.Option(envvar="DIPTYCH_WRITER_TIMEOUT_S", min=0.1, help="Seconds that an answer may take.")
]
WriterImages = Annotated[
    bool, typer.Option("--writer-images", envvar="DIPTYCH_WRITER_IMAGES", help="Its model looks at pictures.")
]


def to_writer(name: str, url: str, model: str, timeout_s: float, images: bool) -> "WriterOptions":
    """Return what opens the writer; the key comes from the environment, for everybody sees a command's flags."""
    from engine.descriptions.writer import WriterOptions

    return WriterOptions(name, url, model, os.environ.get(KEY_VARIABLE, ""), timeout_s, images)
