"""The last stage of training a CoCa: its captions, learned with both towers frozen.

The outputs of frozen towers are computed once, so a step costs a tenth of a full one, and search vectors do not change:
only the caption decoder is trained, with the pooling queries that it reads the image by.
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
    """Train the captions of a CoCa and return the last loss; its vectors do not change.

    Args:
        tokens: (concepts, length) captions.
        prepare: Views in 0..1 to what the model takes.
        side: Pixels of a side of its images.
        steps: Number of steps.
        pad: Token id of padding.
        progress: Called with finished and all steps.
    """
    features, shown = _encode_images(model, sampler, prepare, side)
    tokens = tokens[:, : int((tokens != pad).sum(dim=1).max())]
    device = next(model.parameters()).device
    with torch.no_grad():
        contexts = torch.cat([model.text(part)[1][:, :-1] for part in tokens.to(device).split(BATCH)])
    queries = _queries(model.visual)
    search_queries = _initialise(queries)
    optimizer = torch.optim.AdamW(_unfreeze(model, queries), lr=LEARNING_RATE, weight_decay=0.05)
    loss = torch.zeros(())
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * min(1.0, (step + 1) / 30) * (0.5 + 0.5 * math.cos(math.pi * step / steps))
        rows = torch.randint(len(features), (BATCH,))
        concepts = shown[rows]
        logits = model.text_decoder(_pool(model.visual, features[rows].float()), contexts[concepts]).float()
        labels = tokens[concepts, 1:].to(device)
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=pad)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            for query, search_query in zip(queries, search_queries, strict=True):
                query[:1] = search_query
        progress(step + 1, steps)
    return round(loss.item(), 4)


def _unfreeze(model: Any, queries: list[torch.nn.Parameter]) -> list[torch.nn.Parameter]:
    """Freeze all of the model but the caption decoder and the pooling queries, and return the parameters of these."""
    parameters = [*model.text_decoder.parameters(), *queries]
    model.requires_grad_(False)
    for parameter in parameters:
        parameter.requires_grad_(True)
    return parameters


@torch.no_grad()
def _initialise(queries: list[torch.nn.Parameter]) -> list[torch.Tensor]:
    """Start a quarter of the pooling queries near the search query, and return a copy of the latter."""
    search_queries = [query[:1].detach().clone() for query in queries]
    for query, search_query in zip(queries, search_queries, strict=True):
        # What serves search is a good initial value for captions too.
        near = query[1 : 1 + len(query) // 4]
        near.copy_(search_query + 0.1 * torch.randn_like(near))
    return search_queries


def _queries(visual: Any) -> list[torch.nn.Parameter]:
    """Return the pooling queries to train. The first one makes the search vector and is restored after each step."""
    pooled = isinstance(visual, VisionTransformer) and visual.attn_pool is not None
    return [visual.attn_pool.query] if pooled and visual.attn_pool_contrastive is None else []


def _pool(visual: Any, features: torch.Tensor) -> torch.Tensor:
    """Return the image tokens that the decoder reads, from what `_encode_images` returned."""
    return visual.ln_post(visual.attn_pool(features))[:, 1:] if _queries(visual) else features


@torch.no_grad()
def _encode_images(
    model: Any, sampler: BatchSampler, prepare: Callable[[torch.Tensor], torch.Tensor], side: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return features of the training images, whole and in random views, and the concepts they show.

    The features are the patches before pooling if the pooling is trained, else the tokens that the decoder reads.
    """
    features: list[torch.Tensor] = []
    handle = None
    if _queries(model.visual):
        handle = model.visual.transformer.register_forward_hook(lambda _, __, patches: features.append(patches.half()))
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
            features.append(tokens.half())
        shown.append(concepts)
    if handle is not None:
        handle.remove()
    return torch.cat(features), torch.cat(shown)
