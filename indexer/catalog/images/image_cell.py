"""What the cell of an image column names: paths, URLs, data: URIs or bytes; one or a list, as text or nested."""

import ast
import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias
from urllib.parse import unquote_to_bytes

from engine.catalog.absent_words import is_absent_word
from engine.catalog.coercion import InvalidValue, format_value

_KEYS = ("bytes", "path", "src", "url", "href", "link", "image", "image_url", "file", "filename", "large", "original")
_SEPARATORS = re.compile(r"\s*[|;\n]\s*|\s*,\s*(?=\S)|\s+(?=https?://)")
# Inside a list of URLs, a comma separates only where another URL follows.
_URL_SEPARATORS = re.compile(r"\s*[|;\n,]\s*(?=(?:https?:)?//|www\.)|\s+(?=https?://)")
_URL_START = re.compile(r"(?:https?:)?//|www\.", re.IGNORECASE)
_DATA = re.compile(r"data:(?:image/[^;,]*)?(?P<options>[^,]*),(?P<content>.*)", re.IGNORECASE | re.DOTALL)
_BASE64 = re.compile(r"(?:iVBORw0KGgo|/9j/|R0lGOD|UklGR|Qk)[A-Za-z0-9+/\s]{64,}=*\s*")

Part: TypeAlias = "str | bytes | Fault"


class Fault(NamedTuple):
    """A part of a cell that names no image, and why."""

    reason: str


def read_parts(value: object) -> Iterator[Part]:
    """Yield what a cell names: texts that are not split yet, bytes, and faults. Absent words name nothing."""
    if value is None or value is False or value == 0:
        return
    if isinstance(value, InvalidValue):
        yield Fault(value.reason)
    elif isinstance(value, bytes):
        yield value
    elif isinstance(value, Mapping):
        yield from read_parts(next((value[key] for key in _KEYS if value.get(key)), None) or _no_key(value))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from read_parts(part)
    elif isinstance(value, Fault):
        yield value
    elif not isinstance(value, str):
        yield Fault(f"expected a path or URL, got {format_value(value)}")
    elif not is_absent_word(value):
        yield from _read_text(value.strip())


def split_list(text: str) -> list[str]:
    """Return the names in a text with separators between them: | ; , a line break, or a blank before a URL."""
    pattern = _URL_SEPARATORS if _URL_START.match(text) else _SEPARATORS
    return [part for part in pattern.split(text) if part]


def _no_key(value: Mapping[object, object]) -> "Fault | None":
    return Fault(f"expected a path or URL, got {format_value(dict(value))}") if any(value.values()) else None


def _read_text(text: str) -> Iterator[Part]:
    if text[:5].lower() == "data:":
        yield _read_data(text)
    elif _BASE64.fullmatch(text):
        yield _decode_base64(text)
    elif text[0] == "[" and text[-1] == "]" and (found := _read_list(text)) is not None:
        yield from read_parts(found)
    else:
        yield text


def _read_data(text: str) -> Part:
    match = _DATA.fullmatch(text)
    if match is None:
        return Fault(f"expected a data: URI of an image, got {format_value(text)}")
    if "base64" in match["options"].lower():
        return _decode_base64(unquote_to_bytes(match["content"]).decode("ascii", "replace"))
    return unquote_to_bytes(match["content"])


def _decode_base64(text: str) -> Part:
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        return Fault(f"expected base64 of an image, got {format_value(text)}")


def _read_list(text: str) -> Sequence[object] | None:
    """Return a list written in JSON or Python, None if it is neither."""
    for parse in (json.loads, ast.literal_eval):
        try:
            found = parse(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        if isinstance(found, list):
            return found
    return None
