"""The last stage of a CoCa: its caption decoder alone, on what the finished towers see and hear.

With the towers at rest their answers are computed once, so a step costs a tenth of a whole one, and nothing that was
learnt for search is lost.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from indexer.train.batches import Sampler

BATCH = 128
VIEWS_PER_PICTURE = 1.5
LEARNING_RATE = 1e-3


def refine(
    model: Any,
    sampler: Sampler,
    tokens: torch.Tensor,
    prepare: Callable[[torch.Tensor], torch.Tensor],
    *,
    side: int,
    steps: int,
    pad: int,
    progress: Callable[[int, int], None],
) -> float:
    """Train `model.text_decoder` and return its last loss; everything else of the model stays as it is.

    tokens: (concepts, length) captions. prepare: views in 0..1 to what the model takes.
    """
    seen, shown = _look(model, sampler, prepare, side)
    tokens = tokens[:, : int((tokens != pad).sum(dim=1).max())]
    with torch.no_grad():
        heard = torch.cat([model.text(part)[1][:, :-1] for part in tokens.to(_device(model)).split(BATCH)])
    decoder = model.text_decoder.train()
    optimizer = torch.optim.AdamW(decoder.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    loss = torch.zeros(())
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * (
                min(1.0, (step + 1) / 30) * 0.5 * (1 + math.cos(math.pi * step / steps)) + 1e-3
            )
        chosen = torch.randint(len(seen), (BATCH,))
        concepts = shown[chosen]
        logits = decoder(seen[chosen].float(), heard[concepts]).float()
        labels = tokens[concepts, 1:].to(logits.device)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=pad)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        progress(step + 1, steps)
    decoder.eval()
    return round(loss.item(), 4)


@torch.no_grad()
def _look(
    model: Any, sampler: Sampler, prepare: Callable[[torch.Tensor], torch.Tensor], side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the image tower says of the training pictures, whole and in random views, and the concepts shown."""
    seen, shown = [], []
    for positions in sampler.positions.split(BATCH):
        seen.append(model.visual(prepare(sampler.whole(positions, side)))[1].half())
        shown.append(sampler.concept_of[positions])
    for _ in range(math.ceil(len(sampler.positions) * VIEWS_PER_PICTURE / BATCH)):
        batch = sampler.draw(BATCH, side, 0.0)
        seen.append(model.visual(prepare(batch.images))[1].half())
        shown.append(batch.shown)
    return torch.cat(seen), torch.cat(shown)


def _device(model: Any) -> torch.device:
    device: torch.device = next(model.parameters()).device
    return device
