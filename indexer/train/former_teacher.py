"""A finished model as the teacher of a run that starts from it, so that the run does not unlearn its photos."""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional

from indexer.train import held_out, teacher
from indexer.train.architecture import open_trainee
from indexer.train.corpus import Corpus


class FormerTeacher(nn.Module):
    """An open_clip model that classifies by texts: (n, 3, s, s) images in 0..1 to (n, classes) logits."""

    def __init__(self, folder: Path, corpus: Corpus, classes: list[int]):
        super().__init__()
        trainee = open_trainee(f"local-dir:{folder}", None, (), 0)
        self.model = trainee.model.eval().requires_grad_(False)
        self.mean, self.std = held_out.normal(trainee)
        self.texts = held_out.encode_texts(trainee, self.model, [corpus.concepts[c].text for c in classes])

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return (n, classes) logits at the model's own temperature."""
        unit = functional.normalize(self.model.encode_image((pictures - self.mean) / self.std), dim=-1)
        logits: torch.Tensor = self.model.logit_scale.exp() * unit @ self.texts.T
        return logits


def load(folder: Path, corpus: Corpus) -> tuple[FormerTeacher, list[str]]:
    """Return the model of this folder in evaluation mode, and the names of its classes: all concepts with photos."""
    classes = [i for i, concept in enumerate(corpus.concepts) if corpus.sources[concept.source].photographed]
    return FormerTeacher(folder, corpus, classes), [teacher.class_name(corpus, concept) for concept in classes]
