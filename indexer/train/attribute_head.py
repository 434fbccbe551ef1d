"""Attributes from columns of a catalogue (type, colour, material), learned by classifying the image.

Texts omit attributes or phrase them in many ways; a column always states them, and always in the same words. Linear
classifiers on the features of the image tower make attributes easy to find for captions and one-word queries. They are
discarded after training.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from engine.errors import InvalidSetting

UNKNOWN = -1


def labels(facts: Sequence[Sequence[str]]) -> tuple[torch.Tensor, list[int]]:
    """Return (concepts, kinds) class numbers, UNKNOWN where a concept lacks the attribute, and the class counts.

    Args:
        facts: Values of the same attributes for each concept, "" where it has none.
    """
    columns, sizes = [], []
    for values in zip(*facts, strict=True):
        known = {value: number for number, value in enumerate(sorted(set(values) - {""}))}
        columns.append([known.get(value, UNKNOWN) for value in values])
        sizes.append(len(known))
    return torch.tensor(columns, dtype=torch.long).reshape(len(columns), len(facts)).T, sizes


class AttributeHead(nn.Module):
    """Linear classifiers from (n, width) features to the classes of each attribute, one for each kind of feature."""

    def __init__(self, facts: Sequence[Sequence[str]], widths: Sequence[int]):
        """Raises InvalidSetting for an attribute that no concept has."""
        super().__init__()
        self.classes, self.sizes = labels(facts)
        if 0 in self.sizes:
            raise InvalidSetting(
                f"expected attributes that at least one row has, got none for number {self.sizes.index(0)}"
            )
        self.heads = nn.ModuleList(nn.Linear(width, sum(self.sizes)) for width in widths if self.sizes)

    def loss(self, features: Sequence[torch.Tensor], concepts: torch.Tensor) -> torch.Tensor:
        """Return the mean loss over features and attributes, a scalar; unknown attributes are skipped.

        Args:
            features: (n, width) rows, one for each of the widths.
            concepts: (n,) concept of each row, on the CPU.
        """
        classes = self.classes[concepts].to(features[0].device)
        parts = [
            functional.cross_entropy(logits, classes[:, kind], ignore_index=UNKNOWN)
            for head, rows in zip(self.heads, features, strict=True)
            for kind, logits in enumerate(head(rows.float()).split(self.sizes, dim=1))
            if (classes[:, kind] != UNKNOWN).any()
        ]
        return torch.stack(parts).mean() if parts else features[0].sum() * 0
