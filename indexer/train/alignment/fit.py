"""Training of the head on the outputs of the two frozen towers."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from indexer.train.alignment.head import AlignmentHead, ClassifierClasses
from indexer.train.alignment.imagenet import ImageNetClass
from indexer.train.alignment.imagenet import classes as imagenet_classes
from indexer.train.alignment.sentence_vectors import SentenceVectors
from indexer.train.alignment.trunk_features import FeatureRow, TrunkFeatures

_BATCH = 192
_PAIRS = 64
_TEXTS = 500
# A word that describes more classes than this is uninformative.
_MAX_CLASSES = 150
_MIN_PROBABILITY = 0.4


@dataclass(frozen=True, slots=True)
class AlignmentPairs:
    """Images and the texts that fit them.

    Attributes:
        rows: (n,) rows of the features.
        texts: (n, t, 384) unit rows.
        group: (n,) images of one group show the same.
        weight: Weight of their loss.
    """

    rows: Tensor
    texts: Tensor
    group: Tensor
    weight: float


@dataclass(frozen=True, slots=True)
class AlignmentCorpus:
    """The training data of a head.

    Attributes:
        values: (n, d) trunk features.
        classes: The classifier's classes.
        vocabulary: (t, 384) texts that describe ImageNet's classes.
        membership: (t, 1000) which classes a text describes.
        pairs: Images with fitting texts.
    """

    values: Tensor
    classes: ClassifierClasses
    vocabulary: Tensor
    membership: Tensor
    pairs: Sequence[AlignmentPairs]


def gather(
    features: Sequence[TrunkFeatures], weight: Tensor, bias: Tensor, sentences: SentenceVectors
) -> AlignmentCorpus:
    """Return the training data from the features of all sources. weight, bias: of the classifier."""
    known = imagenet_classes()
    class_texts = [imagenet_class.texts() for imagenet_class in known]
    # In one call: the sentence model is opened for each call that has new texts.
    all_texts = [text for texts in class_texts for text in texts]
    rows = sentences(all_texts).split([len(texts) for texts in class_texts])
    names = torch.stack([F.normalize(class_rows.mean(0), dim=-1) for class_rows in rows])
    owners: dict[str, list[int]] = {}
    for number, texts in enumerate(class_texts):
        for text in dict.fromkeys((*texts, *known[number].kinds())):
            owners.setdefault(text, []).append(number)
    owners = {text: numbers for text, numbers in owners.items() if len(numbers) <= _MAX_CLASSES}
    membership = torch.zeros(len(owners), len(known))
    for index, numbers in enumerate(owners.values()):
        membership[index, numbers] = 1.0
    feature_rows = [row for source in features for row in source.rows]
    values = torch.cat([torch.from_numpy(source.values) for source in features])
    return AlignmentCorpus(
        values=values,
        classes=ClassifierClasses(weight, bias, names),
        vocabulary=sentences(list(owners)),
        membership=membership,
        pairs=[
            *_labelled_pairs(feature_rows, sentences),
            *_predicted_pairs(feature_rows, values, ClassifierClasses(weight, bias, names), known, sentences),
        ],
    )


def fit(
    corpus: AlignmentCorpus, steps: int, seed: int, progress: Callable[[int, float], None], rate: float = 4e-4
) -> AlignmentHead:
    """Return a head trained for this many steps; the same seed gives the same head on the same machine."""
    head = AlignmentHead(corpus.values, corpus.classes)
    torch.manual_seed(seed)
    temperature = nn.Parameter(torch.tensor(3.2))
    groups = [
        {"params": head.parameters(), "weight_decay": 0.05},
        {"params": [temperature], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps, pct_start=0.1)
    centers = _class_centers(corpus)
    for step in range(steps):
        loss = _loss(head, corpus, centers, temperature.exp().clamp(max=100))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        progress(step + 1, float(loss.detach()))
    return head.eval()


def average(heads: Sequence[AlignmentHead]) -> AlignmentHead:
    """Return the head with the mean of the weights, which works since all heads start from the same ones."""
    states = [head.state_dict() for head in heads]
    heads[0].load_state_dict({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    return heads[0]


def _loss(head: AlignmentHead, corpus: AlignmentCorpus, centers: Tensor, temperature: Tensor) -> Tensor:
    """Return the loss that moves images near the names of their likeliest classes, and pairs near each other."""
    features = torch.cat([_synthesise(corpus, centers, _BATCH // 3), _draw_rows(corpus.values, _BATCH - _BATCH // 3)])
    probabilities = corpus.classes.probabilities(features[:, : corpus.classes.weight.shape[1]])
    drawn = []
    for pairs in corpus.pairs:
        at = torch.randint(len(pairs.rows), (_PAIRS,))
        drawn.append((pairs, at, pairs.texts[at, torch.randint(pairs.texts.shape[1], (_PAIRS,))]))
    images = [corpus.values[pairs.rows[at]] for pairs, at, _ in drawn]
    semantic = head(torch.cat([features, *images]))
    rows, *rest = F.normalize(semantic, dim=-1).split([len(features), *([_PAIRS] * len(drawn))])
    loss: Tensor = _length_loss(semantic)
    loss = loss + 2.0 * (1 - (rows * corpus.classes.combine(probabilities)).sum(-1)).mean()
    sample = torch.randperm(len(corpus.vocabulary))[:_TEXTS]
    fits = probabilities @ corpus.membership[sample].T
    loss = loss + 0.5 * soft_contrast(rows @ corpus.vocabulary[sample].T * temperature, fits)
    for (pairs, at, texts), own in zip(drawn, rest, strict=True):
        same = (pairs.group[at][:, None] == pairs.group[at][None]).float()
        loss = loss + pairs.weight * soft_contrast(own @ texts.T * temperature, same)
    return loss


def _length_loss(rows: Tensor) -> Tensor:
    """Return the loss that keeps lengths near 1, so that heads joined by their mean have equal influence."""
    loss: Tensor = (rows.norm(dim=-1) - 1).square().mean()
    return loss


def soft_contrast(similarities: Tensor, fits: Tensor) -> Tensor:
    """Return the cross entropy of similarities with soft targets, over rows and over columns.

    A text that hardly fits any of the images has a low weight.

    Args:
        similarities: (images, texts) similarities.
        fits: (images, texts) soft targets, at least 0.
    """
    rows = fits / fits.sum(1, keepdim=True).clamp(min=1e-6)
    mass = fits.sum(0)
    columns = fits / mass.clamp(min=1e-6)
    weight = mass / (mass + 0.3)
    over_texts = -(rows * similarities.log_softmax(1)).sum(1).mean()
    over_pictures = -((columns * similarities.log_softmax(0)).sum(0) * weight).sum() / weight.sum()
    loss: Tensor = over_texts + over_pictures
    return loss


def _class_centers(corpus: AlignmentCorpus) -> Tensor:
    """Return (1000, 1280): the offset from the mean to an image of each class, as in linear discriminant analysis.

    No image of ImageNet is needed: a class's weights times the covariance of the features point in that direction, and
    are scaled so that the logit of the class leads by 12.
    """
    pooled = corpus.values[:, : corpus.classes.weight.shape[1]]
    centered = pooled - pooled.mean(0)
    covariance = centered.T @ centered / len(centered)
    covariance = 0.7 * covariance + 0.3 * torch.diag(torch.diagonal(covariance))
    weight = corpus.classes.weight - corpus.classes.weight.mean(0)
    directions = weight @ covariance
    lead = (weight * directions).sum(-1, keepdim=True)
    return directions * 12.0 / lead.clamp(min=1e-6)


def _synthesise(corpus: AlignmentCorpus, centers: Tensor, count: int) -> Tensor:
    """Return (count, d) synthetic features, as images of any ImageNet class may have them."""
    width = centers.shape[1]
    first, second = _draw_rows(corpus.values, count), _draw_rows(corpus.values, count)
    mean = corpus.values[:, :width].mean(0)
    pull = centers[torch.randint(len(centers), (count,))] * (0.5 + torch.rand(count, 1))
    noise = 0.6 * (first[:, :width] - second[:, :width])
    share = torch.rand(count, 1) * 0.6 + 0.3
    pooled = ((mean + pull + noise) * share + first[:, :width] * (1 - share)).clamp(0, 6)
    return torch.cat([pooled, first[:, width:]], dim=1)


def _draw_rows(values: Tensor, count: int) -> Tensor:
    return values[torch.randint(len(values), (count,))]


def _labelled_pairs(rows: Sequence[FeatureRow], sentences: SentenceVectors) -> list[AlignmentPairs]:
    by_source = {
        source: [index for index, row in enumerate(rows) if row.source == source]
        for source in dict.fromkeys(row.source for row in rows)
    }
    pairs = []
    for source, weight in (("clothing", 0.7), ("grocery", 1.0), ("sample", 0.3), ("emoji", 0.2)):
        indices = [p for p in by_source.get(source, []) if rows[p].view != "recoloured"]
        if indices:
            pairs.append(
                _make_pairs(
                    indices, [rows[p].texts for p in indices], [rows[p].group for p in indices], weight, sentences
                )
            )
    coloured = [p for p in by_source.get("clothing", []) if rows[p].colour is not None]
    if coloured:
        texts = [tuple(f"{rows[p].colour} {text}" for text in rows[p].texts) for p in coloured]
        groups = [f"{rows[p].colour} {rows[p].group}" for p in coloured]
        pairs.append(_make_pairs(coloured, texts, groups, 0.6, sentences))
        plain = [(f"{rows[p].colour}", f"{rows[p].colour} clothing", f"a {rows[p].colour} thing") for p in coloured]
        pairs.append(_make_pairs(coloured, plain, [str(rows[p].colour) for p in coloured], 0.25, sentences))
    return pairs


def _predicted_pairs(
    rows: Sequence[FeatureRow],
    values: Tensor,
    classes: ClassifierClasses,
    known: Sequence[ImageNetClass],
    sentences: SentenceVectors,
) -> list[AlignmentPairs]:
    """Return images of all sources with "colour name" of the class that the classifier is confident of."""
    likeliest, numbers = classes.probabilities(values[:, : classes.weight.shape[1]]).max(-1)
    indices = [p for p, row in enumerate(rows) if row.colour is not None and likeliest[p] > _MIN_PROBABILITY]
    if not indices:
        return []
    texts = [(f"{rows[p].colour} {known[int(numbers[p])].names[0]}",) for p in indices]
    coloured = [p for p, row in enumerate(rows) if row.colour is not None and row.source != "clothing"]
    colours = [(str(rows[p].colour), f"a {rows[p].colour} thing") for p in coloured]
    return [
        _make_pairs(indices, texts, [text[0] for text in texts], 0.3, sentences),
        _make_pairs(coloured, colours, [text[0] for text in colours], 0.15, sentences),
    ]


def _make_pairs(
    indices: Sequence[int],
    texts: Sequence[tuple[str, ...]],
    groups: Sequence[str],
    weight: float,
    sentences: SentenceVectors,
) -> AlignmentPairs:
    width = max(map(len, texts))
    padded = [row_texts[number % len(row_texts)] for row_texts in texts for number in range(width)]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return AlignmentPairs(
        torch.tensor(indices),
        sentences(padded).reshape(len(texts), width, -1),
        torch.tensor([numbers[group] for group in groups]),
        weight,
    )
