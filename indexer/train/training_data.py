"""What a training run reads before its first step: corpus, split, the model's tokenised texts, and images in memory."""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from indexer.train import corpus, image_memory
from indexer.train.architecture import Trainee, open_trainee
from indexer.train.batches import BatchSampler
from indexer.train.corpus import Corpus, Split
from indexer.train.train_config import TrainConfig

# Images are kept larger than the model takes them, so that crops lose no detail.
_SIDE_FACTOR = 1.4


@dataclass(frozen=True, slots=True)
class TrainingData:
    """The inputs of every step.

    Attributes:
        corpus: Concepts and the images that show them.
        split: Which images are trained on.
        trainee: The model to train, with its tokenizer.
        texts: (concepts, length) token ids of the text of each concept.
        captions: (concepts, length) token ids of the caption of each concept.
        text_kinds: Token ids of every kind of text: text, title, caption, then each short template.
        pixels: (n, 3, side, side) uint8, every image of the corpus.
        sampler: Draws batches from the training images.
    """

    corpus: Corpus
    split: Split
    trainee: Trainee
    texts: torch.Tensor
    captions: torch.Tensor
    text_kinds: tuple[torch.Tensor, ...]
    pixels: torch.Tensor
    sampler: BatchSampler

    def photographed(self) -> list[int]:
        """Return the positions of training images whose source has photos."""
        concepts, sources = self.corpus.concepts, self.corpus.sources
        return [
            position
            for position in self.split.train
            if sources[concepts[self.corpus.pictures[position].concept].source].photographed
        ]


def load(config: TrainConfig, report: Callable[[int, int], None]) -> TrainingData:
    """Read the files of a run and open its model; a model from scratch gets its weights from torch's generator."""
    read = corpus.read(
        config.catalogs, config.photos, text_template=config.text_template,
        caption_templates=config.caption_templates, label_template=config.label_template,
        short_templates=config.short_templates, attributes=config.attributes,
    )  # fmt: skip
    split = corpus.split(read, config.holdout, config.seed)
    lines = [line for concept in read.concepts for line in (concept.text, concept.caption)]
    trainee = open_trainee(config.model, config.pretrained, lines, config.vocabulary)
    texts, titles, captions = (
        trainee.tokenize([getattr(concept, kind) for concept in read.concepts]) for kind in ("text", "title", "caption")
    )
    shorts = [trainee.tokenize(texts) for texts in zip(*(concept.shorts for concept in read.concepts), strict=True)]
    side = config.pictures_side or round(trainee.image_size * _SIDE_FACTOR)
    pixels = image_memory.load([picture.path for picture in read.pictures], side, report)
    return TrainingData(
        corpus=read,
        split=split,
        trainee=trainee,
        texts=texts,
        captions=captions,
        text_kinds=(texts, titles, captions, *shorts),
        pixels=pixels,
        sampler=BatchSampler(read, split.train, pixels, config.shares),
    )
