"""What a command writes: a file that takes its name when it is whole, so that no half of one is taken for it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def opened(path: Path | None) -> Iterator[TextIO]:
    """Give the file to write to, or stdout if None; where writing fails, what had the name before has it still.

    So a file may be written that is read meanwhile. A device or a pipe is written to as it is.
    """
    if path is None:
        yield sys.stdout
        return
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    new = path.with_name(f".{path.name}.new")
    try:
        with new.open("w", encoding="utf-8") as file:
            yield file
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
