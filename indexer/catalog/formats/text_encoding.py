"""Text files of any encoding: named by the caller, by a byte order mark, or found from the bytes.

UTF-8 is assumed as long as most of the file is valid UTF-8. Bytes that no encoding explains are kept as marks in the
text, so that a reader can drop one cell and name its byte instead of losing the file.
"""

import codecs
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, TextIO

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.raw_row import DEFAULT_OPTIONS, SourceOptions, open_bytes

MARK_BAD_BYTES = "diptych.mark_bad_bytes"
"""Error handler of decoders: byte 0xe9 that cannot be decoded becomes the lone surrogate U+DCE9."""

_BLOCK_BYTES = 2**20
_BAD_BYTE = re.compile("[\udc00-\udcff]")
_BYTE_ORDER_MARKS = (  # UTF-32 LE before UTF-16 LE, which it begins with
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# What programs mean by these names, as in the WHATWG Encoding Standard: supersets with the same letters.
_SUPERSETS = {
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "shift_jis": "cp932",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "big5": "cp950",
    "euc_kr": "cp949",
    "utf-8-sig": "utf-8",
    "utf-16": "utf-16-le",
    "utf-32": "utf-32-le",
}


@dataclass(frozen=True, slots=True)
class TextEncoding:
    """How the bytes of one file become text.

    Attributes:
        name: Python's name of the codec.
        bom_bytes: Length of the byte order mark, which is no part of the text.
        clean: Whether every byte can be decoded; the others become marks, which `find_bad_byte` finds.
        notice: A sentence for the user if the encoding was inferred; else empty.
    """

    name: str
    bom_bytes: int = 0
    clean: bool = True
    notice: str = ""


def detect_encoding(path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> TextEncoding:
    """Return a file's encoding. Reads the whole file, two or three times if it is not UTF-8.

    Raises:
        InvalidSetting: `options` names an unknown encoding.
        InvalidCatalogue: The file cannot be read, or its encoding cannot be found.
    """
    marked, bom_bytes = _find_byte_order_mark(path)
    if options.encoding is not None:
        name = _check_name(options.encoding)
        if marked not in ("", "utf-8") and name[:6] != marked[:6]:
            raise InvalidCatalogue(f"{path}: expected {name}, got the byte order mark of {marked}")
        name = marked if name[:6] == marked[:6] else name
    else:
        name = marked or "utf-8"
    encoding = TextEncoding(name, bom_bytes)
    return replace(encoding, clean=_is_clean(path, encoding))


@contextmanager
def open_text(path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> Iterator[TextIO]:
    """Open a text file, also gzipped, with its line breaks as they are and bad bytes as marks.

    Raises InvalidSetting and InvalidCatalogue as `detect_encoding` does.
    """
    encoding = detect_encoding(path, options)
    with open_bytes(path) as stream:
        stream.read(encoding.bom_bytes)
        yield io.TextIOWrapper(stream, encoding.name, MARK_BAD_BYTES, newline="")


def decode_blocks(path: Path, encoding: TextEncoding) -> Iterator[str]:
    """Yield a file's text in blocks of about a megabyte. Raises InvalidCatalogue if it is truncated."""
    decoder = codecs.getincrementaldecoder(encoding.name)(MARK_BAD_BYTES)
    with open_bytes(path) as stream:
        stream.read(encoding.bom_bytes)
        for block in _read_blocks(stream):
            yield decoder.decode(block)
    yield decoder.decode(b"", final=True)


def find_bad_byte(text: str) -> tuple[int, int] | None:
    """Return the value and the position, from 1, of the first byte of a text that could not be decoded."""
    match = _BAD_BYTE.search(text)
    return (ord(match[0]) - 0xDC00, match.start() + 1) if match else None


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARK_BAD_BYTES, _mark_bad_bytes)


def _read_blocks(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.read(_BLOCK_BYTES), b"")


def _find_byte_order_mark(path: Path) -> tuple[str, int]:
    with open_bytes(path) as stream:
        head = stream.read(4)
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name, len(mark)
    return "", 0


def _check_name(name: str) -> str:
    """Return Python's name of an encoding. Raises InvalidSetting if it has no such text encoding."""
    try:
        b"    ".decode(name, "ignore")
        known = codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        examples = "utf-8, utf-16, cp1252, cp1250, cp1251, shift_jis, gb18030"
        raise InvalidSetting(f"expected an encoding such as {examples}, got {name!r}") from None
    return _SUPERSETS.get(known, known)


def _is_clean(path: Path, encoding: TextEncoding) -> bool:
    decoder = codecs.getincrementaldecoder(encoding.name)("strict")
    try:
        with open_bytes(path) as stream:
            stream.read(encoding.bom_bytes)
            for block in _read_blocks(stream):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True
