"""A small convolutional classifier, trained first on the same images, whose soft predictions then teach the model.

A vision transformer learns little from a thousand photos on its own; a convolutional network has locality built in. The
teacher is not part of the trained model.
"""

import math
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engine.errors import InvalidSetting
from indexer.train.batches import BatchSampler
from indexer.train.corpus import Corpus

WIDTH = 32
BATCH = 64
LEARNING_RATE = 2e-3


class Classifier(nn.Module):
    """Residual convolutional network: (n, 3, s, s) images in 0..1 to (n, classes) logits."""

    def __init__(self, classes: int, width: int = WIDTH):
        super().__init__()
        self.width = width
        stages: list[nn.Module] = [_convolution(3, width, 2)]
        channels = width
        for stage in range(4):
            if stage:
                stages.append(_convolution(channels, channels * 2, 2))
                channels *= 2
            stages.append(_Residual(channels))
        self.features = nn.Sequential(*stages)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(channels, classes)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return (n, classes) logits."""
        scaled = ((pictures - 0.5) * 4).contiguous(memory_format=torch.channels_last)
        pooled: torch.Tensor = self.features(scaled).mean(dim=(2, 3))
        logits: torch.Tensor = self.head(self.drop(pooled))
        return logits


class _Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.first = _convolution(channels, channels, 1)
        last = nn.BatchNorm2d(channels)
        nn.init.zeros_(last.weight)
        self.second = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1, bias=False), last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x + self.second(self.first(x)))


def _convolution(channels: int, out: int, stride: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(inplace=True))


def class_name(corpus: Corpus, concept: int) -> str:
    """Return a name of a concept that is stable between runs: its folder and its key."""
    found = corpus.concepts[concept]
    return f"{corpus.sources[found.source].path.resolve().parent.name}/{found.key}"


def fit(
    corpus: Corpus,
    sampler: BatchSampler,
    path: Path,
    *,
    side: int,
    steps: int,
    progress: Callable[[int, int], None],
) -> None:
    """Train a classifier of all concepts that have photos, and write its averaged weights to `path`.

    Images grow from 3/5 of `side` to `side` pixels during training, which halves the time. A killed run trains it again
    from the start.
    """
    classes = [i for i, concept in enumerate(corpus.concepts) if corpus.sources[concept.source].photographed]
    if not classes:
        raise InvalidSetting("expected a photos file to train the teacher on, got none")
    class_of = torch.full((len(corpus.concepts),), -1)
    class_of[classes] = torch.arange(len(classes))
    model = Classifier(len(classes)).to(memory_format=torch.channels_last).train()
    average = deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    for step in range(steps):
        done = step / steps
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, done * 20 + 0.01) * 0.5 * (1 + math.cos(math.pi * done)) + 1e-5
        current_side = side if done > 0.6 else side * (4 if done > 0.25 else 3) // 5 // 8 * 8
        batch = sampler.draw(BATCH, current_side, 0.6 if done < 0.85 else 0.2)
        targets = torch.zeros(BATCH, len(classes)).index_add_(1, class_of[batch.concepts], batch.targets)
        loss = functional.cross_entropy(model(batch.images), targets, label_smoothing=0.1)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        _update_average(average, model, min(0.998, step / (step + 10)))
        progress(step + 1, steps)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    names = [class_name(corpus, concept) for concept in classes]
    torch.save({"model": average.state_dict(), "classes": names, "width": WIDTH}, partial)
    partial.replace(path)


def load(path: Path) -> tuple[Classifier, list[str]]:
    """Return a stored classifier in evaluation mode, and the names of its classes."""
    if not path.is_file():
        raise InvalidSetting(f"expected a stored teacher, got {path}, which is not a file")
    state = torch.load(path, map_location="cpu", weights_only=True)
    model = Classifier(len(state["classes"]), state["width"]).to(memory_format=torch.channels_last).eval()
    model.load_state_dict(state["model"])
    for part in model.features.modules():
        if isinstance(part, nn.Sequential) and isinstance(part[0], nn.Conv2d) and isinstance(part[1], nn.BatchNorm2d):
            # Folding the normalisation into the convolution halves the cost of inference.
            part[0], part[1] = fuse_conv_bn_eval(part[0], part[1]), nn.Identity()
    return model.requires_grad_(False).to(memory_format=torch.channels_last), state["classes"]


@torch.no_grad()
def _update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    for mean, current in zip(average.state_dict().values(), model.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(current, 1 - decay)
        else:
            mean.copy_(current)
