"""The training loop: from settings to a model in open_clip's format, resuming where a killed run stopped."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from indexer.train import caption_stage, pairs, run_output, training_data
from indexer.train.architecture import set_patch_dropout
from indexer.train.batch_loss import BatchLoss
from indexer.train.pairs import PairTask
from indexer.train.teacher_signal import open_teacher
from indexer.train.train_config import TrainConfig
from indexer.train.training_data import TrainingData
from indexer.train.training_state import TrainingState

# While the learning rate falls, fewer photos of a batch are blended.
_SETTLED_MIX = 0.3


@dataclass(frozen=True, slots=True)
class TrainingProgress:
    """The progress of a run.

    Attributes:
        stage: "load images", "train teacher", "training" or "train captions".
        done: Finished images or steps of the stage.
        total: All images or steps of the stage.
        rate: Images per second; 0 outside of "training".
        left_s: Estimated seconds to the end; 0 outside of "training".
        losses: Losses of the last step by name.
        metrics: Held-out metrics by name, as last measured.
    """

    stage: str
    done: int
    total: int
    rate: float
    left_s: float
    losses: dict[str, float]
    metrics: dict[str, float]


@dataclass(frozen=True, slots=True)
class TrainReport:
    """The result of a run.

    Attributes:
        out: The model's folder.
        steps: Finished steps.
        resumed_at: The step at which this run resumed a former one; 0 for a new run.
        losses: Losses of the last step by name.
        metrics: Held-out metrics by name.
        seconds: Duration of this run.
    """

    out: Path
    steps: int
    resumed_at: int
    losses: dict[str, float]
    metrics: dict[str, float]
    seconds: float


class TrainingRun:
    """One run: its data and state are set up, then `train` does the steps that are left."""

    def __init__(self, config: TrainConfig, progress: Callable[[TrainingProgress], None]):
        self._config = config
        self._progress = progress
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        # From here on the order matters: each of these may draw from torch's generator.
        self._data = training_data.load(config, self._stage_report("load images"))
        teacher = open_teacher(config, self._data, self._stage_report("train teacher"))
        self._pairs = _open_pairs(config, self._data)
        class_count = 1 if teacher is None else teacher.class_count
        self._state = TrainingState(config, self._data.trainee, self._data.corpus, class_count)
        self._loss = BatchLoss(config, self._data, self._state, teacher, self._pairs)

    def train(self) -> TrainReport:
        """Do the steps that are left, and write the model."""
        config, state, started = self._config, self._state, time.monotonic()
        resumed_at = state.resume()
        losses, metrics = (state.history[-1] if state.history else {}), {}
        while state.step < config.steps:
            losses = self._do_step()
            state.step += 1
            last = state.step == config.steps
            if state.step % config.report_every == 0 or last:
                metrics = self._measure()
                state.history.append({"step": float(state.step), **losses, **metrics})
                self._write(metrics)
            if state.step % config.checkpoint_every == 0 or last:
                state.save()
            rate = (state.step - resumed_at) / (time.monotonic() - started)
            left_s = (config.steps - state.step) / rate
            self._progress(
                TrainingProgress("training", state.step, config.steps, rate * config.batch, left_s, losses, metrics)
            )
        if self._data.trainee.is_captioner and config.caption_steps:
            losses = losses | {"caption_stage": self._train_captions()}
            metrics = {}
        if not metrics:
            metrics = self._measure()
        self._write(metrics)
        return TrainReport(config.out, state.step, resumed_at, losses, metrics, time.monotonic() - started)

    def _do_step(self) -> dict[str, float]:
        config, state = self._config, self._state
        settled = config.settling(state.step) > 0
        for group in state.optimizer.param_groups:
            group["lr"] = config.learning_rate_at(state.step)
        set_patch_dropout(state.model, 0.0 if settled else config.patch_dropout)
        mix = config.mix * (_SETTLED_MIX if settled else 1.0)
        batch = self._data.sampler.draw(config.batch, self._data.trainee.image_size, mix)
        with torch.autocast(config.device, torch.bfloat16, enabled=config.autocast):
            losses = self._loss(batch)
        total = torch.stack(list(losses.values())).sum()
        state.optimizer.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(state.model.parameters(), 1.0)
        state.optimizer.step()
        with torch.no_grad():
            state.model.logit_scale.clamp_(0, math.log(100))
        state.update_average()
        return {name: round(value.item(), 4) for name, value in losses.items()}

    def _train_captions(self) -> float:
        return caption_stage.refine(
            self._state.average, self._data.sampler, self._data.captions, self._loss.normalise,
            side=self._data.trainee.image_size, steps=self._config.caption_steps, pad=self._data.trainee.pad_id,
            progress=self._stage_report("train captions"),
        )  # fmt: skip

    def _measure(self) -> dict[str, float]:
        return run_output.measure(self._data, self._state, self._pairs)

    def _write(self, metrics: dict[str, float]) -> None:
        run_output.write(self._config, self._data, self._state, metrics)

    def _stage_report(self, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self._progress(TrainingProgress(stage, done, total, 0.0, 0.0, {}, {}))


def train(config: TrainConfig, progress: Callable[[TrainingProgress], None] = lambda _: None) -> TrainReport:
    """Train a model and write it to `config.out` in open_clip's format; a run found in `config.run_folder` is resumed.

    Writes open_clip_config.json, open_clip_model.safetensors, the tokenizer's files, metrics.json and loss.png.

    Raises:
        InvalidSetting: A setting cannot be used, or differs from those of the run to resume.
        InvalidCatalogue: A file cannot be used; the message names the row.
        BadImage: An image cannot be decoded.
    """
    return TrainingRun(config, progress).train()


def _open_pairs(config: TrainConfig, data: TrainingData) -> PairTask | None:
    if config.pairs is None:
        return None
    read = pairs.read(config.pairs, data.corpus)
    sampler = pairs.PairSampler(read, data.corpus, data.split, config.holdout, config.seed)
    return PairTask(sampler, data.trainee, data.pixels, data.texts, config.pairs_batch)
