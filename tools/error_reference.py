"""The reference page of errors, from engine.errors and the server's table of gRPC codes."""

import re
from collections.abc import Iterator

import grpc
from markdown_text import NOTICE, to_code, to_table

from engine import errors
from engine.server.codec import statuses

_INTRODUCTION = """# Errors

A failed call returns a gRPC status with `google.rpc` details: `ErrorInfo` always, with the reason and the field;
`BadRequest` with the path of each invalid field; `ResourceInfo` for an item or a snapshot that does not exist;
`RetryInfo` where a retry helps. Programs should match on the code and the reason,
never on the text.

An exception outside this table is `INTERNAL` with a fixed text; the server's log has the traceback.
"""


def render() -> str:
    """Return the page."""
    rows = [
        (to_code(kind.__name__), to_code(_reason(kind)), to_code(_code(kind)), (kind.__doc__ or "").splitlines()[0])
        for kind in _classes(errors.DiptychError)
    ]
    table = to_table(("Error", "Reason", "gRPC code", "Meaning"), rows)
    return NOTICE + "\n" + _INTRODUCTION + "\n" + table.rstrip() + "\n"


def _classes(base: type[errors.DiptychError]) -> Iterator[type[errors.DiptychError]]:
    for kind in base.__subclasses__():
        if kind.__module__ == errors.__name__:
            if kind is not errors.RequestError:
                yield kind
            yield from _classes(kind)


def _code(kind: type[errors.DiptychError]) -> str:
    # __new__ alone: the code depends on the class, and constructors take different arguments.
    code: grpc.StatusCode = statuses.to_code(kind.__new__(kind))
    return code.name


def _reason(kind: type[errors.DiptychError]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).upper()
