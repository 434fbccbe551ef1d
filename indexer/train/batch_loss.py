"""The training objective of one batch: a weighted loss for each thing that the model learns."""

import torch
from torch.nn import functional

from engine.encoders.text_tower import TextTower
from indexer.train import held_out, objective
from indexer.train.batches import Batch
from indexer.train.pairs import PairTask
from indexer.train.teacher_signal import TeacherSignal
from indexer.train.train_config import TrainConfig
from indexer.train.training_data import TrainingData
from indexer.train.training_state import TrainingState

# With more product images than this, comparing photos with all of them costs more than it gains.
MAX_PRODUCTS = 1024
PRODUCTS_EVERY = 10


class BatchLoss:
    """Batches to losses by name, each already multiplied by its weight; the sum is what a step minimises."""

    def __init__(
        self,
        config: TrainConfig,
        data: TrainingData,
        state: TrainingState,
        teacher: TeacherSignal | None,
        pairs: PairTask | None,
    ) -> None:
        self._config = config
        self._data = data
        self._state = state
        self._teacher = teacher
        self._pairs = pairs
        self._tower = TextTower.of(state.model)
        self._loss = objective.MatchLoss(config.caption_weight, config.clip_weight, pad_id=data.trainee.pad_id)
        self._mean, self._std = held_out.normal(data.trainee)

    def __call__(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Return the losses of a batch, scalars."""
        config, model = self._config, self._state.model
        images = self.normalise(batch.images)
        latent, patches = model.visual(images) if self._data.trainee.is_captioner else (model.visual(images), None)
        unit = functional.normalize(latent.float(), dim=-1)
        # Drawn before everything else that draws: the order is part of what a seed means.
        tokens = self._data.text_kinds[int(torch.randint(len(self._data.text_kinds), ()))][batch.concepts]
        texts = self._encode_texts(tokens)
        scale = model.logit_scale.exp()
        targets, losses = batch.targets, {}
        if self._teacher is not None:
            targets, losses["teacher"] = self._teacher.apply(batch, latent, self._state.auxiliary)
        losses["contrastive"] = self._contrastive(unit, texts, scale, targets, tokens, batch)
        if config.image_weight:
            losses["images"] = config.image_weight * self._images(unit, batch, targets, scale)
        if config.attributes:
            losses["attributes"] = config.attribute_weight * self._attributes(latent, patches, batch)
        if patches is not None and config.caption_weight:
            losses["caption"] = config.caption_weight * self._captions(patches, batch)
        if self._pairs is not None:
            losses["pairs"] = config.pairs_weight * self._pairs.loss(self._encode_images, self._encode_texts, scale)
        return losses

    def normalise(self, images: torch.Tensor) -> torch.Tensor:
        """Return (n, 3, s, s) images in 0..1 as the model takes them, on its device."""
        return ((images - self._mean) / self._std).to(self._config.device)

    def _contrastive(
        self,
        unit: torch.Tensor,
        texts: torch.Tensor,
        scale: torch.Tensor,
        targets: torch.Tensor,
        tokens: torch.Tensor,
        batch: Batch,
    ) -> torch.Tensor:
        device = self._config.device
        allowed = self._data.sampler.comparable(batch.shown, batch.concepts).to(device)
        shares = objective.share_equal_texts(targets, tokens).to(device)
        return self._config.clip_weight * self._loss.contrastive(
            unit, texts, scale, shares, allowed, self._config.smoothing
        )

    def _images(self, unit: torch.Tensor, batch: Batch, targets: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return the loss of unmixed images of one concept among themselves, and of photos among product images."""
        device = self._config.device
        clean = batch.clean.to(device)
        same_concept = self._loss.same_concept(unit[clean], batch.shown.to(device)[clean], scale)
        return same_concept + self._products(unit, batch, targets, scale)

    def _products(self, unit: torch.Tensor, batch: Batch, targets: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return the loss of the batch's photos searching their product image among all, as they were last encoded."""
        data, state = self._data, self._state
        products = data.sampler.products
        if not 1 < len(products) <= MAX_PRODUCTS:
            return unit.sum() * 0
        if state.step % PRODUCTS_EVERY == 0 or state.products is None:
            state.products = held_out.encode_pictures(data.trainee, state.average, data.pixels[products])
        column = torch.full((len(data.corpus.concepts),), len(products))
        column[data.sampler.concept_of[products]] = torch.arange(len(products))
        wanted = torch.zeros(len(targets), len(products) + 1).index_add_(1, column[batch.concepts], targets)
        rows = torch.nonzero(wanted[:, -1] < 0.01).flatten()
        if not len(rows):
            return unit.sum() * 0
        device = unit.device
        return self._loss.product(unit[rows.to(device)], state.products.to(device), scale, wanted[rows, :-1].to(device))

    def _attributes(self, latent: torch.Tensor, patches: torch.Tensor | None, batch: Batch) -> torch.Tensor:
        clean = batch.clean.to(self._config.device)
        features = [latent[clean]] if patches is None else [latent[clean], patches.mean(dim=1)[clean]]
        return self._state.attribute_head.loss(features, batch.shown[batch.clean])

    def _captions(self, patches: torch.Tensor, batch: Batch) -> torch.Tensor:
        """Return the loss of captions for a random sample of the unmixed images."""
        model, device = self._state.model, self._config.device
        rows = torch.nonzero(batch.clean).flatten()
        rows = rows[torch.randperm(len(rows))[: self._config.captions]]
        tokens = self._caption_tokens(batch.shown[rows])
        context = model.text(tokens)[1]
        logits = model.text_decoder(patches[rows.to(device)], context[:, :-1])
        return self._loss.caption(logits, tokens[:, 1:])

    def _caption_tokens(self, concepts: torch.Tensor) -> torch.Tensor:
        """Return token ids cut to the longest caption, since padding has no loss."""
        tokens = self._data.captions[concepts]
        longest = int((tokens != self._data.trainee.pad_id).sum(dim=1).max())
        return tokens[:, :longest].to(self._config.device)

    def _encode_images(self, images: torch.Tensor) -> torch.Tensor:
        """Return (n, d) unit rows of images in 0..1."""
        output = self._state.model.visual(self.normalise(images))
        latent = output[0] if self._data.trainee.is_captioner else output
        return functional.normalize(latent.float(), dim=-1)

    def _encode_texts(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return (n, d) unit rows of token ids, at the cost of the longest text."""
        tokens = tokens[:, : int(self._tower.lengths(tokens).max())].to(self._config.device)
        return functional.normalize(self._tower.encode(tokens).float(), dim=-1)
