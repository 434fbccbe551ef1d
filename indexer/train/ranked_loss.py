"""The loss of queries that look for items of different worth: the rank-weighted contrastive loss of Marqo's GCL.

Zhu, Jung, Clark: Generalized Contrastive Learning for Multi-Modal Retrieval and Ranking (arXiv 2404.08535). A pair of a
query and an item has a weight, made of its score or rank; the cross entropy of the pair among the batch counts by it.
With equal weights this is InfoNCE. Added here: an item of the batch that is right for a query as well is no wrong
answer to it, and items judged irrelevant may stand in the batch without a query of their own.
"""

from collections.abc import Callable, Sequence

import torch

# From what a file tells of a pair to its weight: of the paper's functions those that fit each column.
TO_WEIGHT: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "rating": lambda values: values,
    "weight": lambda values: values,
    "clicks": torch.log1p,  # the hundredth click says less than the first
    "rank": lambda values: torch.where(values > 0, values.clamp(min=1).rsqrt(), torch.zeros(())),
}


def to_weights(column: str, values: Sequence[float]) -> torch.Tensor:
    """Return (n,) float weights, the largest 1: linear in rating and weight, log in clicks, 1 / sqrt(rank)."""
    weights = TO_WEIGHT[column](torch.tensor(values, dtype=torch.float32))
    return weights / weights.max().clamp(min=1e-12)


def weighted_contrastive(
    queries: torch.Tensor, items: torch.Tensor, scale: torch.Tensor, weights: torch.Tensor, known: torch.Tensor
) -> torch.Tensor:
    """Return the loss of n pairs, a scalar: the mean over both directions, each a mean over pairs by their weights.

    queries: (n, d), items: (m, d), unit rows, m >= n: item i is right for query i, those from n on for none.
    weights: (n,) at least 0, not all 0. known: (n, m) bool, items known to be right for a query; never wrong answers.
    """
    n = len(queries)
    own = torch.zeros_like(known)
    own.diagonal().fill_(True)
    logits = (scale * queries @ items.T).masked_fill(known & ~own, -1e4)
    forth = logits.log_softmax(dim=1).diagonal()
    back = logits[:, :n].log_softmax(dim=0).diagonal()
    return -(weights * (forth + back)).sum() / (2 * weights.sum())
