"""Decoding: every mode becomes the same RGB, and nothing too large or broken gets through."""

import struct
import zlib
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.encoders.images import MAX_BYTES, decode
from engine.errors import BadImage


def encoded(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    """Return the picture as a file's bytes."""
    file = BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """Return the pixels of the four corners: top left, top right, bottom left, bottom right."""
    right, bottom = image.width - 1, image.height - 1
    return [image.getpixel(place) for place in ((0, 0), (right, 0), (0, bottom), (right, bottom))]  # type: ignore[misc]


def png_header(width: int, height: int) -> bytes:
    """Return a PNG that says it is this large and has no pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


RED, GREEN, BLUE, GREY = (255, 0, 0), (0, 128, 0), (0, 0, 255), (100, 100, 100)
FOUR = Image.new("RGB", (2, 2))
for place, colour in zip(((0, 0), (1, 0), (0, 1), (1, 1)), (RED, GREEN, BLUE, GREY), strict=True):
    FOUR.putpixel(place, colour)


@pytest.mark.parametrize("format_", ["PNG", "BMP", "TIFF", "GIF", "WEBP"])
def test_lossless_formats_keep_every_pixel(format_: str) -> None:
    """The same pixels come back from each of them."""
    image = decode(encoded(FOUR, format_, **({"lossless": True} if format_ == "WEBP" else {})))
    assert image.mode == "RGB"
    assert corners(image) == [RED, GREEN, BLUE, GREY]


@pytest.mark.parametrize(("mode", "format_"), [("RGB", "JPEG"), ("RGB", "AVIF"), ("CMYK", "JPEG"), ("CMYK", "TIFF")])
def test_lossy_and_printers_formats_keep_the_colour(mode: str, format_: str) -> None:
    """Red in any of them is red, inverted CMYK included."""
    image = decode(encoded(Image.new("RGB", (16, 16), RED).convert(mode), format_))
    assert image.mode == "RGB"
    assert np.abs(np.asarray(image, dtype=int) - RED).max() < 8


def test_grey_and_palette_become_rgb() -> None:
    """One grey is three equal samples; a palette's colours are looked up; 1 bit is black or white."""
    assert corners(decode(encoded(Image.new("L", (2, 2), 77))))[0] == (77, 77, 77)
    assert corners(decode(encoded(FOUR.quantize(4)))) == [RED, GREEN, BLUE, GREY]
    assert corners(decode(encoded(Image.new("1", (2, 2), 1))))[0] == (255, 255, 255)


@pytest.mark.parametrize("format_", ["PNG", "TIFF"])
def test_16_bit_grey_keeps_its_high_byte(format_: str) -> None:
    """Sample 0x8040 is grey 0x80, not clipped to white."""
    pixels = np.array([[0x8040, 0xFFFF], [0x0000, 0x0100]], dtype=np.uint16)
    image = decode(encoded(Image.fromarray(pixels), format_))
    assert corners(image) == [(0x80,) * 3, (255,) * 3, (0,) * 3, (1,) * 3]


def test_floats_and_32_bits_are_refused() -> None:
    """Samples whose white nobody knows are named, not guessed."""
    with pytest.raises(BadImage, match="expected 8 or 16 bits per sample, got 32-bit floats"):
        decode(encoded(Image.new("F", (2, 2), 0.5), "TIFF"))
    with pytest.raises(BadImage, match="got values from 70000 to 70000"):
        decode(encoded(Image.new("I", (2, 2), 70_000), "TIFF"))


def test_transparency_lies_over_white() -> None:
    """Clear is white, half-clear red is pink, a palette's or a colour's clear key is white."""
    red = Image.new("RGBA", (2, 2), (255, 0, 0, 128))
    red.putpixel((0, 0), (0, 0, 0, 0))
    assert corners(decode(encoded(red)))[:2] == [(255, 255, 255), (255, 127, 127)]
    assert corners(decode(encoded(Image.new("LA", (2, 2), (0, 0)))))[0] == (255, 255, 255)
    palette = Image.new("P", (2, 2), 1)
    palette.putpalette([0, 0, 0, 0, 0, 255])
    assert corners(decode(encoded(palette, transparency=1)))[0] == (255, 255, 255)
    assert corners(decode(encoded(palette, transparency=0)))[0] == BLUE
    assert corners(decode(encoded(FOUR, transparency=RED)))[:2] == [(255, 255, 255), GREEN]


@pytest.mark.parametrize(
    ("orientation", "expected"),
    [
        (1, [RED, GREEN, BLUE, GREY]),
        (2, [GREEN, RED, GREY, BLUE]),
        (3, [GREY, BLUE, GREEN, RED]),
        (4, [BLUE, GREY, RED, GREEN]),
        (5, [RED, BLUE, GREEN, GREY]),
        (6, [BLUE, RED, GREY, GREEN]),
        (7, [GREY, GREEN, BLUE, RED]),
        (8, [GREEN, GREY, RED, BLUE]),
        (9, [RED, GREEN, BLUE, GREY]),
    ],
)
@pytest.mark.parametrize("format_", ["PNG", "TIFF", "JPEG"])
def test_exif_turns_the_picture_upright_once(format_: str, orientation: int, expected: list[tuple[int, ...]]) -> None:
    """Each of the eight orientations, and a ninth that means nothing; the sides change places for 5 to 8."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    large = FOUR.resize((32, 16), Image.Resampling.NEAREST)
    image = decode(encoded(large, format_, exif=exif))
    assert image.size == ((16, 32) if orientation in (5, 6, 7, 8) else (32, 16))
    for came, wanted in zip(corners(image), expected, strict=True):
        assert np.abs(np.subtract(came, wanted)).max() < (60 if format_ == "JPEG" else 1)


def test_broken_exif_leaves_the_picture() -> None:
    """Pixels that are good are not refused for the notes beside them."""
    assert corners(decode(encoded(FOUR, exif=b"Exif\x00\x00II*\x00\xff\xff\xff\xff")))[0] == RED


@pytest.mark.parametrize("format_", ["GIF", "WEBP", "PNG", "TIFF"])
def test_of_several_frames_the_first_counts(format_: str) -> None:
    """An animation is its first picture."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, BLUE)]
    options = {"lossless": True} if format_ == "WEBP" else {}
    image = decode(encoded(frames[0], format_, save_all=True, append_images=frames[1:], **options))
    assert corners(image) == [RED] * 4


def test_limits_are_checked_before_the_pixels_are() -> None:
    """Bytes, pixels and sides beyond the limits are refused with both numbers, by the header alone."""
    with pytest.raises(BadImage, match="at most 10485760 bytes, got 10485761"):
        decode(b"x" * (MAX_BYTES + 1))
    with pytest.raises(BadImage, match="at most 40000000 pixels, got 8000x5001 = 40008000"):
        decode(png_header(8000, 5001))
    with pytest.raises(BadImage, match="at most 40000000 pixels, got 10000x10000 = 100000000"):
        decode(png_header(10_000, 10_000))
    with pytest.raises(BadImage, match="at most 200000000 pixels: Image size"):
        decode(png_header(60_000, 60_000))
    with pytest.raises(BadImage, match="expected sides within 100:1, got 201x2"):
        decode(encoded(Image.new("RGB", (201, 2))))
    assert decode(encoded(Image.new("RGB", (200, 2)))).size == (200, 2)
    with pytest.raises(BadImage, match="expected a whole PNG image"):
        decode(png_header(8000, 5000))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"not a picture",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg/>",
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    """Empty bytes, text, and the formats that are not on the list."""
    with pytest.raises(BadImage, match="expected an? .*image.*, got"):
        decode(data)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 40, 3), dtype=np.uint8))


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
def test_a_file_cut_short_is_refused(format_: str) -> None:
    """No half-grey pictures: a file without its second half is an error."""
    data = encoded(NOISE, format_)
    with pytest.raises(BadImage, match="expected an? .*image.*, got"):
        decode(data[: len(data) // 2])


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "AVIF"])
@given(changes=st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_damaged_bytes_give_a_picture_or_bad_image(format_: str, changes: list[tuple[int, int]]) -> None:
    """Whatever bytes are changed, nothing but an RGB picture or BadImage comes out."""
    data = bytearray(encoded(NOISE, format_))
    for place, value in changes:
        data[place % min(len(data), 400)] = value
    with suppress(BadImage):
        assert decode(bytes(data)).mode == "RGB"
