"""`engine serve`, whose flags are the fields of ServerSettings."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic.fields import FieldInfo

from engine.cli.shared_options import invalid_settings_as_usage_errors
from engine.server.settings import ServerSettings, load, render

PANELS = {
    "Models": ("device", "runtime", "max_batch", "max_wait_ms", "encoder_cache_bytes"),
    "Limits": ("search_threads", "encoder_threads", "describe_threads", "waiting_limit", "message_bytes", "grace_s"),
    "Monitoring": ("metrics_address", "recall_sample", "log_level"),
    "Descriptions": ("writer", "writer_url", "writer_model", "writer_timeout_s", "writer_images"),
}
"""Help panel of each flag; all others are in SERVER."""

SERVER = "Server"


def with_settings_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Replace the `**flags` of a command by one option for each field of ServerSettings that is a flag."""
    signature = inspect.signature(command)
    own = [part for part in signature.parameters.values() if part.kind is not inspect.Parameter.VAR_KEYWORD]
    # typer reads options from the signature; it has no interface to add them otherwise.
    command.__signature__ = signature.replace(parameters=[*_to_parameters(), *own])  # type: ignore[attr-defined]
    return command


def _to_parameters() -> Iterator[inspect.Parameter]:
    panels = {name: panel for panel, names in PANELS.items() for name in names}
    for name, field in ServerSettings.flags().items():
        option = typer.Option(
            help=field.description, show_default=_describe_default(field), rich_help_panel=panels.get(name, SERVER)
        )
        # Without a default, so that a flag which is not given overrides neither the environment nor the file.
        yield inspect.Parameter(
            name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[_to_type(field) | None, option]
        )


def _to_type(field: FieldInfo) -> Any:
    """Return the type that typer converts to. A Literal is a str, so that ServerSettings rejects wrong values."""
    return field.annotation if field.annotation in (bool, int, float, Path) else str


def _describe_default(field: FieldInfo) -> bool | str:
    return False if field.is_required() or field.default in ("", False) else str(field.default)


@with_settings_flags
def serve(
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            help="TOML file of settings. Flags and DIPTYCH_… environment variables override it.", rich_help_panel=SERVER
        ),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Print the settings as TOML and exit.", rich_help_panel=SERVER)
    ] = False,
    address_file: Annotated[
        Path | None, typer.Option(help="File to write the address to once the server is ready.", rich_help_panel=SERVER)
    ] = None,
    **flags: Any,
) -> None:
    """Serve the current snapshot of a store over gRPC until SIGTERM, and switch to new ones as they are published."""
    with invalid_settings_as_usage_errors():
        settings = load(flags, config)
    if print_config:
        typer.echo(render(settings), nl=False)
        return
    import asyncio

    from engine.server.log_format import log_to_stderr
    from engine.server.serving import serve as run

    log_to_stderr(settings.log_level)
    asyncio.run(run(settings, address_file))
