"""Metrics on held-out images: how well images and texts find each other, and how good captions are."""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from engine.encoders.text_tower import TextTower
from indexer.train import augment, caption_recall
from indexer.train.architecture import Trainee
from indexer.train.corpus import CATALOGUE, Corpus, Split

CHUNK = 128
CAPTIONED = 200


def measure(trainee: Trainee, model: Any, corpus: Corpus, split: Split, pixels: torch.Tensor) -> dict[str, float]:
    """Return success@k by source position and kind of search, for example `0.photo_to_fused@1`.

    Photographed catalogue: held-out photos against the text and the product image of all its items. Other catalogue:
    held-out images against held-out texts, both ways. Labels: held-out images against all labels. A CoCa model also
    gets `caption_recall`, the share of the expected caption's words in its own.
    """
    metrics: dict[str, float] = {}
    concept_of = torch.tensor([picture.concept for picture in corpus.pictures])
    for index, source in enumerate(corpus.sources):
        concepts = [i for i, concept in enumerate(corpus.concepts) if concept.source == index]
        held = [p for p in split.heldout if corpus.concepts[corpus.pictures[p].concept].source == index]
        if not held:
            continue
        if source.kind == CATALOGUE and not source.photographed:
            concepts = sorted({int(concept_of[p]) for p in held})
        texts = encode_texts(trainee, model, [corpus.concepts[c].text for c in concepts])
        queries = encode_pictures(trainee, model, pixels[held])
        if trainee.is_captioner and trainee.tokenizer is not None:
            expected = [corpus.concepts[corpus.pictures[p].concept].caption for p in held[:CAPTIONED]]
            captions = caption_recall.generate_captions(
                model, trainee.tokenizer, views(trainee, model, pixels[held[:CAPTIONED]])
            )
            recalls = [caption_recall.recall(*pair) for pair in zip(captions, expected, strict=True)]
            metrics[f"{index}.caption_recall"] = sum(recalls) / len(recalls)
        column = {concept: position for position, concept in enumerate(concepts)}
        truth = torch.tensor([column[int(concept_of[p])] for p in held])
        by_text = queries @ texts.T
        if source.kind == CATALOGUE and not source.photographed:
            metrics[f"{index}.image_to_text@10"] = success(by_text, truth, 10)
            metrics[f"{index}.text_to_image@10"] = success(by_text.T, truth.argsort(), 10)
            continue
        metrics |= {f"{index}.photo_to_text@{k}": success(by_text, truth, k) for k in (1, 5)}
        if source.kind == CATALOGUE:
            products = {p.concept: position for position, p in enumerate(corpus.pictures) if p.product}
            images = encode_pictures(trainee, model, pixels[[products[c] for c in concepts]])
            by_image = queries @ images.T
            fused = _standardise(by_text) + _standardise(by_image)
            metrics |= {f"{index}.photo_to_image@{k}": success(by_image, truth, k) for k in (1, 5)}
            metrics |= {f"{index}.photo_to_fused@{k}": success(fused, truth, k) for k in (1, 5)}
    return metrics


def success(scores: torch.Tensor, truth: torch.Tensor, k: int) -> float:
    """Return the share of rows of (n, u) scores whose true column (n,) is among the k best."""
    best = scores.topk(min(k, scores.shape[1]), dim=1).indices
    return float((best == truth[:, None]).any(dim=1).float().mean())


@torch.no_grad()
def encode_pictures(trainee: Trainee, model: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Return (n, d) unit rows of (n, 3, s, s) uint8 images, uncropped."""
    rows = [model.encode_image(views(trainee, model, part)).float().cpu() for part in pixels.split(CHUNK)]
    return functional.normalize(torch.cat(rows), dim=-1)


def views(trainee: Trainee, model: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Return (n, 3, s, s) whole images as the model takes them, on its device."""
    mean, std = normal(trainee)
    return ((augment.centre_views(pixels, trainee.image_size) - mean) / std).to(_device(model))


def encode_texts(trainee: Trainee, model: Any, texts: Sequence[str]) -> torch.Tensor:
    """Return (n, d) unit rows of texts."""
    return encode_tokens(model, trainee.tokenize(texts))


@torch.no_grad()
def encode_tokens(model: Any, tokens: torch.Tensor) -> torch.Tensor:
    """Return (n, d) unit rows of (n, length) token ids."""
    tower = TextTower.of(model)
    rows = []
    for part in tokens.split(CHUNK):
        longest = int(tower.lengths(part).max())
        rows.append(tower.encode(part[:, :longest].to(_device(model))).float().cpu())
    return functional.normalize(torch.cat(rows), dim=-1)


def normal(trainee: Trainee) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the mean and standard deviation that the model's images are normalised with, (3, 1, 1) each."""
    config: dict[str, Any] = trainee.preprocess_cfg
    return torch.tensor(config["mean"]).view(3, 1, 1), torch.tensor(config["std"]).view(3, 1, 1)


def _standardise(scores: torch.Tensor) -> torch.Tensor:
    return (scores - scores.mean()) / scores.std().clamp(min=1e-6)


def _device(model: Any) -> torch.device:
    device: torch.device = next(model.parameters()).device
    return device
