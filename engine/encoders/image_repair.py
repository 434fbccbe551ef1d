"""Bytes of images that other programs read although something beside the pixels is wrong with them."""

import struct

_PNG = b"\x89PNG\r\n\x1a\n"
_JPEG, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_METADATA = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})


def without_metadata(data: bytes) -> bytes:
    """Return a PNG without its texts and colour profile, which may be larger than a decoder allows."""
    if not data.startswith(_PNG):
        return data
    kept = [_PNG]
    start = len(_PNG)
    while start + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        end = start + 12 + length
        if kind not in _METADATA:
            kept.append(data[start:end])
        start = end
    return b"".join(kept)


def with_end(data: bytes) -> bytes | None:
    """Return a JPEG with the end marker that it lacks; None if it has one, or is no JPEG."""
    if not data.startswith(_JPEG) or data.rstrip(b"\0").endswith(_JPEG_END):
        return None
    return data + _JPEG_END
