"""JSON Lines: one object per line, UTF-8, blank lines skipped; .jsonl, .ndjson or .json, also gzipped."""

import codecs
import json
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import orjson

from engine.catalog.coercion import BadRow
from engine.errors import InvalidCatalogue
from indexer.catalog.formats.text_encoding import open_text
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import DEFAULT_OPTIONS, ITEM_ID, RawRow, SourceOptions, open_bytes

MAX_LINE_BYTES = 16 * 2**20

_ROWS_PARSED_FOR_COLUMNS = 100
_BOM = b"\xef\xbb\xbf"
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

UTF_8 = "utf-8"


class JsonLines:
    """The rows of a JSON Lines file."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> None:
        self.folder = path.parent
        self._path = path
        self._options = options

    @cached_property
    def _encoding(self) -> str:
        return find_encoding(self._path, self._options)

    def notices(self) -> list[str]:
        """Return the encoding of a file that is not UTF-8."""
        return [f"read as {self._encoding.upper()}"] if self._encoding != UTF_8 else []

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names found up to the row with the last wanted one; most files need one row."""
        names: dict[str, None] = {}
        missing = {name: _spellings(name) for name in wanted}
        number = 0
        for number, raw in self._lines():
            # For a missing column every line is searched for its name, not parsed.
            if number > _ROWS_PARSED_FOR_COLUMNS and not any(
                form in raw for forms in missing.values() for form in forms
            ):
                continue
            try:
                row = parse(raw)
            except BadRow as bad:
                if not names and str(bad) == _ARRAY_HINT:
                    raise InvalidCatalogue(f"{self._path}: {bad}") from None
                continue
            names.update(dict.fromkeys(row))
            missing = {name: forms for name, forms in missing.items() if name not in row}
            if not missing:
                break
        if not number:
            raise InvalidCatalogue(f"{self._path} is empty")
        return list(names)

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield one row per nonblank line. Raises InvalidCatalogue if the file is truncated."""
        for number, raw in self._lines():
            try:
                yield RawRow(number, parse(raw))
            except BadRow as bad:
                yield Reject(number, "", str(bad))

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield each nonblank line with its number; a line above the limit is cut one byte after it."""
        if self._encoding != UTF_8:
            with open_text(self._path, SourceOptions(self._encoding)) as text:
                for number, line in enumerate(text, start=1):
                    if not line.isspace():
                        yield number, line.encode("utf-8", "surrogatepass")
            return
        with open_bytes(self._path) as stream:
            number = 0
            while raw := stream.readline(MAX_LINE_BYTES + 1):
                number += 1
                if number == 1:
                    raw = raw.removeprefix(_BOM)
                rest = raw
                while len(raw) > MAX_LINE_BYTES and rest and not rest.endswith(b"\n"):
                    rest = stream.readline(MAX_LINE_BYTES)
                if len(raw) > MAX_LINE_BYTES or not raw.isspace():
                    yield number, raw


def find_encoding(path: Path, options: SourceOptions) -> str:
    """Return the encoding of JSON: UTF-8, unless the caller or a byte order mark names another."""
    if options.encoding is not None:
        return options.encoding
    with open_bytes(path) as stream:
        head = stream.read(4)
    return next((name for mark, name in _MARKS if head.startswith(mark)), UTF_8)


_ARRAY_HINT = f"expected a JSON object with {ITEM_ID!r}, got an array: put one object on each line"


def parse(raw: bytes) -> dict[str, object]:
    """Return the object on a line. Raises BadRow with the position of the error."""
    if len(raw) > MAX_LINE_BYTES:
        raise BadRow(f"expected a line of at most {MAX_LINE_BYTES} bytes, got more")
    try:
        # Six times as fast as json on vectors; json is the fallback, for NaN and for error positions.
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = _parse_slowly(raw)
    if isinstance(value, dict):
        return value
    raise BadRow(_ARRAY_HINT if isinstance(value, list) else f"expected a JSON object, got {type(value).__name__}")


def _parse_slowly(raw: bytes) -> object:
    try:
        value = json.loads(raw.rstrip().decode("utf-8"))
        json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except UnicodeDecodeError as error:
        raise BadRow(f"not UTF-8: byte 0x{raw[error.start]:02x} at position {error.start + 1}") from None
    except json.JSONDecodeError as error:
        if raw.lstrip().startswith(b"["):
            raise BadRow(_ARRAY_HINT) from None
        raise BadRow(f"bad JSON at position {error.pos + 1}: {error.msg}") from None
    except UnicodeEncodeError:
        raise BadRow("bad JSON: unpaired surrogate") from None
    except RecursionError:
        raise BadRow("bad JSON: nested too deeply") from None
    except ValueError as error:
        raise BadRow(f"bad JSON: {error}") from None


def _spellings(name: str) -> tuple[bytes, bytes]:
    """Return a name as JSON writers write it: in UTF-8, and escaped to ASCII."""
    plain, escaped = json.dumps(name, ensure_ascii=False), json.dumps(name)
    return plain.encode("utf-8", "surrogatepass"), escaped.encode()
