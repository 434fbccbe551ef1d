"""The training run: from settings to a model in open_clip's format, picking up where a killed run stopped."""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from engine.encoders.text_tower import TextTower
from engine.errors import InvalidSetting
from indexer.train import (
    caption_stage,
    corpus,
    curve,
    former_teacher,
    held_out,
    image_memory,
    objective,
    pairs,
    run_checkpoint,
    teacher,
)
from indexer.train.architecture import open_trainee, set_patch_dropout
from indexer.train.attribute_head import AttributeHead
from indexer.train.batches import Batch, BatchSampler
from indexer.train.train_config import TrainConfig

# Beyond this many, looking for a product picture among all costs more than it gives.
MOST_PRODUCTS = 1024
PRODUCTS_EVERY = 10


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """Where a run stands. stage: reading, teacher, training or speech; rate: pictures a second, left_s: to go."""

    stage: str
    done: int
    total: int
    rate: float
    left_s: float
    losses: dict[str, float]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrainReport:
    """What a run reached: the model's folder, the steps done, the last losses and the held-out numbers."""

    out: Path
    steps: int
    resumed_at: int
    losses: dict[str, float]
    metrics: dict[str, float]
    seconds: float


class TrainingRun:
    """The moving parts of one training run."""

    def __init__(self, config: TrainConfig, progress: Callable[[TrainingProgress], None]):
        self.config = config
        self.progress = progress
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        self.corpus = corpus.read(
            config.catalogs, config.photos, text_template=config.text_template,
            caption_templates=config.caption_templates, label_template=config.label_template,
            short_templates=config.short_templates, attributes=config.attributes,
        )  # fmt: skip
        self.split = corpus.split(self.corpus, config.holdout, config.seed)
        texts = [line for concept in self.corpus.concepts for line in (concept.text, concept.caption)]
        self.trainee = open_trainee(config.model, config.pretrained, texts, config.vocabulary)
        self.tokens = {
            kind: self.trainee.tokenize([getattr(concept, kind) for concept in self.corpus.concepts])
            for kind in ("text", "title", "caption")
        }
        shorts = [self.trainee.tokenize(texts) for texts in zip(*(c.shorts for c in self.corpus.concepts), strict=True)]
        self.kinds = [*self.tokens.values(), *shorts]
        side = config.pictures_side or round(self.trainee.image_size * 1.4)
        paths = [picture.path for picture in self.corpus.pictures]
        self.pixels = image_memory.load(paths, side, lambda done, total: self._tell("reading", done, total))
        self.sampler = BatchSampler(self.corpus, self.split.train, self.pixels, config.shares)
        self.teacher = self._teacher()
        self.pairs = self._pairs()
        self.model = self.trainee.model.to(config.device).train()
        self.tower = TextTower.of(self.model)
        self.auxiliary = nn.Linear(self._embed_dim(), 1 if self.teacher is None else self.answers).to(config.device)
        self.namer = self._namer().to(config.device)
        self.average = deepcopy(self.model).eval()
        self.optimizer = torch.optim.AdamW(self._groups(), lr=config.learning_rate, betas=(0.9, 0.98), eps=1e-6)
        self.loss = objective.MatchLoss(config.caption_weight, config.clip_weight, pad_id=self._pad())
        self.mean, self.std = held_out.normal(self.trainee)
        self.products: torch.Tensor | None = None
        self.step = 0
        self.history: list[dict[str, float]] = []

    def train(self) -> TrainReport:
        """Do the steps that are left, and write the model."""
        config, began = self.config, time.monotonic()
        resumed_at = self._resume()
        losses, metrics = (self.history[-1] if self.history else {}), {}
        while self.step < config.steps:
            losses = self._step()
            self.step += 1
            last = self.step == config.steps
            if self.step % config.report_every == 0 or last:
                metrics = self._measure()
                self.history.append({"step": float(self.step), **losses, **metrics})
                self._write(metrics)
            if self.step % config.checkpoint_every == 0 or last:
                self._save()
            rate = (self.step - resumed_at) / (time.monotonic() - began)
            left = (config.steps - self.step) / rate
            self.progress(
                TrainingProgress("training", self.step, config.steps, rate * config.batch, left, losses, metrics)
            )
        if self.trainee.captions and config.caption_steps:
            losses = losses | {"speech": self._learn_to_say()}
            metrics = {}
        if not metrics:
            metrics = self._measure()
        self._write(metrics)
        return TrainReport(config.out, self.step, resumed_at, losses, metrics, time.monotonic() - began)

    def _step(self) -> dict[str, float]:
        config = self.config
        settled = config.settling(self.step) > 0
        for group in self.optimizer.param_groups:
            group["lr"] = config.learning_rate_at(self.step)
        set_patch_dropout(self.model, 0.0 if settled else config.patch_dropout)
        batch = self.sampler.draw(config.batch, self.trainee.image_size, config.mix * (0.3 if settled else 1.0))
        with torch.autocast(config.device, torch.bfloat16, enabled=config.autocast):
            parts = self._losses(batch)
        total = torch.stack(list(parts.values())).sum()
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        with torch.no_grad():
            self.model.logit_scale.clamp_(0, math.log(100))
        self._move_average()
        return {name: round(value.item(), 4) for name, value in parts.items()}

    def _losses(self, batch: Batch) -> dict[str, torch.Tensor]:
        config, device = self.config, self.config.device
        images = ((batch.images - self.mean) / self.std).to(device)
        latent, seen = self.model.visual(images) if self.trainee.captions else (self.model.visual(images), None)
        unit = functional.normalize(latent.float(), dim=-1)
        words = self.kinds[int(torch.randint(len(self.kinds), ()))][batch.concepts]
        texts = self._say(words)
        scale = self.model.logit_scale.exp()
        targets, parts = batch.targets, {}
        if self.teacher is not None:
            targets, parts["teacher"] = self._taught(self.teacher, batch, latent)
        parts["contrastive"] = config.clip_weight * self.loss.match(
            unit, texts, scale, objective.shared(targets, words).to(device),
            self.sampler.unrelated(batch.shown, batch.concepts).to(device), config.smoothing,
        )  # fmt: skip
        if config.image_weight:
            clean = batch.clean.to(device)
            alike = self.loss.alike(unit[clean], batch.shown.to(device)[clean], scale)
            parts["images"] = config.image_weight * (alike + self._find(unit, batch, targets, scale))
        if config.attributes:
            clean = batch.clean.to(device)
            features = [latent[clean]] if seen is None else [latent[clean], seen.mean(dim=1)[clean]]
            named = self.namer.loss(features, batch.shown[batch.clean])
            parts["attributes"] = config.attribute_weight * named
        if seen is not None and config.caption_weight:
            # Drawn from the end: product pictures come last, and photos are as often mixed as not.
            chosen = torch.nonzero(batch.clean).flatten()
            chosen = chosen[torch.randperm(len(chosen))[: config.captions]]
            tokens = self._caption(batch.shown[chosen])
            heard = self.model.text(tokens)[1]
            logits = self.model.text_decoder(seen[chosen.to(device)], heard[:, :-1])
            parts["caption"] = config.caption_weight * self.loss.words(logits, tokens[:, 1:])
        if self.pairs is not None:
            parts["pairs"] = config.pairs_weight * self.pairs.loss(self._see, self._say, scale)
        return parts

    def _see(self, images: torch.Tensor) -> torch.Tensor:
        """Return (n, d) unit rows of pictures in 0..1."""
        seen = self.model.visual(((images - self.mean) / self.std).to(self.config.device))
        return functional.normalize((seen[0] if self.trainee.captions else seen).float(), dim=-1)

    def _say(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return (n, d) unit rows of token ids, at the cost of the longest."""
        tokens = tokens[:, : int(self.tower.lengths(tokens).max())].to(self.config.device)
        return functional.normalize(self.tower.encode(tokens).float(), dim=-1)

    def _find(self, unit: torch.Tensor, batch: Batch, targets: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        """Return the loss of the batch's photos looking for their product picture among all, as they last were."""
        products = self.sampler.products
        if not 1 < len(products) <= MOST_PRODUCTS:
            return unit.sum() * 0
        if self.step % PRODUCTS_EVERY == 0 or self.products is None:
            self.products = held_out.encode_pictures(self.trainee, self.average, self.pixels[products])
        column = torch.full((len(self.corpus.concepts),), len(products))
        column[self.sampler.concept_of[products]] = torch.arange(len(products))
        wanted = torch.zeros(len(targets), len(products) + 1).index_add_(1, column[batch.concepts], targets)
        rows = torch.nonzero(wanted[:, -1] < 0.01).flatten()
        if not len(rows):
            return unit.sum() * 0
        device = unit.device
        return self.loss.find(unit[rows.to(device)], self.products.to(device), scale, wanted[rows, :-1].to(device))

    def _taught(self, classifier: nn.Module, batch: Batch, latent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return softened targets, and the loss of the auxiliary classifier against the teacher."""
        classes = self.teacher_classes
        rows = torch.nonzero(classes[batch.shown] >= 0).flatten()
        targets = batch.targets
        if not len(rows):
            return targets, latent.sum() * 0
        with torch.no_grad():
            answers = classifier(batch.images[rows]).float().softmax(dim=1)
        column = classes[batch.concepts]
        judged = torch.zeros_like(targets)
        judged[rows] = torch.where(column >= 0, answers[:, column.clamp(min=0)], torch.zeros(()))
        known = torch.zeros(len(targets), dtype=torch.bool)
        known[rows] = True
        logits = self.auxiliary(latent[rows.to(latent.device)]).float()
        loss = self.config.teacher_weight * functional.cross_entropy(logits, answers.to(logits.device))
        return objective.taught(targets, judged, known, self.config.teacher_weight), loss

    def _caption(self, concepts: torch.Tensor) -> torch.Tensor:
        """Return token ids cut to the longest caption: what is padding has no loss."""
        tokens = self.tokens["caption"][concepts]
        return tokens[:, : int((tokens != self._pad()).sum(dim=1).max())].to(self.config.device)

    def _learn_to_say(self) -> float:
        return caption_stage.refine(
            self.average, self.sampler, self.tokens["caption"],
            lambda views: ((views - self.mean) / self.std).to(self.config.device),
            side=self.trainee.image_size, steps=self.config.caption_steps, pad=self._pad(),
            progress=lambda done, total: self._tell("speech", done, total),
        )  # fmt: skip

    def _teacher(self) -> nn.Module | None:
        config = self.config
        path = config.teacher or config.run_folder / "teacher.pt"
        if config.teacher_steps and not path.is_file():
            photographed = [
                position
                for position in self.split.train
                if self.corpus.sources[self.corpus.concepts[self.corpus.pictures[position].concept].source].photographed
            ]
            teacher.fit(
                self.corpus, BatchSampler(self.corpus, photographed, self.pixels, ()), path,
                side=self.trainee.image_size, steps=config.teacher_steps,
                progress=lambda done, total: self._tell("teacher", done, total),
            )  # fmt: skip
        if config.teacher is None and not config.teacher_steps:
            return None
        model, names = former_teacher.load(path, self.corpus) if path.is_dir() else teacher.load(path)
        self.answers = len(names)
        known = {name: position for position, name in enumerate(names)}
        keys = [teacher.class_name(self.corpus, concept) for concept in range(len(self.corpus.concepts))]
        self.teacher_classes = torch.tensor([known.get(key, -1) for key in keys])
        return model

    def _pairs(self) -> pairs.PairTask | None:
        config = self.config
        if config.pairs is None:
            return None
        sampler = pairs.PairSampler(
            pairs.read(config.pairs, self.corpus), self.corpus, self.split, config.holdout, config.seed
        )
        return pairs.PairTask(sampler, self.trainee, self.pixels, self.tokens["text"], config.pairs_batch)

    def _measure(self) -> dict[str, float]:
        """Return the held-out numbers, of the averaged weights."""
        found = held_out.measure(self.trainee, self.average, self.corpus, self.split, self.pixels)
        return found if self.pairs is None else found | self.pairs.measure(self.average)

    def _namer(self) -> AttributeHead:
        widths = [self._embed_dim()] * (2 if self.trainee.captions else 1)
        return AttributeHead([concept.facts for concept in self.corpus.concepts], widths)

    def _embed_dim(self) -> int:
        return int(self.trainee.model_cfg["embed_dim"])

    def _pad(self) -> int:
        return int(self.trainee.model_cfg["text_cfg"].get("pad_id", 0))

    def _groups(self) -> list[dict[str, Any]]:
        """Weight decay for matrices only."""
        learning = (self.model, self.auxiliary, self.namer)
        parameters = [p for part in learning for p in part.parameters() if p.requires_grad]
        matrices = [p for p in parameters if p.ndim >= 2]
        return [
            {"params": matrices, "weight_decay": self.config.weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]

    @torch.no_grad()
    def _move_average(self) -> None:
        decay = min(self.config.ema, self.step / (self.step + 10))
        for kept, now in zip(self.average.parameters(), self.model.parameters(), strict=True):
            kept.lerp_(now, 1 - decay)

    def _resume(self) -> int:
        state = run_checkpoint.load(self.config.run_folder)
        if state is None:
            return 0
        if changed := self.config.differences(state["config"]):
            raise InvalidSetting(
                f"{self.config.run_folder} holds a run with other settings ({', '.join(changed)}): expected the same "
                "settings to resume it, or another folder"
            )
        self.model.load_state_dict(state["model"])
        self.average.load_state_dict(state["average"])
        self.auxiliary.load_state_dict(state["auxiliary"])
        self.namer.load_state_dict(state["namer"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.history, self.products = state["step"], state["history"], state.get("products")
        return self.step

    def _save(self) -> None:
        state = {
            "config": self.config.to_json(), "step": self.step, "history": self.history,
            "products": self.products,
            "model": self.model.state_dict(), "average": self.average.state_dict(),
            "auxiliary": self.auxiliary.state_dict(), "namer": self.namer.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }  # fmt: skip
        run_checkpoint.save(self.config.run_folder, state)

    def _write(self, metrics: dict[str, float]) -> None:
        config, out = self.config, self.config.out
        run_checkpoint.export(out, self.trainee, self.average.state_dict(), config.precision)
        held = [self.corpus.pictures[position].path.name for position in self.split.heldout]
        sources = [str(source.path.name) for source in self.corpus.sources]
        run_checkpoint.write_json(
            out / "metrics.json",
            {
                "steps": self.step,
                "sources": sources,
                "heldout": metrics,
                "history": self.history,
                "heldout_pictures": held,
            },
        )
        curve.draw(self.history, out / "loss.png")

    def _tell(self, stage: str, done: int, total: int) -> None:
        self.progress(TrainingProgress(stage, done, total, 0.0, 0.0, {}, {}))


def train(config: TrainConfig, progress: Callable[[TrainingProgress], None] = lambda _: None) -> TrainReport:
    """Train a model and write it to `config.out` in open_clip's format; continue a run found in `config.run_folder`.

    Writes open_clip_config.json, open_clip_model.safetensors, the tokenizer's files, metrics.json and loss.png.
    Raises InvalidSetting and InvalidCatalogue for settings and files that cannot be used, BadImage for a bad picture.
    """
    return TrainingRun(config, progress).train()
