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
from indexer.catalog.formats.encoding_evidence import EncodingEvidence
from indexer.catalog.formats.encoding_guess import guess_encoding
from indexer.catalog.raw_row import DEFAULT_OPTIONS, SourceOptions, open_bytes

MARK_BAD_BYTES = "diptych.mark_bad_bytes"
"""Error handler of decoders: byte 0xe9 that cannot be decoded becomes the lone surrogate U+DCE9."""

_BLOCK_BYTES = 2**20
_HEAD_BYTES = 1024
_EXAMPLES = "utf-8, utf-16, cp1252, cp1250, cp1251, shift_jis, gb18030"
_BAD_BYTE = re.compile("[\udc00-\udcff]")
_BYTE_ORDER_MARKS = (  # UTF-32 LE before UTF-16 LE, which it begins with
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# Name, bytes per character, and which of them are zero in ASCII characters.
_WIDE = (
    ("utf-32-le", 4, (1, 2, 3)),
    ("utf-32-be", 4, (0, 1, 2)),
    ("utf-16-le", 2, (1,)),
    ("utf-16-be", 2, (0,)),
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
        clean: Whether every byte can be decoded; the others become marks, see `explain_bad_byte`.
        notice: A sentence for the user if the encoding was inferred; else empty.
    """

    name: str
    bom_bytes: int = 0
    clean: bool = True
    notice: str = ""


def detect_encoding(path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> TextEncoding:
    """Return a file's encoding. Reads the whole file, up to three times if it is not UTF-8.

    Raises:
        InvalidSetting: `options` names an unknown encoding.
        InvalidCatalogue: The file cannot be read, or its encoding cannot be found.
    """
    with open_bytes(path) as stream:
        head = stream.read(_HEAD_BYTES)
    marked, bom_bytes = _find_byte_order_mark(head)
    if options.encoding is not None:
        name = _resolve(_check_name(options.encoding), marked, head, path)
        return _check_clean(path, TextEncoding(name, bom_bytes))
    if marked:
        return _check_clean(path, TextEncoding(marked, bom_bytes))
    wide = _find_wide_encoding(head)
    if wide:
        return _check_clean(path, TextEncoding(wide, notice=f"no byte order mark: read as {wide}"))
    utf8 = _check_clean(path, TextEncoding("utf-8"))
    return utf8 if utf8.clean else _guess(path)


@contextmanager
def open_text(
    path: Path, options: SourceOptions = DEFAULT_OPTIONS, encoding: TextEncoding | None = None
) -> Iterator[TextIO]:
    """Open a text file, also gzipped, with its line breaks as they are and bad bytes as marks.

    encoding: The file's encoding if it is known; else it is detected, and errors are those of `detect_encoding`.
    """
    encoding = encoding or detect_encoding(path, options)
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


def explain_bad_byte(text: str, encoding: TextEncoding) -> str:
    """Return which byte of a text could not be decoded, "" if all could."""
    match = None if text.isascii() else _BAD_BYTE.search(text)
    if match is None:
        return ""
    name = "UTF-8" if encoding.name == "utf-8" else encoding.name
    byte = ord(match[0]) - 0xDC00
    return f"not {name}: byte 0x{byte:02x} at position {match.start() + 1}; pass --encoding if the file has another one"


def _mark_bad_bytes(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARK_BAD_BYTES, _mark_bad_bytes)


def _read_blocks(stream: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: stream.read(_BLOCK_BYTES), b"")


def _find_byte_order_mark(head: bytes) -> tuple[str, int]:
    """Return the encoding and the length of a byte order mark, or "", 0."""
    for mark, name in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return name, len(mark)
    return "", 0


def _find_wide_encoding(head: bytes) -> str:
    """Return UTF-16 or UTF-32 if the zero bytes of ASCII characters show it, else ""."""
    for name, width, zeros in _WIDE:
        size = len(head) // width
        shares = [head[offset : size * width : width].count(0) / max(size, 1) for offset in range(width)]
        if all(share > 0.3 if offset in zeros else share < 0.1 for offset, share in enumerate(shares)):
            return name
    return ""


def _resolve(name: str, marked: str, head: bytes, path: Path) -> str:
    """Return the encoding to use where the caller names one. Raises InvalidCatalogue if the file contradicts it."""
    family = name[:6]
    if marked not in ("", "utf-8") and marked[:6] != family:
        raise InvalidCatalogue(f"{path}: expected {name}, got the byte order mark of {marked}")
    if marked[:6] == family:
        return marked
    wide = _find_wide_encoding(head)
    return wide if wide[:6] == family else name


def _check_name(name: str) -> str:
    """Return Python's name of an encoding. Raises InvalidSetting if it has no such text encoding."""
    try:
        b"    ".decode(name, "ignore")
        known = codecs.lookup(name).name
    except (LookupError, UnicodeError, ValueError):
        raise InvalidSetting(f"expected an encoding such as {_EXAMPLES}, got {name!r}") from None
    return _SUPERSETS.get(known, known)


def _check_clean(path: Path, encoding: TextEncoding) -> TextEncoding:
    decoder = codecs.getincrementaldecoder(encoding.name)("strict")
    try:
        with open_bytes(path) as stream:
            stream.read(encoding.bom_bytes)
            for block in _read_blocks(stream):
                decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return replace(encoding, clean=False)
    return encoding


def _guess(path: Path) -> TextEncoding:
    """Return the encoding of a file that is not valid UTF-8. Raises InvalidCatalogue if none is plausible."""
    evidence = EncodingEvidence()
    with open_bytes(path) as stream:
        for block in _read_blocks(stream):
            # Whole lines, so that no character is cut.
            evidence.add(block + stream.readline(_BLOCK_BYTES))
    if evidence.is_utf8:
        return TextEncoding("utf-8", clean=False)
    name = guess_encoding(evidence.words)
    if name is None:
        raise InvalidCatalogue(
            f"{path}: expected UTF-8, got the bytes {evidence.first_bad.hex(' ')} on line {evidence.first_bad_line}: "
            f"name the encoding with --encoding, such as {_EXAMPLES}"
        )
    notice = f"not UTF-8: read as {name} (pass --encoding if that is wrong)"
    return _check_clean(path, TextEncoding(name, notice=notice))
