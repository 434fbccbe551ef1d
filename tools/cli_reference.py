"""The reference page of a command line, from its Typer application."""

import importlib
import inspect
from collections.abc import Iterator
from typing import Any, get_args

import typer
from markdown_text import NOTICE, to_code, to_table
from settings_reference import COMPUTED_DEFAULTS

# Options of the shell.
_HIDDEN = {"help", "install_completion", "show_completion"}
_PANEL = "Options"


def render(program: str) -> str:
    """Return the page of `engine` or `indexer`."""
    command: Any = typer.main.get_command(importlib.import_module(f"{program}.cli.commands").app)
    parts = [NOTICE, f"# {program}\n", _prose(command.help), *_sections(program, command)]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _sections(path: str, group: Any) -> Iterator[str]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield f"## {path} {name}\n"
            yield _prose(command.help)
            yield from _sections(f"{path} {name}", command)
        else:
            yield _section(f"{path} {name}", command)


def _section(path: str, command: Any) -> str:
    shown = [parameter for parameter in command.params if parameter.name not in _HIDDEN and not parameter.hidden]
    arguments = [parameter for parameter in shown if not parameter.opts[0].startswith("-")]
    options = [parameter for parameter in shown if parameter.opts[0].startswith("-")]
    usage = " ".join([path, *(["[OPTIONS]"] if options else []), *map(_metavar, arguments)])
    text = f"## {path}\n\n{_prose(command.help)}\n```text\n{usage}\n```\n\n"
    if arguments:
        text += to_table(("Argument", "Description"), ((to_code(_metavar(a)), a.help or "") for a in arguments))
    panels: dict[str, list[Any]] = {}
    for option in options:
        panels.setdefault(option.rich_help_panel or _PANEL, []).append(option)
    for panel, members in panels.items():
        if len(panels) > 1:
            text += f"**{panel}**\n\n"
        text += to_table(("Option", "Default", "Description"), map(_row, members))
    return text


def _row(option: Any) -> tuple[str, str, str]:
    names = ", ".join(to_code(name) for name in [*option.opts, *option.secondary_opts])
    kind = "" if option.is_flag else f" {_kind(option)}"
    environment = f" Environment: {to_code(str(option.envvar))}." if option.envvar else ""
    return names + kind, _default(option), (option.help or "") + environment


def _metavar(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    name = f"{name}..." if argument.nargs == -1 else name
    return name if argument.required else f"[{name}]"


def _kind(option: Any) -> str:
    """Return the metavar of an option: its own, the choices, or the type."""
    if option.metavar:
        return str(option.metavar)
    annotation: Any = option.type_descriptor.annotation
    inner = [item for item in get_args(annotation) if item is not type(None)]
    annotation = inner[0] if inner and inspect.isclass(inner[0]) else annotation
    if members := getattr(annotation, "__members__", None):
        return r"\|".join(str(member.value) for member in members.values())
    names = {"str": "TEXT", "int": "INTEGER", "float": "FLOAT", "Path": "PATH", "datetime": "TIME"}
    return names.get(getattr(annotation, "__name__", ""), "TEXT")


def _default(option: Any) -> str:
    if option.required:
        return "required"
    if option.name in COMPUTED_DEFAULTS:
        return COMPUTED_DEFAULTS[option.name]
    default = option.default
    if isinstance(option.show_default, str):
        return option.show_default
    if default is None or default is False or callable(default) or default == [] or default == ():
        return ""
    return to_code(str(getattr(default, "value", default)))


def _prose(text: str | None) -> str:
    """Return a help text with every paragraph on one line."""
    paragraphs = inspect.cleandoc(text or "").replace("\b", "").replace("\f", "").split("\n\n")
    return "".join(f"{' '.join(paragraph.split())}\n\n" for paragraph in paragraphs if paragraph.strip())
