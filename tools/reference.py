"""Writes docs/reference/ from the code: command lines, settings, protos and errors.

python tools/reference.py write     write the pages
python tools/reference.py check     fail unless the committed pages are what would be written
"""

import sys
from collections.abc import Callable
from pathlib import Path

import cli_reference
import error_reference
import proto_reference
import settings_reference

PAGES = Path(__file__).parents[1] / "docs/reference"

_RENDERERS: dict[str, Callable[[], str]] = {
    "engine-cli.md": lambda: cli_reference.render("engine"),
    "indexer-cli.md": lambda: cli_reference.render("indexer"),
    "settings.md": settings_reference.render,
    "protos.md": proto_reference.render,
    "errors.md": error_reference.render,
}


def write() -> None:
    """Write every page."""
    PAGES.mkdir(parents=True, exist_ok=True)
    for name, render in _RENDERERS.items():
        (PAGES / name).write_text(render())


def stale() -> list[str]:
    """Return the names of the committed pages that differ from what write would write."""
    return [
        name
        for name, render in _RENDERERS.items()
        if not (PAGES / name).exists() or (PAGES / name).read_text() != render()
    ]


def main(*arguments: str) -> None:
    """Run one verb of the command line."""
    match arguments:
        case ["write"]:
            write()
        case ["check"]:
            if names := stale():
                raise SystemExit(f"differs from what `python tools/reference.py write` writes: {', '.join(names)}")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main(*sys.argv[1:])
