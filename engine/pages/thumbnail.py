"""Small pictures inside a page, as data: URIs."""

from base64 import b64encode
from io import BytesIO

from PIL import Image

SIDE = 160
"""Longest side of a thumbnail in pixels."""

_QUALITY = 80


def to_thumbnail(image: Image.Image, side: int = SIDE) -> str:
    """Return an RGB image as a JPEG data: URI, scaled down to `side` pixels."""
    small = image.copy()
    small.thumbnail((side, side))
    data = BytesIO()
    small.save(data, "JPEG", quality=_QUALITY)
    return to_data_uri(data.getvalue(), "image/jpeg")


def to_data_uri(data: bytes, media_type: str) -> str:
    """Return bytes as a data: URI."""
    return f"data:{media_type};base64,{b64encode(data).decode()}"
