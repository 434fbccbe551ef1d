"""JSON that is not one object a line: an array, an object around an array, or objects one after another."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from engine.catalog.coercion import BadRow
from engine.errors import InvalidCatalogue
from indexer.catalog.formats.json_lines import JsonLines, find_encoding, parse
from indexer.catalog.formats.text_encoding import open_text
from indexer.catalog.product import Reject
from indexer.catalog.raw_row import ITEM_ID, RawRow, SourceOptions

_CHUNK = 2**20
_MAX_OBJECT = 16 * 2**20
_BETWEEN = re.compile(r"[\s,]*")
# The first key of a document whose rows can be read one by one: {"products": [
_WRAPPED = re.compile(r'\s*\{\s*"([^"\\]*)"\s*:\s*\[')


class JsonDocument:
    """The objects of a JSON file in any layout; `line` is the number of the object, from 1."""

    def __init__(self, path: Path, options: SourceOptions, notices: list[str]) -> None:
        self.folder = path.parent
        self._path = path
        self._options = options
        self._notices = notices

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names of the first objects. Raises InvalidCatalogue if there is none."""
        names: dict[str, None] = {}
        for _, row in zip(range(100), self._objects(), strict=False):
            names.update(dict.fromkeys(row))
        if not names:
            raise InvalidCatalogue(f"{self._path}: expected a list of JSON objects, got none")
        return list(names)

    def rows(self) -> Iterator[RawRow | Reject]:
        """Yield every object. Raises InvalidCatalogue if the file is truncated or is not JSON."""
        for number, row in enumerate(self._objects(), start=1):
            try:
                json.dumps(row, ensure_ascii=False).encode()
            except UnicodeEncodeError:
                yield Reject(number, "", "bad JSON: unpaired surrogate")
            else:
                yield RawRow(number, row)

    def notices(self) -> list[str]:
        """Return what the file was taken for."""
        return self._notices

    def _objects(self) -> Iterator[dict[str, object]]:
        with open_text(self._path, self._options) as stream:
            text = _Text(stream.read, self._path)
            wrapped = text.match(_WRAPPED)
            if wrapped or text.match(re.compile(r"\s*\[")):
                yield from filter(_is_object, map(_without_node, text.values(until="]")))
                return
            values = (value for value in text.values(until="") if isinstance(value, dict))
            first = list(islice(values, 2))
            # A single object may hold the others; of several, each is one.
            yield from _unwrap(first)
            yield from values


class _Text:
    """Text read as far as the next value needs."""

    def __init__(self, read: Callable[[int], str], path: Path) -> None:
        self._read = read
        self._path = path
        self._buffer = ""
        self._start = 0
        self._consumed = 0
        self._decoder = json.JSONDecoder()

    def match(self, pattern: re.Pattern[str]) -> bool:
        """Skip what a pattern matches at the current place; return whether it did."""
        self._fill(_CHUNK)
        found = pattern.match(self._buffer, self._start)
        if found is not None:
            self._start = found.end()
        return found is not None

    def values(self, until: str) -> Iterator[object]:
        """Yield values with blanks and commas between, up to a closing bracket or the end."""
        size = _CHUNK
        while True:
            self._start = self._skip()
            if self._start == len(self._buffer) and not self._fill(size):
                if until:
                    raise InvalidCatalogue(f"{self._path}: expected {until!r} at the end, got a truncated file")
                return
            self._start = self._skip()
            if self._start < len(self._buffer) and self._buffer[self._start] == until:
                return
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._start)
            except RecursionError:
                raise InvalidCatalogue(f"{self._path}: bad JSON: nested too deeply") from None
            except json.JSONDecodeError as error:
                size *= 2
                if len(self._buffer) - self._start > _MAX_OBJECT or not self._fill(size):
                    position = self._consumed + error.pos + 1
                    raise InvalidCatalogue(f"{self._path}: bad JSON at position {position}: {error.msg}") from None
                continue
            size = _CHUNK
            self._start = end
            yield value

    def _skip(self) -> int:
        found = _BETWEEN.match(self._buffer, self._start)
        return self._start if found is None else found.end()

    def _fill(self, size: int) -> bool:
        """Read on; return whether there was anything left."""
        more = self._read(size)
        self._consumed += self._start
        self._buffer = self._buffer[self._start :] + more
        self._start = 0
        return bool(more)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _without_node(value: object) -> object:
    """Return the object inside {"node": {…}} and {"_source": {…}}, as GraphQL and Elasticsearch write rows."""
    if isinstance(value, dict):
        for name in ("node", "_source"):
            if isinstance(value.get(name), dict):
                return value[name]
    return value


def _unwrap(rows: list[dict[str, object]]) -> Iterator[dict[str, object]]:
    """Yield objects; of a single one that holds others, those: in its longest list, or by their ids."""
    if len(rows) != 1:
        yield from rows
        return
    lists = sorted(_lists(rows[0]), key=len, reverse=True)
    if lists:
        yield from (row for row in map(_without_node, lists[0]) if isinstance(row, dict))
    elif len(rows[0]) > 1 and all(isinstance(part, dict) for part in rows[0].values()):
        yield from ({ITEM_ID: name, **part} for name, part in rows[0].items() if isinstance(part, dict))
    else:
        yield rows[0]


def _lists(value: Mapping[str, object]) -> Iterator[list[object]]:
    """Yield the lists of objects in nested objects, but not those inside of rows."""
    for part in value.values():
        if isinstance(part, list) and part and all(isinstance(row, dict) for row in part):
            yield part
        elif isinstance(part, dict):
            yield from _lists(part)


def open_json(path: Path, options: SourceOptions) -> JsonDocument | JsonLines:
    """Return the objects of a file: one a line, or in another layout."""
    if not path.is_file():
        return JsonLines(path, options)
    options = SourceOptions(find_encoding(path, options))
    with open_text(path, options) as stream:
        head = stream.read(_CHUNK)
        is_whole = not stream.read(1)
    stripped = head.lstrip("\ufeff").lstrip()
    line, _, rest = stripped.partition("\n")
    line = line.strip()
    if stripped.startswith("["):
        return JsonDocument(path, options, ["read as an array of objects"])
    try:
        first = parse(line.encode("utf-8", "surrogatepass"))
    except BadRow as bad:
        if line.endswith(",") and _parses(line.rstrip(",")):
            return JsonDocument(path, options, [f"{bad}: the commas after the objects are ignored"])
        if stripped.startswith("{") and _spans_lines(stripped):
            return JsonDocument(path, options, ["read as objects over several lines"])
        return JsonLines(path, options)
    if is_whole and not rest.strip() and any(_lists(first)) and ITEM_ID not in first and "id" not in first:
        return JsonDocument(path, options, ["read as an object around a list"])
    return JsonLines(path, options)


def _parses(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _spans_lines(head: str) -> bool:
    """Return whether the beginning of a file is an object over several lines, or opens a list of objects."""
    if _WRAPPED.match(head):
        return True
    try:
        _, end = json.JSONDecoder().raw_decode(head)
    except (ValueError, RecursionError):
        # A long document is cut here; its first lines show that it is none of JSON Lines.
        return len(head) >= _CHUNK and "\n" in head[:200]
    return "\n" in head[:end]
