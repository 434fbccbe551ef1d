"""The last stage of a CoCa: what it says, learnt on towers that are finished.

With the towers at rest their answers are computed once, so a step costs a tenth of a whole one, and nothing that was
learnt for search is lost: what moves is the caption decoder, and the queries by which it looks at the picture.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from open_clip.transformer import VisionTransformer
from torch.nn import functional

from indexer.train.batches import BatchSampler

BATCH = 128
VIEWS_PER_PICTURE = 1.5
LEARNING_RATE = 2e-3


def refine(
    model: Any,
    sampler: BatchSampler,
    tokens: torch.Tensor,
    prepare: Callable[[torch.Tensor], torch.Tensor],
    *,
    side: int,
    steps: int,
    pad: int,
    progress: Callable[[int, int], None],
) -> float:
    """Train how `model`, a CoCa, says captions, and return the last loss; its vectors stay as they are.

    tokens: (concepts, length) captions. prepare: views in 0..1 to what the model takes.
    """
    seen, shown = _look(model, sampler, prepare, side)
    tokens = tokens[:, : int((tokens != pad).sum(dim=1).max())]
    device = next(model.parameters()).device
    with torch.no_grad():
        heard = torch.cat([model.text(part)[1][:, :-1] for part in tokens.to(device).split(BATCH)])
    parameters = list(model.text_decoder.parameters())
    queries = _queries(model.visual)
    model.requires_grad_(False)
    for parameter in [*parameters, *queries]:
        parameter.requires_grad_(True)
    first = [query[:1].detach().clone() for query in queries]
    with torch.no_grad():
        for query, kept in zip(queries, first, strict=True):
            # What serves search well is a good place to start looking from.
            near = query[1 : 1 + len(query) // 4]
            near.copy_(kept + 0.1 * torch.randn_like(near))
    optimizer = torch.optim.AdamW([*parameters, *queries], lr=LEARNING_RATE, weight_decay=0.05)
    loss = torch.zeros(())
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (step + 1) / 30) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        chosen = torch.randint(len(seen), (BATCH,))
        concepts = shown[chosen]
        logits = model.text_decoder(_regard(model.visual, seen[chosen].float()), heard[concepts]).float()
        labels = tokens[concepts, 1:].to(device)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=pad)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for query, kept in zip(queries, first, strict=True):
                query[:1] = kept
        progress(step + 1, steps)
    return round(loss.item(), 4)


def _queries(visual: Any) -> list[torch.nn.Parameter]:
    """Return the pooling queries that may move: the first gives the vector for search and is put back each step."""
    pooled = isinstance(visual, VisionTransformer) and visual.attn_pool is not None
    return [visual.attn_pool.query] if pooled and visual.attn_pool_contrastive is None else []


def _regard(visual: Any, seen: torch.Tensor) -> torch.Tensor:
    """Return the tokens the decoder sees, from what `_look` kept."""
    return visual.ln_post(visual.attn_pool(seen))[:, 1:] if _queries(visual) else seen


@torch.no_grad()
def _look(
    model: Any, sampler: BatchSampler, prepare: Callable[[torch.Tensor], torch.Tensor], side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what the image tower makes of the training pictures, whole and in random views, and the concepts shown.

    Kept are the patches before they are pooled where the pooling moves, else the tokens for the decoder.
    """
    kept: list[torch.Tensor] = []
    handle = None
    if _queries(model.visual):
        handle = model.visual.transformer.register_forward_hook(lambda _, __, patches: kept.append(patches.half()))
    shown = []
    views = math.ceil(len(sampler.positions) * VIEWS_PER_PICTURE / BATCH)
    for positions in [*sampler.positions.split(BATCH), *[None] * views]:
        if positions is None:
            batch = sampler.draw(BATCH, side, 0.0)
            images, concepts = batch.images, batch.shown
        else:
            images, concepts = sampler.whole(positions, side), sampler.concept_of[positions]
        tokens = model.visual(prepare(images))[1]
        if handle is None:
            kept.append(tokens.half())
        shown.append(concepts)
    if handle is not None:
        handle.remove()
    return torch.cat(kept), torch.cat(shown)
