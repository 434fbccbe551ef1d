"""One command's worth: from packages and photos to a model's folder. What is there already is not done again."""

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
    """What a run reads and writes, and its settings.

    packages: folder of the downloaded packages. clothing: unpacked photos, train/CLASS/*.jpg. grocery: unpacked photos,
    train/…/*.jpg, and classes.csv. work: where features and heads are kept between runs.
    items: how many drawn goods, sample_seed: of which seed. steps: of each of the HEADS that are joined; 0 for one as
    it begins. weights: how much each counts. seeds: of the trainings whose mean weights are a head. visual: share of a
    picture's row, squared, that is the visual part.
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
    """What a run did: pictures looked at, heads trained now, and the folder."""

    pictures: int
    trained: int
    out: Path


def read_config(recipe: Path, **given: Any) -> AlignmentConfig:
    """Return the recipe's settings and those given. Raises InvalidSetting for a file or name that is not right."""
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

    progress: called with a stage, what is done of it, and of how much (None: not known). Raises InvalidSetting if a
    package or the photos are missing.
    """
    torch.set_num_threads(config.threads)
    packages = Packages(config.packages)
    classifier = packages.classifier()
    trunk = Trunk(classifier)
    looked = _look(config, packages, trunk, progress)
    sentences = SentenceVectors(packages, config.work)
    last = classifier.classifier
    corpus = gather(looked, last.weight.detach(), last.bias.detach(), sentences)
    heads, trained = [], 0
    for steps in config.steps:
        seeded = [_head(config, corpus, steps, seed, progress) for seed in (config.seeds if steps else (0,))]
        heads.append(average([head for head, _ in seeded]))
        trained += sum(new for _, new in seeded)
    pooled = corpus.values[:, : last.in_features]
    export(config.out, packages, trunk, join(heads, config.weights, pooled, config.visual))
    return AlignmentResult(len(corpus.values), trained, config.out)


def _look(config: AlignmentConfig, packages: Packages, trunk: Trunk, progress: Progress) -> list[TrunkFeatures]:
    drawn = config.work / f"sample-{config.items}-{config.sample_seed}"
    if not (drawn / "catalog.jsonl").is_file():
        indexer.sample.write(drawn, config.items, config.sample_seed, lambda done, total: progress("draw", done, total))
    sources = {
        "clothing": (lambda: training_images.clothing(config.clothing), ("plain", "changed", "recoloured")),
        "grocery": (lambda: training_images.grocery(config.grocery), ("plain", "changed")),
        "sample": (lambda: training_images.sample(drawn), ("plain", "changed")),
        "emoji": (lambda: training_images.emoji(packages), ("plain",)),
    }
    found = []
    for name, (source, views) in sources.items():
        for view in views:
            stage = f"look at {name}, {view}"
            features = compute(trunk, name, view, source(), config.work, partial(_report, progress, stage))
            if not features.rows:
                raise InvalidSetting(f"expected pictures of {name}, got none; see `indexer align --help`")
            found.append(features)
    return found


def _report(progress: Progress, stage: str, done: int) -> None:
    progress(stage, done, None)


def _head(
    config: AlignmentConfig, corpus: AlignmentCorpus, steps: int, seed: int, progress: Progress
) -> tuple[AlignmentHead, bool]:
    """Return the head of a seed after so many steps, and whether it was trained now."""
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
