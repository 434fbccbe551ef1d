"""Decode images to RGB pixels, and reject bad ones before any work is spent on them.

The indexer and the server decode alike, so an image has one vector wherever it comes from.
"""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image

from engine.errors import BadImage

MAX_BYTES = 10 * 2**20
MAX_PIXELS = 40_000_000
# A 1 x 40,000 strip is small, but becomes 2 gigapixels once its short side is scaled to 224.
MAX_ASPECT = 100

# An allowlist, because Pillow's other formats include EPS, which runs Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")

# What Pillow's decoders raise for malformed bytes; Warning, where warnings are errors.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    OverflowError,
    RuntimeError,
    MemoryError,
    Warning,
    struct.error,
    zlib.error,
)
_BOMB = (Image.DecompressionBombError, Image.DecompressionBombWarning)

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def decode(data: bytes) -> Image.Image:
    """Return the image as RGB, upright, transparency over white; the first frame of an animation.

    The size is read from the header, so an oversized image costs nothing.

    Raises:
        BadImage: Empty, broken or truncated data, a format not in FORMATS, or more than MAX_BYTES, MAX_PIXELS or
            MAX_ASPECT.
    """
    if not data:
        raise BadImage(f"expected an image ({', '.join(FORMATS)}), got 0 bytes")
    if len(data) > MAX_BYTES:
        raise BadImage(f"expected an image of at most {MAX_BYTES} bytes, got {len(data)}")
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except _BOMB as error:
        raise BadImage(f"expected at most {MAX_PIXELS} pixels: {error}") from error
    except _BROKEN as error:
        raise BadImage(f"expected an image ({', '.join(FORMATS)}), got {len(data)} bytes of none of them") from error
    with image:
        _check_size(*image.size)
        try:
            image.load()
            return _to_rgb(_turn_upright(image))
        except BadImage:
            raise
        except _BROKEN as error:
            raise BadImage(f"expected a whole {image.format} image, got a broken one: {error}") from error


def _check_size(width: int, height: int) -> None:
    if width < 1 or height < 1:
        raise BadImage(f"expected at least 1 pixel per side, got {width}x{height}")
    if width * height > MAX_PIXELS:
        raise BadImage(f"expected at most {MAX_PIXELS} pixels, got {width}x{height} = {width * height}")
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise BadImage(f"expected sides within {MAX_ASPECT}:1, got {width}x{height}")


def _turn_upright(image: Image.Image) -> Image.Image:
    """Apply the EXIF orientation. Call after load(): PNG may store EXIF after the pixels, TIFF rotates itself there."""
    try:
        orientation = image.getexif().get(_ORIENTATION, 1)
    except _BROKEN:
        return image  # broken EXIF with good pixels is common, and carries no orientation
    turn = _UPRIGHT.get(orientation)
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "I" or image.mode.startswith("I;16"):
        return _from_16_bits(image).convert("RGB")
    if image.mode == "F":
        raise BadImage("expected 8 or 16 bits per sample, got 32-bit floats")
    if not image.has_transparency_data:
        return image.convert("RGB")
    rgba = image.convert("RGBA")
    background = Image.new("RGB", rgba.size, "white")
    background.paste(rgba, mask=rgba.getchannel("A"))
    return background


def _from_16_bits(image: Image.Image) -> Image.Image:
    """Keep the high byte of each sample: Pillow's own conversion clips at 255, which turns the image white."""
    samples = np.asarray(image)
    low, high = int(samples.min()), int(samples.max())
    if low < 0 or high > 65535:
        raise BadImage(f"expected 8 or 16 bits per sample, got values from {low} to {high}")
    return Image.fromarray((samples >> 8).astype(np.uint8))
