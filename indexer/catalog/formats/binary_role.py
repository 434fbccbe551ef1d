"""What the bytes of a column are: text of a writer that does not say so, images, ids, or nothing that can be used."""

import re
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any

import pyarrow as pa

from indexer.catalog.raw_row import IMAGE_COLUMNS

SAMPLE_VALUES = 100
"""Number of values that decide."""
UUID_BYTES = 16
READABLE_EXTENSIONS = frozenset({"arrow.uuid", "arrow.json", "arrow.bool8"})
"""Types whose values are read by their meaning, not as what they are stored as."""

_MIN_TEXTS = 0.9
_MIN_IMAGES = 0.5
_LONGEST_TEXT = 2**20
_LONGEST_ID = 64
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")
_ID_NAME = re.compile(r"item_id|_?id|.*(uuid|guid).*", re.IGNORECASE)
_IMAGE = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF.{4}WEBP|BM.{4}\0\0\0\0|II\*\0|MM\0\*|.{4}ftyp"
    rb"|\xff\x0a|\0\0\0\x0cJXL \r\n",
    re.DOTALL,
)


class BinaryRole(StrEnum):
    """What the bytes of a column are."""

    TEXT = "text"
    """UTF-8."""
    IMAGE = "image"
    """Images, or their paths as text."""
    ID = "id"
    """Identifiers: a UUID of 16 bytes, or others, written in hex."""
    UNUSED = "unused"
    """Anything else."""


def is_image(value: bytes) -> bool:
    """Return whether bytes begin as an image does."""
    return _IMAGE.match(value) is not None


def to_printable(value: bytes) -> str | None:
    """Return bytes as text, without padding; None if they are not UTF-8 or hold control characters."""
    value = value.rstrip(b"\0")
    if len(value) > _LONGEST_TEXT or _CONTROL.search(value):
        return None
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None


def detect_role(path: str, values: Sequence[bytes]) -> BinaryRole:
    """Return what the bytes are, by a sample of them and the path of their column, such as "image.bytes"."""
    if not values:
        return BinaryRole.TEXT
    if sum(map(is_image, values)) >= _MIN_IMAGES * len(values):
        return BinaryRole.IMAGE
    if sum(to_printable(value) is not None for value in values) >= _MIN_TEXTS * len(values):
        return BinaryRole.TEXT
    if _ID_NAME.fullmatch(path) and max(map(len, values)) <= _LONGEST_ID:
        return BinaryRole.ID
    # What cannot be decoded in a column of images is reported row by row.
    return BinaryRole.IMAGE if path.partition(".")[0] in IMAGE_COLUMNS else BinaryRole.UNUSED


def has_binary(arrow_type: pa.DataType) -> bool:
    """Return whether a type is bytes, or nested with bytes inside."""
    if is_binary(arrow_type):
        return True
    if isinstance(arrow_type, pa.BaseExtensionType):
        return arrow_type.extension_name not in READABLE_EXTENSIONS and has_binary(arrow_type.storage_type)
    if pa.types.is_dictionary(arrow_type):
        return has_binary(arrow_type.value_type)
    return any(has_binary(arrow_type.field(index).type) for index in range(arrow_type.num_fields))


def is_binary(arrow_type: pa.DataType) -> bool:
    """Return whether a type is bytes."""
    types = pa.types
    return bool(
        types.is_binary(arrow_type)
        or types.is_large_binary(arrow_type)
        or types.is_binary_view(arrow_type)
        or types.is_fixed_size_binary(arrow_type)
    )


def binary_leaves(column: "pa.Array[Any]", path: str) -> Iterator[tuple[str, "pa.Array[Any]"]]:
    """Yield the arrays of bytes inside a column with their paths, as `value_reader` names them."""
    arrow_type = column.type
    if isinstance(arrow_type, pa.BaseExtensionType):
        if has_binary(arrow_type):
            yield from binary_leaves(column.storage, path)
    elif pa.types.is_dictionary(arrow_type):
        yield from binary_leaves(column.dictionary_decode(), path)
    elif is_binary(arrow_type):
        yield path, column
    elif pa.types.is_map(arrow_type):
        yield from binary_leaves(column.keys, f"{path}.key")
        yield from binary_leaves(column.items, f"{path}.value")
    elif pa.types.is_struct(arrow_type):
        for field, part in zip(arrow_type, column.flatten(), strict=True):
            yield from binary_leaves(part, f"{path}.{field.name}")
    elif arrow_type.num_fields == 1 and has_binary(arrow_type):
        yield from binary_leaves(column.flatten(), path)
