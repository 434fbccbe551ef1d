"""Random views of images, computed on whole batches of tensors to leave the CPU to the model."""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True, slots=True)
class Views:
    """The ranges of random views. Colour varies little, since it is part of what a product is."""

    scale: tuple[float, float] = (0.2, 1.0)
    aspect: float = 4 / 3
    rotation: float = 20.0
    brightness: float = 0.35
    contrast: float = 0.3
    saturation: float = 0.25
    tint: float = 0.08
    erase: float = 0.25


def random_views(pixels: torch.Tensor, side: int, views: Views) -> torch.Tensor:
    """Return (n, 3, side, side) float in 0..1: cropped, rotated, flipped, recoloured and partly erased at random.

    Draws from torch's global generator, so that a restored state repeats the views.

    Args:
        pixels: (n, 3, s, s) uint8.
    """
    n = pixels.shape[0]
    area = torch.empty(n).uniform_(*views.scale).sqrt()
    ratio = torch.empty(n).uniform_(-math.log(views.aspect), math.log(views.aspect)).mul(0.5).exp()
    width, height = (area * ratio).clamp(max=1), (area / ratio).clamp(max=1)
    x = (torch.rand(n) * 2 - 1) * (1 - width)
    y = (torch.rand(n) * 2 - 1) * (1 - height)
    angle = (torch.rand(n) * 2 - 1) * math.radians(views.rotation)
    flip = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    matrix = torch.stack(
        [
            torch.stack([angle.cos() * width * flip, -angle.sin() * height, x], dim=1),
            torch.stack([angle.sin() * width * flip, angle.cos() * height, y], dim=1),
        ],
        dim=1,
    )
    grid = functional.affine_grid(matrix, [n, 3, side, side], align_corners=False)
    out = functional.grid_sample(
        pixels.float().div_(255), grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    return _erase(_recolour(out, views), views.erase).clamp_(0, 1)


def centre_views(pixels: torch.Tensor, side: int) -> torch.Tensor:
    """Return (n, 3, side, side) float in 0..1: the whole image, resized with antialiasing."""
    return functional.interpolate(
        pixels.float().div_(255), (side, side), mode="bicubic", antialias=True, align_corners=False
    ).clamp_(0, 1)


def mix(images: torch.Tensor, alpha: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Blend each image with another of the batch: half of the batches by mixup, half by a pasted box (CutMix).

    Returns:
        The mixed images, the position of each image's partner (n,), and the share of each image that is its own (n,).
    """
    n, _, height, width = images.shape
    partner = torch.randperm(n)
    share = torch.distributions.Beta(alpha, alpha).sample((n,))
    if torch.rand(()) < 0.5:
        kept = share.view(-1, 1, 1, 1)
        return images * kept + images[partner] * (1 - kept), partner, share
    edge = (1 - share).sqrt()
    top = (torch.rand(n) * (1 - edge) * height).long()
    left = (torch.rand(n) * (1 - edge) * width).long()
    rows, columns = torch.arange(height), torch.arange(width)
    bottom, right = top + (edge * height).long(), left + (edge * width).long()
    box = ((rows >= top[:, None]) & (rows < bottom[:, None]))[:, :, None]
    box = box & ((columns >= left[:, None]) & (columns < right[:, None]))[:, None, :]
    mixed = torch.where(box[:, None], images[partner], images)
    return mixed, partner, 1 - box.float().mean(dim=(1, 2))


def _recolour(images: torch.Tensor, views: Views) -> torch.Tensor:
    n = images.shape[0]

    def around_one(amount: float) -> torch.Tensor:
        return 1 + (torch.rand(n, 1, 1, 1) * 2 - 1) * amount

    tint = 1 + (torch.rand(n, 3, 1, 1) * 2 - 1) * views.tint
    images = images * (around_one(views.brightness) * tint)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * around_one(views.saturation)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (images - mean) * around_one(views.contrast)


def _erase(images: torch.Tensor, probability: float) -> torch.Tensor:
    n, _, height, width = images.shape
    chosen = torch.rand(n) < probability
    sides = torch.empty(n, 2).uniform_(0.15, 0.4)
    top, left = torch.rand(n) * (1 - sides[:, 0]), torch.rand(n) * (1 - sides[:, 1])
    rows, columns = torch.arange(height) / height, torch.arange(width) / width
    inside = ((rows >= top[:, None]) & (rows < (top + sides[:, 0])[:, None]))[:, :, None]
    inside = inside & ((columns >= left[:, None]) & (columns < (left + sides[:, 1])[:, None]))[:, None, :]
    fill = torch.rand(n, 3, 1, 1)
    return torch.where((inside & chosen[:, None, None])[:, None], fill, images)
