"""Decode images to RGB pixels, and reject bad ones before any work is spent on them.

The indexer and the server decode alike, so an image has one vector wherever it comes from.
"""

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from engine.encoders.color_profile import to_srgb
from engine.encoders.image_plugins import load_plugin
from engine.encoders.image_repair import with_end, without_metadata
from engine.errors import BadImage

MAX_BYTES = 10 * 2**20
MAX_PIXELS = 40_000_000
# A 1 x 40,000 strip is small, but becomes 2 gigapixels once its short side is scaled to 224.
MAX_ASPECT = 100

# An allowlist, because Pillow's other formats include EPS, which runs Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""Formats that Pillow reads itself. HEIF and JPEG XL are read with a plug-in."""

# Longest side of an image of more than MAX_PIXELS once it is decoded.
_LARGE_SIDE = 4096
_MCU_ROWS, _GREY = 8, 128
_OTHERS = (
    (b"<svg", "an SVG drawing"),
    (b"<?xml", "an XML file"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"%pdf", "a PDF file"),
    (b"8bps", "a Photoshop file"),
    (b"\x00\x00\x01\x00", "an icon"),
    (b"pk\x03\x04", "a zip archive"),
)

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


@dataclass(frozen=True, slots=True)
class ImageLimits:
    """What an image may be at most.

    Attributes:
        bytes: Size of its file.
        pixels: Pixels of any format.
        jpeg_pixels: Pixels of a JPEG, which can be scaled down while it is decoded.
    """

    bytes: int
    pixels: int
    jpeg_pixels: int


REQUEST_LIMITS = ImageLimits(MAX_BYTES, MAX_PIXELS, MAX_PIXELS)
"""Of images in requests, where many come at a time."""

BUILD_LIMITS = ImageLimits(100 * 2**20, 100_000_000, 200_000_000)
"""Of images in a build: photos straight from a camera. Above MAX_PIXELS they are scaled down."""

# Sizes are checked here, from the header, before any pixel is decoded.
Image.MAX_IMAGE_PIXELS = BUILD_LIMITS.jpeg_pixels


def decode(data: bytes, limits: ImageLimits = REQUEST_LIMITS) -> Image.Image:
    """Return the image as sRGB, upright, transparency over white; the first frame of an animation.

    The size is read from the header, so an oversized image costs nothing.

    Raises:
        BadImage: Empty, broken or truncated data, a format not in FORMATS, beyond the limits or MAX_ASPECT.
    """
    if not data:
        raise BadImage(f"expected an image ({', '.join(FORMATS)}), got 0 bytes")
    if len(data) > limits.bytes:
        raise BadImage(f"expected an image of at most {limits.bytes} bytes, got {len(data)}")
    with _open(data) as image:
        _check_size(image, limits)
        try:
            return _decode_opened(image)
        except BadImage:
            raise
        except _BROKEN as error:
            if (repaired := with_end(data)) is not None:
                return _decode_repaired(repaired, error)
            raise BadImage(f"expected a whole {image.format} image, got a broken one: {error}") from error


def _open(data: bytes) -> Image.Image:
    plugin = load_plugin(data)
    formats = (plugin,) if plugin else FORMATS
    for attempt in dict.fromkeys((data, without_metadata(data))):
        try:
            return Image.open(BytesIO(attempt), formats=formats)
        except _BOMB as error:
            raise BadImage(f"expected at most {Image.MAX_IMAGE_PIXELS} pixels: {error}") from error
        except _BROKEN as error:
            failure = error
    known = ", ".join(FORMATS)
    raise BadImage(f"expected an image ({known}), got {len(data)} bytes of {_describe(data)}") from failure


def _decode_opened(image: Image.Image) -> Image.Image:
    large = image.width * image.height > MAX_PIXELS
    if large:
        image.draft("RGB", (_LARGE_SIDE, _LARGE_SIDE))
    image.load()
    pixels = _to_rgb(_turn_upright(image))
    if large:
        pixels.thumbnail((_LARGE_SIDE, _LARGE_SIDE))
    return pixels


def _decode_repaired(data: bytes, error: Exception) -> Image.Image:
    """Return a JPEG that lacked only its end marker. Raises BadImage if pixels are missing: the decoder greys them."""
    try:
        with Image.open(BytesIO(data), formats=("JPEG",)) as image:
            pixels = _decode_opened(image)
    except _BROKEN:
        pixels = None
    if pixels is None or bool((np.asarray(pixels)[-_MCU_ROWS:] == _GREY).all()):
        raise BadImage(f"expected a whole JPEG image, got a broken one: {error}") from error
    return pixels


def _describe(data: bytes) -> str:
    """Return what bytes that are no image are, as far as their beginning tells."""
    start = data[:512].lstrip().lower()
    return next((name for mark, name in _OTHERS if start.startswith(mark)), "none of them")


def _check_size(image: Image.Image, limits: ImageLimits) -> None:
    width, height = image.size
    most = limits.jpeg_pixels if image.format in ("JPEG", "MPO") else limits.pixels
    if width < 1 or height < 1:
        raise BadImage(f"expected at least 1 pixel per side, got {width}x{height}")
    if width * height > most:
        raise BadImage(f"expected at most {most} pixels, got {width}x{height} = {width * height}")
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
        return to_srgb(image).convert("RGB")
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
