"""The alignment command: from packages and photos to a model's folder. Results of former runs are reused."""

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch

import indexer.sample
from engine.errors import InvalidSetting
from indexer.train.alignment import training_images
from indexer.train.alignment.export import export
from indexer.train.alignment.fit import AlignmentCorpus, average, fit, gather
from indexer.train.alignment.head import HEADS, AlignmentHead, join
from indexer.train.alignment.packages import Packages
from indexer.train.alignment.sentence_vectors import SentenceVectors
from indexer.train.alignment.trunk_features import Trunk, TrunkFeatures, compute

Progress = Callable[[str, int, int | None], None]


@dataclass(frozen=True, slots=True)
class AlignmentConfig:
    """The files and settings of a run.

    Attributes:
        packages: Folder of the downloaded packages.
        clothing: Folder of the clothing photos, train/CLASS/*.jpg.
        grocery: Folder of the grocery photos, train/…/*.jpg, and classes.csv.
        out: Folder for the model.
        work: Folder of features and heads, kept between runs.
        items: Number of items of the sample catalogue.
        sample_seed: Its seed.
        steps: Training steps of each of the HEADS that are joined; 0 for an untrained one.
        weights: Weight of each head.
        seeds: Seeds of the trainings whose weights are averaged into one head.
        visual: Squared share of the visual part in an image's vector.
        threads: CPU threads.
    """

    packages: Path
    clothing: Path
    grocery: Path
    out: Path
    work: Path
    items: int = 1500
    sample_seed: int = 42
    steps: tuple[int, ...] = (1000, 600, 0)
    weights: tuple[float, ...] = (2.0, 2.0, 1.0)
    seeds: tuple[int, ...] = (3, 4, 5)
    visual: float = 0.45
    threads: int = 1


@dataclass(frozen=True, slots=True)
class AlignmentResult:
    """The result of a run: the number of training images, the heads trained by this run, and the model's folder."""

    pictures: int
    trained: int
    out: Path


def read_config(recipe: Path, **given: Any) -> AlignmentConfig:
    """Return the recipe's settings, overridden by those given. Raises InvalidSetting for a bad file or name."""
    try:
        values = tomllib.loads(recipe.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InvalidSetting(f"expected a TOML file at {recipe}, got {error}") from error
    unknown = sorted(set(values) - {field.name for field in fields(AlignmentConfig)})
    if unknown:
        raise InvalidSetting(f"unknown settings in {recipe}: {', '.join(unknown)}")
    for name in {"steps", "weights", "seeds"} & set(values):
        values[name] = tuple(values[name])
    config = AlignmentConfig(**{**values, **given})
    if not len(config.steps) == len(config.weights) == HEADS:
        raise InvalidSetting(
            f"expected steps and weights of {HEADS} heads, got {list(config.steps)} and {list(config.weights)}"
        )
    return config


def align(config: AlignmentConfig, progress: Progress) -> AlignmentResult:
    """Train the heads and export the model. Cost: about 25 CPU minutes with the shipped recipe.

    Args:
        progress: Called with a stage, the finished units and all units (None if unknown).

    Raises:
        InvalidSetting: A package or the photos are missing.
    """
    torch.set_num_threads(config.threads)
    packages = Packages(config.packages)
    classifier = packages.classifier()
    trunk = Trunk(classifier)
    features = _compute_features(config, packages, trunk, progress)
    sentences = SentenceVectors(packages, config.work)
    last = classifier.classifier
    corpus = gather(features, last.weight.detach(), last.bias.detach(), sentences)
    heads, trained = [], 0
    for steps in config.steps:
        seeded = [_head(config, corpus, steps, seed, progress) for seed in (config.seeds if steps else (0,))]
        heads.append(average([head for head, _ in seeded]))
        trained += sum(new for _, new in seeded)
    pooled = corpus.values[:, : last.in_features]
    export(config.out, packages, trunk, join(heads, config.weights, pooled, config.visual))
    return AlignmentResult(len(corpus.values), trained, config.out)


def _compute_features(
    config: AlignmentConfig, packages: Packages, trunk: Trunk, progress: Progress
) -> list[TrunkFeatures]:
    sample = config.work / f"sample-{config.items}-{config.sample_seed}"
    if not (sample / "catalog.jsonl").is_file():
        indexer.sample.write(
            sample, config.items, config.sample_seed, lambda done, total: progress("draw sample", done, total)
        )
    sources = {
        "clothing": (lambda: training_images.clothing(config.clothing), ("plain", "changed", "recoloured")),
        "grocery": (lambda: training_images.grocery(config.grocery), ("plain", "changed")),
        "sample": (lambda: training_images.sample(sample), ("plain", "changed")),
        "emoji": (lambda: training_images.emoji(packages), ("plain",)),
    }
    computed = []
    for name, (source, views) in sources.items():
        for view in views:
            stage = f"compute features of {name}, {view}"
            features = compute(trunk, name, view, source(), config.work, partial(_report, progress, stage))
            if not features.rows:
                raise InvalidSetting(f"expected pictures of {name}, got none; see `indexer align --help`")
            computed.append(features)
    return computed


def _report(progress: Progress, stage: str, done: int) -> None:
    progress(stage, done, None)


def _head(
    config: AlignmentConfig, corpus: AlignmentCorpus, steps: int, seed: int, progress: Progress
) -> tuple[AlignmentHead, bool]:
    """Return the head of a seed after this many steps, and whether this run trained it."""
    if not steps:
        return AlignmentHead(corpus.values, corpus.classes).eval(), False
    file = config.work / f"head-{steps}-{seed}.pt"
    if file.is_file():
        head = AlignmentHead(corpus.values, corpus.classes)
        head.load_state_dict(torch.load(file, weights_only=True))
        return head.eval(), False
    stage = f"train head {seed} for {steps} steps"
    head = fit(corpus, steps, seed, lambda step, loss: progress(stage, step, steps))
    draft = file.with_suffix(".draft")
    torch.save(head.state_dict(), draft)
    draft.replace(file)
    return head, True
