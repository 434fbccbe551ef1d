"""The head that turns trunk features into rows of [semantic | visual], begun as what is known without any training.

Its hidden units are GELUs. Most begin as one ImageNet class each, which fires where the classifier is sure of the
class, and lead to the vector of the class's name: a convex combination of the names of the likeliest classes (ConSE,
arXiv 1312.5650). 128 pairs of units begin as gelu(x) - gelu(-x) = x, a linear map: the principal components of the
features, which are the visual part.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.train.alignment.imagenet import ANIMALS

SEMANTIC, VISUAL = 384, 128
DIM = SEMANTIC + VISUAL
# open_clip's timm_proj "mlp" has twice as many hidden units as dimensions.
HIDDEN = 2 * DIM
CLASS_UNITS = 640
FREE_UNITS = HIDDEN - CLASS_UNITS - 2 * VISUAL
# How far above the mean a class's logit has to be for its unit to fire, and how steeply it does.
_THRESHOLD, _SLOPE = 3.5, 2.0


@dataclass(frozen=True, slots=True)
class Classes:
    """What the classifier knows of its 1,000 classes. weight: (1000, 1280).   bias: (1000,).   names: (1000, 384)."""

    weight: Tensor
    bias: Tensor
    names: Tensor

    def probabilities(self, pooled: Tensor) -> Tensor:
        """Return (n, 1000)."""
        return (pooled @ self.weight.T + self.bias).softmax(-1)

    def combine(self, probabilities: Tensor, k: int = 10) -> Tensor:
        """Return (n, 384) unit rows: the mean of the names of the k likeliest classes, by how likely they are."""
        top, places = probabilities.topk(k, -1)
        return F.normalize((top[..., None] * self.names[places]).sum(-2), dim=-1)


class Head(nn.Module):
    """(n, d) features to (n, 512) rows, not normalised; each part has a length near 1."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: Tensor, classes: Classes, seed: int = 0) -> None:
        """features: (n, d) of the training pictures, the pooled 1,280 first; they give the scale and the components."""
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("deviation", features.std(0) + 0.02)
        self._hidden = nn.Linear(features.shape[1], HIDDEN)
        self._semantic = nn.Linear(HIDDEN, SEMANTIC)
        self._visual = nn.Linear(2 * VISUAL, VISUAL)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()
            self._begin_semantic(classes, generator)
            self._begin_visual(features, classes.weight.shape[1])
            self.scale(features)

    def forward(self, features: Tensor) -> Tensor:
        """Return (n, 512)."""
        return torch.cat([self.semantic(features), self.visual(features)], dim=1)

    def semantic(self, features: Tensor) -> Tensor:
        """Return (n, 384), in the space of the texts."""
        rows: Tensor = self._semantic(F.gelu(self._hidden((features - self.mean) / self.deviation)))
        return rows

    def visual(self, features: Tensor) -> Tensor:
        """Return (n, 128), which only pictures have; it reads the last hidden units alone."""
        weight, bias = self._hidden.weight[-2 * VISUAL :], self._hidden.bias[-2 * VISUAL :]
        rows: Tensor = self._visual(F.gelu(F.linear((features - self.mean) / self.deviation, weight, bias)))
        return rows

    def scale(self, features: Tensor, semantic: float = 1.0, visual: float = 1.0) -> None:
        """Scale each part so that its mean length over the features is the one given."""
        with torch.no_grad():
            for rows, part, length in (
                (self.semantic(features), self._semantic, semantic),
                (self.visual(features), self._visual, visual),
            ):
                factor = length / rows.norm(dim=1).mean()
                part.weight.mul_(factor)
                part.bias.mul_(factor)

    def folded(self) -> dict[str, Tensor]:
        """Return the layers of open_clip's mlp head, which takes the features as they are."""
        first = self._hidden.weight / self.deviation
        blank = torch.zeros(VISUAL, HIDDEN - 2 * VISUAL)
        return {
            "fc1.weight": first,
            "fc1.bias": self._hidden.bias - first @ self.mean,
            "fc2.weight": torch.cat([self._semantic.weight, torch.cat([blank, self._visual.weight], dim=1)]),
            "fc2.bias": torch.cat([self._semantic.bias, self._visual.bias]),
        }

    def _begin_semantic(self, classes: Classes, generator: torch.Generator) -> None:
        pooled = classes.weight.shape[1]
        keep = torch.cat([torch.arange(ANIMALS, 1000), torch.arange(ANIMALS)])[:CLASS_UNITS]
        weight = _SLOPE * (classes.weight - classes.weight.mean(0))[keep]
        bias = _SLOPE * ((classes.bias - classes.bias.mean())[keep] - _THRESHOLD)
        first, last = self._hidden, self._semantic
        free = slice(CLASS_UNITS, CLASS_UNITS + FREE_UNITS)
        first.weight[:CLASS_UNITS, :pooled] = weight * self.deviation[:pooled]
        first.bias[:CLASS_UNITS] = bias + weight @ self.mean[:pooled]
        last.weight[:, :CLASS_UNITS] = (classes.names - 0.5 * classes.names.mean(0))[keep].T
        first.weight[free] = torch.randn(first.weight[free].shape, generator=generator) * 0.02
        last.weight[:, free] = torch.randn(last.weight[:, free].shape, generator=generator) * 0.01

    def _begin_visual(self, features: Tensor, pooled: int) -> None:
        center, components = principal(features[:, :pooled], VISUAL)
        linear = components.T * self.deviation[:pooled]
        shift = components.T @ (self.mean[:pooled] - center)
        for sign, start in ((1, HIDDEN - 2 * VISUAL), (-1, HIDDEN - VISUAL)):
            units = slice(start, start + VISUAL)
            self._hidden.weight[units, :pooled] = sign * linear
            self._hidden.bias[units] = sign * shift
            own = slice(start - HIDDEN + 2 * VISUAL, start - HIDDEN + 3 * VISUAL)
            self._visual.weight[:, own] = sign * torch.eye(VISUAL)


def principal(features: Tensor, count: int, power: float = 0.25) -> tuple[Tensor, Tensor]:
    """Return the mean (d,) and the first components (d, count), each divided by its deviation to that power."""
    mean = features.mean(0)
    centered = (features - mean).double()
    spread, rows = torch.linalg.eigh(centered.T @ centered / len(features))
    components, deviation = rows.flip(1)[:, :count], spread.flip(0)[:count].sqrt()
    return mean, (components / deviation**power).float()
