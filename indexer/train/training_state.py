"""The state of a training run: everything a checkpoint holds, so that a killed run resumes as if never stopped."""

from copy import deepcopy
from typing import Any

import torch
from torch import nn

from engine.errors import InvalidSetting
from indexer.train import run_checkpoint
from indexer.train.architecture import Trainee
from indexer.train.attribute_head import AttributeHead
from indexer.train.corpus import Corpus
from indexer.train.train_config import TrainConfig


class TrainingState:
    """The model in training with its auxiliary heads, averaged weights, optimizer and history.

    Attributes:
        model: The model in training.
        average: Its averaged weights, which are measured and stored.
        auxiliary: Linear classifier that the teacher's answers train.
        attribute_head: Linear classifiers of attributes.
        step: Number of finished steps.
        history: Losses and metrics of each report.
        products: (p, d) rows of the product images when they were last encoded; None before.
    """

    def __init__(self, config: TrainConfig, trainee: Trainee, corpus: Corpus, class_count: int) -> None:
        """class_count: of the teacher, 1 without one."""
        self._config = config
        self.model = trainee.model.to(config.device).train()
        # The heads draw their first weights from torch's generator: their order is part of what a seed means.
        self.auxiliary = nn.Linear(trainee.embed_dim, class_count).to(config.device)
        widths = [trainee.embed_dim] * (2 if trainee.is_captioner else 1)
        self.attribute_head = AttributeHead([concept.facts for concept in corpus.concepts], widths).to(config.device)
        self.average = deepcopy(self.model).eval()
        self.optimizer = torch.optim.AdamW(
            self._parameter_groups(), lr=config.learning_rate, betas=(0.9, 0.98), eps=1e-6
        )
        self.products: torch.Tensor | None = None
        self.step = 0
        self.history: list[dict[str, float]] = []

    @torch.no_grad()
    def update_average(self) -> None:
        """Move the averaged weights towards the model's, faster in the first steps."""
        decay = min(self._config.ema, self.step / (self.step + 10))
        for average, current in zip(self.average.parameters(), self.model.parameters(), strict=True):
            average.lerp_(current, 1 - decay)

    def resume(self) -> int:
        """Load the run folder's checkpoint, if there is one, and return the number of finished steps.

        Raises:
            InvalidSetting: The checkpoint comes from a run with other settings.
        """
        folder = self._config.run_folder
        checkpoint = run_checkpoint.load(folder)
        if checkpoint is None:
            return 0
        if changed := self._config.differences(checkpoint["config"]):
            raise InvalidSetting(
                f"{folder} holds a run with other settings ({', '.join(changed)}): expected the same "
                "settings to resume it, or another folder"
            )
        for name, module in self._modules().items():
            module.load_state_dict(checkpoint[name])
        self.step, self.history, self.products = checkpoint["step"], checkpoint["history"], checkpoint.get("products")
        return self.step

    def save(self) -> None:
        """Write a checkpoint into the run folder."""
        checkpoint = {
            "config": self._config.to_json(),
            "step": self.step,
            "history": self.history,
            "products": self.products,
            **{name: module.state_dict() for name, module in self._modules().items()},
        }
        run_checkpoint.save(self._config.run_folder, checkpoint)

    def _modules(self) -> dict[str, Any]:
        """Return what has a state, by its key in a checkpoint."""
        return {
            "model": self.model,
            "average": self.average,
            "auxiliary": self.auxiliary,
            "namer": self.attribute_head,
            "optimizer": self.optimizer,
        }

    def _parameter_groups(self) -> list[dict[str, Any]]:
        """Return the parameters in two groups: only matrices have weight decay."""
        modules = (self.model, self.auxiliary, self.attribute_head)
        parameters = [parameter for module in modules for parameter in module.parameters() if parameter.requires_grad]
        return [
            {"params": [p for p in parameters if p.ndim >= 2], "weight_decay": self._config.weight_decay},
            {"params": [p for p in parameters if p.ndim < 2], "weight_decay": 0.0},
        ]
