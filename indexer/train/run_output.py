"""What a training run writes into its output folder: the model, metrics.json and loss.png."""

from indexer.train import curve, held_out, run_checkpoint
from indexer.train.pairs import PairTask
from indexer.train.train_config import TrainConfig
from indexer.train.training_data import TrainingData
from indexer.train.training_state import TrainingState


def measure(data: TrainingData, state: TrainingState, pairs: PairTask | None) -> dict[str, float]:
    """Return the held-out metrics of the averaged weights."""
    metrics = held_out.measure(data.trainee, state.average, data.corpus, data.split, data.pixels)
    return metrics if pairs is None else metrics | pairs.measure(state.average)


def write(config: TrainConfig, data: TrainingData, state: TrainingState, metrics: dict[str, float]) -> None:
    """Write the averaged weights in open_clip's format, the metrics and the chart."""
    run_checkpoint.export(config.out, data.trainee, state.average.state_dict(), config.precision)
    run_checkpoint.write_json(
        config.out / "metrics.json",
        {
            "steps": state.step,
            "sources": [source.path.name for source in data.corpus.sources],
            "heldout": metrics,
            "history": state.history,
            "heldout_pictures": [data.corpus.pictures[position].path.name for position in data.split.heldout],
        },
    )
    curve.draw(state.history, config.out / "loss.png")
