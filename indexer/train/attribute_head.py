"""What a catalogue says of its items in columns (type, colour, material), learnt by naming it from the picture.

Texts leave facts out and say them in many words; a column always says them, and says them the same. Linear classifiers
on what the image tower gives put each fact within easy reach of captions and of one-word queries. They are a scaffold:
no part of them ends up in the trained model.
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from engine.errors import InvalidSetting

UNKNOWN = -1


def labels(facts: Sequence[Sequence[str]]) -> tuple[torch.Tensor, list[int]]:
    """Return (concepts, kinds) class numbers, UNKNOWN where a concept lacks the fact, and the classes of each kind.

    facts: the same kinds of fact for each concept, empty where it has none.
    """
    columns, sizes = [], []
    for values in zip(*facts, strict=True):
        known = {value: number for number, value in enumerate(sorted(set(values) - {""}))}
        columns.append([known.get(value, UNKNOWN) for value in values])
        sizes.append(len(known))
    return torch.tensor(columns, dtype=torch.long).reshape(len(columns), len(facts)).T, sizes


class AttributeHead(nn.Module):
    """Linear classifiers, one a kind of fact and feature: (n, width) rows to the classes of the facts."""

    def __init__(self, facts: Sequence[Sequence[str]], widths: Sequence[int]):
        """Raises InvalidSetting for a kind of fact that no concept has."""
        super().__init__()
        self.classes, self.sizes = labels(facts)
        if 0 in self.sizes:
            raise InvalidSetting(
                f"expected attributes whose fields some row has, got none for number {self.sizes.index(0)}"
            )
        self.heads = nn.ModuleList(nn.Linear(width, sum(self.sizes)) for width in widths if self.sizes)

    def loss(self, features: Sequence[torch.Tensor], concepts: torch.Tensor) -> torch.Tensor:
        """Return the mean loss over features and kinds of fact, a scalar; what is unknown of a concept has none.

        features: (n, width) rows, one for each of the widths. concepts: (n,) on the CPU, what the rows show.
        """
        wanted = self.classes[concepts].to(features[0].device)
        parts = [
            functional.cross_entropy(logits, wanted[:, kind], ignore_index=UNKNOWN)
            for head, rows in zip(self.heads, features, strict=True)
            for kind, logits in enumerate(head(rows.float()).split(self.sizes, dim=1))
            if (wanted[:, kind] != UNKNOWN).any()
        ]
        return torch.stack(parts).mean() if parts else features[0].sum() * 0
