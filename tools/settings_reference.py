"""The reference page of the server's settings, from the fields of ServerSettings."""

from typing import Any, get_args

import annotated_types
from markdown_text import NOTICE, to_code, to_table
from pydantic import SecretStr
from pydantic.fields import FieldInfo

from engine.server.settings import ENVIRONMENT_PREFIX, ServerSettings

_INTRODUCTION = """# Server settings

Each setting of `engine serve` is a flag (`--search-threads 4`), an environment variable
(`DIPTYCH_SEARCH_THREADS=4`) or a line of the TOML file given with `--config` (`search_threads = 4`). A flag overrides
the environment, which overrides the file. `engine serve --print-config` prints the result.
"""

# Defaults that depend on the machine.
COMPUTED_DEFAULTS = {"search_threads": "number of CPUs, at most 8"}


def render() -> str:
    """Return the page."""
    flags = ServerSettings.flags()
    rows = [
        (
            to_code(name),
            to_code(f"--{name.replace('_', '-')}") if name in flags else "no flag",
            to_code(ENVIRONMENT_PREFIX + name.upper()),
            _default(name, field),
            _range(field),
            field.description or "",
        )
        for name, field in ServerSettings.model_fields.items()
    ]
    header = ("Setting", "Flag", "Environment", "Default", "Values", "Description")
    return NOTICE + "\n" + _INTRODUCTION + "\n" + to_table(header, rows).rstrip() + "\n"


def _default(name: str, field: FieldInfo) -> str:
    if name in COMPUTED_DEFAULTS:
        return COMPUTED_DEFAULTS[name]
    if field.is_required():
        return "required"
    default = field.get_default()
    if isinstance(default, SecretStr) or default == "":
        return "empty"
    return to_code(str(default).lower() if isinstance(default, bool) else str(default))


def _range(field: FieldInfo) -> str:
    """Return the values that a field accepts: its choices, its bounds, or its type."""
    if choices := get_args(field.annotation):
        return ", ".join(to_code(str(choice)) for choice in choices)
    kinds: dict[Any, str] = {int: "integer", float: "number", bool: "true or false"}
    kind = kinds.get(field.annotation, "text")
    bounds = [bound for bound in map(_bound, field.metadata) if bound]
    return f"{kind}, {' and '.join(bounds)}" if bounds else kind


def _bound(constraint: Any) -> str:
    match constraint:
        case annotated_types.Ge():
            return f"at least {constraint.ge}"
        case annotated_types.Gt():
            return f"above {constraint.gt}"
        case annotated_types.Le():
            return f"at most {constraint.le}"
        case _:
            return ""
