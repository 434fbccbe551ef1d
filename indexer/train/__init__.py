"""Training of open_clip models on a catalogue: `train(TrainConfig(...))`; one of the two packages that import torch."""

from indexer.train.loop import TrainingProgress, TrainReport, train
from indexer.train.train_config import TrainConfig

__all__ = ["TrainConfig", "TrainReport", "TrainingProgress", "train"]
