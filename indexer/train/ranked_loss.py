"""The rank-weighted contrastive loss of Marqo's GCL, for queries whose items differ in relevance.

Zhu, Jung, Clark: Generalized Contrastive Learning for Multi-Modal Retrieval and Ranking (arXiv 2404.08535). Each pair
of a query and an item has a weight from its score or rank, which multiplies the pair's cross entropy in the batch. With
equal weights this is InfoNCE. Two additions: an item of the batch that is also right for a query is no negative for it,
and items judged irrelevant can be in the batch without a query of their own.
"""

from collections.abc import Callable, Sequence

import torch

# From a pair's value to its weight, by column: those of the paper's functions that fit.
TO_WEIGHT: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "rating": lambda values: values,
    "weight": lambda values: values,
    "clicks": torch.log1p,  # the hundredth click means less than the first
    "rank": lambda values: torch.where(values > 0, values.clamp(min=1).rsqrt(), torch.zeros(())),
}


def to_weights(column: str, values: Sequence[float]) -> torch.Tensor:
    """Return (n,) float weights, the largest 1: linear in rating and weight, log in clicks, 1 / sqrt(rank)."""
    weights = TO_WEIGHT[column](torch.tensor(values, dtype=torch.float32))
    return weights / weights.max().clamp(min=1e-12)


def weighted_contrastive(
    queries: torch.Tensor, items: torch.Tensor, scale: torch.Tensor, weights: torch.Tensor, known: torch.Tensor
) -> torch.Tensor:
    """Return the loss of n pairs, a scalar: the mean over both directions, each a weighted mean over pairs.

    Args:
        queries: (n, d) unit rows.
        items: (m, d) unit rows, m >= n; item i is right for query i, those from n on are right for none.
        scale: Inverse temperature.
        weights: (n,) at least 0, not all 0.
        known: (n, m) bool, items known to be right for a query; they are never negatives.
    """
    n = len(queries)
    own = torch.zeros_like(known)
    own.diagonal().fill_(True)
    logits = (scale * queries @ items.T).masked_fill(known & ~own, -1e4)
    forth = logits.log_softmax(dim=1).diagonal()
    back = logits[:, :n].log_softmax(dim=0).diagonal()
    return -(weights * (forth + back)).sum() / (2 * weights.sum())
