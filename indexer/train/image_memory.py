"""Images as one tensor in memory, decoded once, so that an epoch costs no decoding.

Each image is a square of `side` pixels (shortest side resized, centre kept), uint8: 100,000 images at 92 pixels are
2.5 GB.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from PIL import Image

from engine.encoders.images import decode


def load(paths: Sequence[Path], side: int, progress: Callable[[int, int], None] | None = None) -> torch.Tensor:
    """Return (n, 3, side, side) uint8, one row for each path. Raises BadImage for a file that cannot be decoded."""
    block = torch.empty((len(paths), 3, side, side), dtype=torch.uint8)
    with ThreadPoolExecutor(max_workers=2) as pool:
        for position, pixels in enumerate(pool.map(lambda path: to_pixels(decode(path.read_bytes()), side), paths)):
            block[position] = pixels
            if progress is not None and position % 200 == 0:
                progress(position, len(paths))
    return block


def to_pixels(image: Image.Image, side: int) -> torch.Tensor:
    """Return (3, side, side) uint8: shortest side resized to `side` (bicubic), centre kept, as open_clip does."""
    scale = side / min(image.size)
    width, height = (max(side, round(length * scale)) for length in image.size)
    image = image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - side) // 2, (height - side) // 2
    image = image.crop((left, top, left + side, top + side))
    flat = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    return flat.view(side, side, 3).permute(2, 0, 1)
