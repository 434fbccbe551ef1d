"""The training losses: contrastive (CLIP), captions (CoCa), images among themselves, and a teacher's soft targets.

open_clip's losses take the n-th text as the only match of the n-th image. Here several images of a batch can show one
item, a blended image shows two, and a teacher's answers are soft. So matches are a matrix of shares, and open_clip's
loss is the special case of the identity matrix.
"""

import torch
from open_clip.loss import CoCaLoss
from torch.nn import functional


class MatchLoss(CoCaLoss):
    """CoCaLoss whose contrastive part takes a matrix of shares instead of one match for each row."""

    def contrastive(
        self,
        images: torch.Tensor,
        texts: torch.Tensor,
        scale: torch.Tensor,
        targets: torch.Tensor,
        allowed: torch.Tensor | None = None,
        smoothing: float = 0.0,
    ) -> torch.Tensor:
        """Return the symmetric contrastive loss, a scalar.

        Args:
            images: (n, d) unit rows.
            texts: (u, d) unit rows.
            scale: Inverse temperature.
            targets: (n, u) shares, rows sum to 1; each text needs an image.
            allowed: (n, u) bool, pairs that count as negatives; pairs with a target always count.
            smoothing: Label smoothing.
        """
        logits, _ = self.get_logits(images, texts, scale)
        pairs = torch.ones_like(targets) if allowed is None else (allowed | (targets > 0)).float()
        logits = logits.masked_fill(pairs == 0, -1e4)
        forth = targets * (1 - smoothing) + smoothing * _shares(pairs)
        back = _shares(targets.T) * (1 - smoothing) + smoothing * _shares(pairs.T)
        return (functional.cross_entropy(logits, forth) + functional.cross_entropy(logits.T, back)) / 2

    def same_concept(self, images: torch.Tensor, shown: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return the loss that pulls images (n, d) of one concept (n,) together; 0 if no two of them share one."""
        same = (shown[:, None] == shown[None, :]).float()
        same.fill_diagonal_(0)
        paired = same.sum(dim=1) > 0
        if not paired.any():
            return images.sum() * 0
        logits = (scale * images @ images.T).masked_fill(torch.eye(len(images), dtype=torch.bool), -1e4)
        return functional.cross_entropy(logits[paired], _shares(same[paired]))

    def product(
        self, images: torch.Tensor, products: torch.Tensor, scale: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """Return the loss of photos (n, d) searching their own among product images (p, d). targets: (n, p) shares."""
        return functional.cross_entropy(scale * images @ products.T, targets)

    def caption(self, logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Return the caption loss of (n, length, vocabulary) logits against (n, length) token ids."""
        loss: torch.Tensor = self.caption_loss(logits.float().flatten(0, 1), labels.flatten())
        return loss


def _shares(rows: torch.Tensor) -> torch.Tensor:
    return rows / rows.sum(dim=1, keepdim=True).clamp(min=1e-6)


def share_equal_texts(targets: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
    """Return targets (n, u) with the shares of equal texts spread evenly among them. words: (u, length) token ids.

    A short text fits many items: "mug" is as right for one mug of the batch as for another.
    """
    same = (words[:, None, :] == words[None, :, :]).all(dim=2).float()
    return targets @ (same / same.sum(dim=1, keepdim=True))


def blend_teacher(targets: torch.Tensor, answers: torch.Tensor, known: torch.Tensor, weight: float) -> torch.Tensor:
    """Return targets (n, u) of which the teacher's answers replace a share.

    Args:
        targets: (n, u) shares, rows sum to 1.
        answers: (n, u) the teacher's probabilities for the concepts, 0 for those it does not know.
        known: (n,) bool, whether the teacher knows the image's concept.
        weight: The share to replace.
    """
    total = answers.sum(dim=1, keepdim=True)
    soft = torch.where(total > 0.05, answers / total.clamp(min=1e-6), targets)
    return torch.where(known[:, None], targets * (1 - weight) + soft * weight, targets)
