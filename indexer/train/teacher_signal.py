"""A teacher's part in training: soft targets for the contrastive loss, and an auxiliary classification loss."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from indexer.train import former_teacher, objective, teacher
from indexer.train.batches import Batch, BatchSampler
from indexer.train.train_config import TrainConfig
from indexer.train.training_data import TrainingData


@dataclass(frozen=True, slots=True)
class TeacherSignal:
    """A frozen classifier of images, with the corpus concepts that it knows.

    Attributes:
        classifier: (n, 3, s, s) images in 0..1 to (n, class_count) logits.
        class_count: Number of its classes.
        class_of: (concepts,) the class of each concept, -1 where it has none.
        weight: Share of its answers in the targets, and weight of the auxiliary loss.
    """

    classifier: nn.Module
    class_count: int
    class_of: torch.Tensor
    weight: float

    def apply(self, batch: Batch, latent: torch.Tensor, auxiliary: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the batch's targets softened by the teacher, and the loss of the auxiliary classifier against it."""
        rows = torch.nonzero(self.class_of[batch.shown] >= 0).flatten()
        targets = batch.targets
        if not len(rows):
            return targets, latent.sum() * 0
        with torch.no_grad():
            answers = self.classifier(batch.images[rows]).float().softmax(dim=1)
        column = self.class_of[batch.concepts]
        soft = torch.zeros_like(targets)
        soft[rows] = torch.where(column >= 0, answers[:, column.clamp(min=0)], torch.zeros(()))
        known = torch.zeros(len(targets), dtype=torch.bool)
        known[rows] = True
        logits = auxiliary(latent[rows.to(latent.device)]).float()
        loss = self.weight * functional.cross_entropy(logits, answers.to(logits.device))
        return objective.blend_teacher(targets, soft, known, self.weight), loss


def open_teacher(config: TrainConfig, data: TrainingData, report: Callable[[int, int], None]) -> TeacherSignal | None:
    """Return the teacher of a run, trained first where the settings ask for it; None if they ask for none."""
    path = config.teacher or config.run_folder / "teacher.pt"
    if config.teacher_steps and not path.is_file():
        teacher.fit(
            data.corpus, BatchSampler(data.corpus, data.photographed(), data.pixels, ()), path,
            side=data.trainee.image_size, steps=config.teacher_steps, progress=report,
        )  # fmt: skip
    if config.teacher is None and not config.teacher_steps:
        return None
    model, names = former_teacher.load(path, data.corpus) if path.is_dir() else teacher.load(path)
    known = {name: position for position, name in enumerate(names)}
    keys = [teacher.class_name(data.corpus, concept) for concept in range(len(data.corpus.concepts))]
    return TeacherSignal(model, len(names), torch.tensor([known.get(key, -1) for key in keys]), config.teacher_weight)
