"""Training of open_clip models on a catalogue: `train(TrainConfig(...))`; torch is at home here."""

from indexer.train.loop import TrainingProgress, TrainReport, train
from indexer.train.train_config import TrainConfig

__all__ = ["TrainConfig", "TrainReport", "TrainingProgress", "train"]
