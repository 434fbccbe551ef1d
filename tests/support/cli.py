"""The `engine` and `indexer` commands run in this process, from their arguments to their exit code."""

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

from engine.cli import main as engine_main
from indexer.cli import main as indexer_main


@dataclass(frozen=True, slots=True)
class Ran:
    """The exit code of a command and what it printed."""

    code: int
    out: str
    err: str


def engine(*arguments: object) -> Ran:
    """Run the `engine` command."""
    return _run("engine", engine_main, arguments)


def indexer(*arguments: object) -> Ran:
    """Run the `indexer` command."""
    return _run("indexer", indexer_main, arguments)


def printed(command: Callable[..., Ran], *arguments: object) -> str:
    """Return what `engine` or `indexer` prints on stdout; it must exit with 0."""
    ran = command(*arguments)
    assert ran.code == 0, ran.err
    return ran.out


def _run(name: str, main: Callable[[], object], arguments: tuple[object, ...]) -> Ran:
    out, err = io.StringIO(), io.StringIO()
    argv = sys.argv
    sys.argv = [name, *map(str, arguments)]
    code: object = 0
    try:
        with redirect_stdout(out), redirect_stderr(err):
            main()
    except SystemExit as stop:
        code = stop.code or 0
    finally:
        sys.argv = argv
    assert isinstance(code, int)
    return Ran(code, out.getvalue(), err.getvalue())
