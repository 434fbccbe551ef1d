"""The head that maps trunk features to vectors of [semantic | visual], initialised with what needs no training.

The hidden units of the semantic part are GELUs. Most start as one ImageNet class each: the unit fires if the classifier
is confident of the class, and points to the vector of the class's name. The output is a convex combination of the names
of the likeliest classes (ConSE, arXiv 1312.5650). Heads with long, short and no training are joined by the mean of
their outputs, which one wide layer computes: longer training fits the training photos better, shorter generalises
better. The visual part is linear: the principal components of the pooled features. A visual part trained to be
invariant to crop and light distinguished images less well, and their kinds too.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from engine.encoders.image_trunks import HIDDEN_UNITS, SEMANTIC, VISUAL
from indexer.train.alignment.imagenet import ANIMALS

HEADS = 3
CLASS_UNITS = 640
UNITS = HIDDEN_UNITS // HEADS
FREE_UNITS = UNITS - CLASS_UNITS
# How far above the mean a class's logit must be for its unit to fire, and the slope of the response.
_THRESHOLD, _SLOPE = 3.5, 2.0


@dataclass(frozen=True, slots=True)
class ClassifierClasses:
    """The 1,000 classes of the classifier.

    Attributes:
        weight: (1000, 1280) of its last layer.
        bias: (1000,) of its last layer.
        names: (1000, 384) vectors of the classes' names.
    """

    weight: Tensor
    bias: Tensor
    names: Tensor

    def probabilities(self, pooled: Tensor) -> Tensor:
        """Return the probabilities of the classes, (n, 1000), for pooled features (n, 1280)."""
        return (pooled @ self.weight.T + self.bias).softmax(-1)

    def combine(self, probabilities: Tensor, k: int = 10) -> Tensor:
        """Return (n, 384) unit rows: the mean name of the k likeliest classes, weighted by probability."""
        top, indices = probabilities.topk(k, -1)
        return F.normalize((top[..., None] * self.names[indices]).sum(-2), dim=-1)


class AlignmentHead(nn.Module):
    """(n, d) features to (n, 384) semantic vectors in the space of the texts, with a length near 1."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, features: Tensor, classes: ClassifierClasses, seed: int = 0) -> None:
        """features: (n, d) of the training images, the pooled 1,280 first; they give mean and deviation."""
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("mean", features.mean(0))
        self.register_buffer("deviation", features.std(0) + 0.02)
        self._hidden = nn.Linear(features.shape[1], UNITS)
        self._semantic = nn.Linear(UNITS, SEMANTIC)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.zero_()
            self._initialise(classes, generator)
            length = self(features).norm(dim=1).mean()
            self._semantic.weight.div_(length)
            self._semantic.bias.div_(length)

    def forward(self, features: Tensor) -> Tensor:
        """Return (n, 384), not normalised."""
        rows: Tensor = self._semantic(F.gelu(self._hidden((features - self.mean) / self.deviation)))
        return rows

    def folded(self) -> tuple[nn.Linear, nn.Linear]:
        """Return the two layers of an equivalent head for features that are not standardised."""
        first = nn.Linear(self._hidden.in_features, UNITS)
        with torch.no_grad():
            first.weight.copy_(self._hidden.weight / self.deviation)
            first.bias.copy_(self._hidden.bias - first.weight @ self.mean)
        return first, self._semantic

    def _initialise(self, classes: ClassifierClasses, generator: torch.Generator) -> None:
        pooled = classes.weight.shape[1]
        keep = torch.cat([torch.arange(ANIMALS, 1000), torch.arange(ANIMALS)])[:CLASS_UNITS]
        weight = _SLOPE * (classes.weight - classes.weight.mean(0))[keep]
        bias = _SLOPE * ((classes.bias - classes.bias.mean())[keep] - _THRESHOLD)
        first, last = self._hidden, self._semantic
        first.weight[:CLASS_UNITS, :pooled] = weight * self.deviation[:pooled]
        first.bias[:CLASS_UNITS] = bias + weight @ self.mean[:pooled]
        last.weight[:, :CLASS_UNITS] = (classes.names - 0.5 * classes.names.mean(0))[keep].T
        first.weight[CLASS_UNITS:] = torch.randn((FREE_UNITS, first.in_features), generator=generator) * 0.02
        last.weight[:, CLASS_UNITS:] = torch.randn((SEMANTIC, FREE_UNITS), generator=generator) * 0.01


def join(heads: Sequence[AlignmentHead], weights: Sequence[float], pooled: Tensor, visual: float) -> dict[str, Tensor]:
    """Return the layers that an `AlignedTrunk` has after its features, by name.

    Args:
        heads: HEADS of them.
        weights: Weight of each head.
        pooled: (n, 1280) features that give the principal components.
        visual: Squared share of the visual part in a vector.
    """
    layers = [head.folded() for head in heads]
    shares = [weight / sum(weights) for weight in weights]
    lasts = [last for _, last in layers]
    mean, components = principal(pooled, VISUAL)
    return {
        "hidden.weight": torch.cat([first.weight for first, _ in layers]).detach(),
        "hidden.bias": torch.cat([first.bias for first, _ in layers]).detach(),
        "semantic.weight": torch.cat([s * last.weight for s, last in zip(shares, lasts, strict=True)], dim=1).detach(),
        "semantic.bias": torch.stack([s * last.bias for s, last in zip(shares, lasts, strict=True)]).sum(0).detach(),
        "visual.weight": components.T.contiguous(),
        "visual.bias": -(mean @ components),
        "lengths": torch.tensor([(1 - visual) ** 0.5, visual**0.5]),
    }


def principal(features: Tensor, count: int, power: float = 0.25) -> tuple[Tensor, Tensor]:
    """Return the mean (d,) and the first components (d, count), each divided by its deviation to this power."""
    mean = features.mean(0)
    centered = (features - mean).double()
    spread, rows = torch.linalg.eigh(centered.T @ centered / len(features))
    components, deviation = rows.flip(1)[:, :count], spread.flip(0)[:count].sqrt()
    return mean, (components / deviation**power).float()
