"""Random backgrounds: products cut out and pasted onto photos, and photos with the background of another one.

A thousand photos come from a few shops, and a model learns to recognise a product by the shop behind it, which fails on
photos from another shop. So in some images the background is made uninformative.
"""

import math

import torch
from torch.nn import functional

WHITE = 0.97


def cut_out(pixels: torch.Tensor) -> torch.Tensor:
    """Return (n, 1, s, s) float masks, 1 on the product; all 0 for an image whose edge is not white.

    White inside the product is kept: only white connected to the edge is background.

    Args:
        pixels: (n, 3, s, s) uint8.
    """
    white = (pixels.amin(dim=1, keepdim=True) > WHITE * 255).float()
    edge = torch.zeros_like(white)
    edge[:, :, (0, -1), :] = 1
    edge[:, :, :, (0, -1)] = 1
    outside = white * edge
    found = outside.sum(dim=(1, 2, 3)) / edge.sum(dim=(1, 2, 3)) > 0.7
    reached = -1.0
    while (total := float(outside.sum())) > reached:
        reached = total
        outside = functional.max_pool2d(outside, 3, stride=1, padding=1) * white
    return (1 - outside) * found.view(-1, 1, 1, 1)


def compose(products: torch.Tensor, masks: torch.Tensor, backgrounds: torch.Tensor) -> torch.Tensor:
    """Return (n, 3, side, side): each product pasted onto its background, sometimes with smaller copies around it.

    Args:
        products: (n, 3, s, s) uint8.
        masks: (n, 1, s, s) from `cut_out`.
        backgrounds: (n, 3, side, side) in 0..1.
    """
    n = len(products)
    light = torch.empty(n, 1, 1, 1).uniform_(0.6, 1.15) * torch.empty(n, 3, 1, 1).uniform_(0.9, 1.1)
    cut = torch.cat([products.float() / 255 * light.clamp(max=1.2) * masks, masks], dim=1)
    scene = backgrounds
    heap = torch.rand(n, 1, 1, 1) < 0.4
    for layer in range(4):
        spread, smallest, largest = (0.9, 0.35, 0.75) if layer < 3 else (0.3, 0.5, 1.2)
        pasted = _place(cut, scene.shape[-1], spread, smallest, largest)
        shown = scene * (1 - pasted[:, 3:]) + pasted[:, :3]
        scene = shown if layer == 3 else torch.where(heap, shown, scene)
    return scene.clamp(0, 1)


def swap_surroundings(images: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Return (n, 3, s, s) images with their own centre, a rounded box, and the rest from the others."""
    n, _, height, width = images.shape
    centre = torch.empty(n, 2).uniform_(-0.1, 0.1)
    half = torch.empty(n, 2).uniform_(0.4, 0.75)
    y = (torch.linspace(-1, 1, height)[None, :] - centre[:, :1]) / half[:, :1]
    x = (torch.linspace(-1, 1, width)[None, :] - centre[:, 1:]) / half[:, 1:]
    distance = y[:, :, None].abs().pow(4) + x[:, None, :].abs().pow(4)
    kept = torch.sigmoid((1 - distance) * 6)[:, None]
    return images * kept + others * (1 - kept)


def _place(cut: torch.Tensor, side: int, spread: float, smallest: float, largest: float) -> torch.Tensor:
    n = len(cut)
    scale = torch.empty(n).uniform_(math.log(smallest), math.log(largest)).exp()
    stretch = torch.empty(n).uniform_(-0.15, 0.15).exp()
    angle = torch.randn(n) * math.radians(16)
    shift = torch.empty(n, 2).uniform_(-spread, spread)
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    across, down = flip / (scale * stretch), stretch / scale
    cosine, sine = angle.cos(), angle.sin()
    matrix = torch.stack(
        [
            torch.stack([cosine * across, sine * across, -across * (cosine * shift[:, 0] + sine * shift[:, 1])], dim=1),
            torch.stack([-sine * down, cosine * down, -down * (cosine * shift[:, 1] - sine * shift[:, 0])], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, [n, 4, side, side], align_corners=False)
    return functional.grid_sample(cut, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
