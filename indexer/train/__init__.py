"""Training of open_clip models on a catalogue: `train(TrainConfig(...))`; torch is at home here."""

from indexer.train.config import TrainConfig
from indexer.train.loop import Progress, TrainReport, train

__all__ = ["Progress", "TrainConfig", "TrainReport", "train"]
