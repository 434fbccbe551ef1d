"""Options of the writer of descriptions."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from engine.descriptions.writer import WriterOptions

KEY_VARIABLE = "DIPTYCH_WRITER_KEY"
DESCRIPTIONS = "Descriptions"

WriterOption = Annotated[
    str,
    typer.Option(
        "--writer",
        envvar="DIPTYCH_WRITER",
        help="Description writer: coca, chat or module:Class.",
        rich_help_panel=DESCRIPTIONS,
    ),
]
WriterUrlOption = Annotated[
    str,
    typer.Option(
        "--writer-url",
        envvar="DIPTYCH_WRITER_URL",
        help="OpenAI-compatible URL for the chat writer, such as http://HOST/v1.",
        rich_help_panel=DESCRIPTIONS,
    ),
]
WriterModelOption = Annotated[
    str,
    typer.Option(
        "--writer-model",
        envvar="DIPTYCH_WRITER_MODEL",
        help=f"Model name for the chat writer. Its API key is read from {KEY_VARIABLE}.",
        rich_help_panel=DESCRIPTIONS,
    ),
]
WriterTimeoutOption = Annotated[
    float,
    typer.Option(
        "--writer-timeout-s",
        envvar="DIPTYCH_WRITER_TIMEOUT_S",
        min=0.1,
        help="Timeout for the chat writer in seconds.",
        rich_help_panel=DESCRIPTIONS,
    ),
]
WriterImagesOption = Annotated[
    bool,
    typer.Option(
        "--writer-images",
        envvar="DIPTYCH_WRITER_IMAGES",
        help="Send images to the chat writer's model.",
        rich_help_panel=DESCRIPTIONS,
    ),
]


def to_writer(name: str, url: str, model: str, timeout_s: float, images: bool) -> "WriterOptions":
    """Return the options to open the writer with.

    The API key comes from the environment, since every user of the machine can read a command's flags.
    """
    from engine.descriptions.writer import WriterOptions

    return WriterOptions(name, url, model, os.environ.get(KEY_VARIABLE, ""), timeout_s, images)
