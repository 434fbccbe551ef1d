"""Training of the head on what the two frozen towers say."""

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
# A word that is said of more classes than this says little.
_MOST_CLASSES = 150
_SURE = 0.4


@dataclass(frozen=True, slots=True)
class AlignmentPairs:
    """Pictures and texts that fit them. places: (n,) rows of the features.   texts: (n, t, 384).   group: (n,)."""

    places: Tensor
    texts: Tensor
    group: Tensor
    weight: float


@dataclass(frozen=True, slots=True)
class AlignmentCorpus:
    """All that a head trains on. values: (n, d).

    vocabulary: (t, 384) texts said of ImageNet's classes, membership: (t, 1000) of which.
    """

    values: Tensor
    classes: ClassifierClasses
    vocabulary: Tensor
    membership: Tensor
    pairs: Sequence[AlignmentPairs]


def gather(
    features: Sequence[TrunkFeatures], weight: Tensor, bias: Tensor, sentences: SentenceVectors
) -> AlignmentCorpus:
    """Return the corpus of the features of all sources. weight, bias: the classifier's."""
    known = imagenet_classes()
    said = [one.texts() for one in known]
    # All at once: the sentence model is opened for each call that has new texts.
    rows = sentences([text for texts in said for text in texts]).split([len(texts) for texts in said])
    names = torch.stack([F.normalize(some.mean(0), dim=-1) for some in rows])
    owners: dict[str, list[int]] = {}
    for number, texts in enumerate(said):
        for text in dict.fromkeys((*texts, *known[number].kinds())):
            owners.setdefault(text, []).append(number)
    owners = {text: numbers for text, numbers in owners.items() if len(numbers) <= _MOST_CLASSES}
    membership = torch.zeros(len(owners), len(known))
    for place, numbers in enumerate(owners.values()):
        membership[place, numbers] = 1.0
    looked = [row for one in features for row in one.rows]
    values = torch.cat([torch.from_numpy(one.values) for one in features])
    return AlignmentCorpus(
        values=values,
        classes=ClassifierClasses(weight, bias, names),
        vocabulary=sentences(list(owners)),
        membership=membership,
        pairs=[
            *_pairs(looked, sentences),
            *_seen(looked, values, ClassifierClasses(weight, bias, names), known, sentences),
        ],
    )


def fit(
    corpus: AlignmentCorpus, steps: int, seed: int, progress: Callable[[int, float], None], rate: float = 4e-4
) -> AlignmentHead:
    """Return a head trained for that many steps; the same seed gives the same head on the same machine."""
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
    """Return the head with the mean of their weights, which works since all began as one."""
    states = [head.state_dict() for head in heads]
    heads[0].load_state_dict({name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]})
    return heads[0]


def _loss(head: AlignmentHead, corpus: AlignmentCorpus, centers: Tensor, temperature: Tensor) -> Tensor:
    """Pictures of any class near its names, as the classifier sees them; and pairs near each other."""
    features = torch.cat([_imagined(corpus, centers, _BATCH // 3), _some(corpus.values, _BATCH - _BATCH // 3)])
    probabilities = corpus.classes.probabilities(features[:, : corpus.classes.weight.shape[1]])
    drawn = []
    for pairs in corpus.pairs:
        at = torch.randint(len(pairs.places), (_PAIRS,))
        drawn.append((pairs, at, pairs.texts[at, torch.randint(pairs.texts.shape[1], (_PAIRS,))]))
    shown = [corpus.values[pairs.places[at]] for pairs, at, _ in drawn]
    semantic = head(torch.cat([features, *shown]))
    rows, *rest = F.normalize(semantic, dim=-1).split([len(features), *([_PAIRS] * len(drawn))])
    loss: Tensor = _even(semantic)
    loss = loss + 2.0 * (1 - (rows * corpus.classes.combine(probabilities)).sum(-1)).mean()
    texts = torch.randperm(len(corpus.vocabulary))[:_TEXTS]
    fits = probabilities @ corpus.membership[texts].T
    loss = loss + 0.5 * soft_contrast(rows @ corpus.vocabulary[texts].T * temperature, fits)
    for (pairs, at, said), own in zip(drawn, rest, strict=True):
        same = (pairs.group[at][:, None] == pairs.group[at][None]).float()
        loss = loss + pairs.weight * soft_contrast(own @ said.T * temperature, same)
    return loss


def _even(rows: Tensor) -> Tensor:
    """Lengths near 1, so that heads joined by their mean count alike."""
    uneven: Tensor = (rows.norm(dim=-1) - 1).square().mean()
    return uneven


def soft_contrast(likeness: Tensor, fits: Tensor) -> Tensor:
    """Return the cross entropy of similarities with soft targets, over rows and over columns.

    likeness, fits: (pictures, texts), fits >= 0. A text that hardly fits any picture here counts little.
    """
    rows = fits / fits.sum(1, keepdim=True).clamp(min=1e-6)
    mass = fits.sum(0)
    columns = fits / mass.clamp(min=1e-6)
    weight = mass / (mass + 0.3)
    over_texts = -(rows * likeness.log_softmax(1)).sum(1).mean()
    over_pictures = -((columns * likeness.log_softmax(0)).sum(0) * weight).sum() / weight.sum()
    loss: Tensor = over_texts + over_pictures
    return loss


def _class_centers(corpus: AlignmentCorpus) -> Tensor:
    """Return (1000, 1280): how far from the mean a picture of each class lies, as a linear discriminant would have it.

    No picture of ImageNet is needed: a class's weights times the features' covariance point there, and are scaled so
    that the class's own logit leads by 12.
    """
    pooled = corpus.values[:, : corpus.classes.weight.shape[1]]
    centered = pooled - pooled.mean(0)
    covariance = centered.T @ centered / len(centered)
    covariance = 0.7 * covariance + 0.3 * torch.diag(torch.diagonal(covariance))
    weight = corpus.classes.weight - corpus.classes.weight.mean(0)
    directions = weight @ covariance
    lead = (weight * directions).sum(-1, keepdim=True)
    return directions * 12.0 / lead.clamp(min=1e-6)


def _imagined(corpus: AlignmentCorpus, centers: Tensor, count: int) -> Tensor:
    """Return (count, d) features as pictures of any ImageNet class might have them."""
    width = centers.shape[1]
    first, second = _some(corpus.values, count), _some(corpus.values, count)
    mean = corpus.values[:, :width].mean(0)
    pull = centers[torch.randint(len(centers), (count,))] * (0.5 + torch.rand(count, 1))
    noise = 0.6 * (first[:, :width] - second[:, :width])
    share = torch.rand(count, 1) * 0.6 + 0.3
    pooled = ((mean + pull + noise) * share + first[:, :width] * (1 - share)).clamp(0, 6)
    return torch.cat([pooled, first[:, width:]], dim=1)


def _some(values: Tensor, count: int) -> Tensor:
    return values[torch.randint(len(values), (count,))]


def _pairs(rows: Sequence[FeatureRow], sentences: SentenceVectors) -> list[AlignmentPairs]:
    by_source = {
        source: [place for place, row in enumerate(rows) if row.source == source]
        for source in dict.fromkeys(row.source for row in rows)
    }
    found = []
    for source, weight in (("clothing", 0.7), ("grocery", 1.0), ("sample", 0.3), ("emoji", 0.2)):
        places = [place for place in by_source.get(source, []) if rows[place].view != "recoloured"]
        if places:
            found.append(
                _make(places, [rows[p].texts for p in places], [rows[p].group for p in places], weight, sentences)
            )
    coloured = [p for p in by_source.get("clothing", []) if rows[p].colour is not None]
    if coloured:
        texts = [tuple(f"{rows[p].colour} {text}" for text in rows[p].texts) for p in coloured]
        groups = [f"{rows[p].colour} {rows[p].group}" for p in coloured]
        found.append(_make(coloured, texts, groups, 0.6, sentences))
        plain = [(f"{rows[p].colour}", f"{rows[p].colour} clothing", f"a {rows[p].colour} thing") for p in coloured]
        found.append(_make(coloured, plain, [str(rows[p].colour) for p in coloured], 0.25, sentences))
    return found


def _seen(
    rows: Sequence[FeatureRow],
    values: Tensor,
    classes: ClassifierClasses,
    known: Sequence[ImageNetClass],
    sentences: SentenceVectors,
) -> list[AlignmentPairs]:
    """Return pictures of all sources with "colour name" of the class that the classifier is sure to see."""
    likeliest, numbers = classes.probabilities(values[:, : classes.weight.shape[1]]).max(-1)
    places = [p for p, row in enumerate(rows) if row.colour is not None and likeliest[p] > _SURE]
    if not places:
        return []
    texts = [(f"{rows[p].colour} {known[int(numbers[p])].names[0]}",) for p in places]
    coloured = [p for p, row in enumerate(rows) if row.colour is not None and row.source != "clothing"]
    colours = [(str(rows[p].colour), f"a {rows[p].colour} thing") for p in coloured]
    return [
        _make(places, texts, [text[0] for text in texts], 0.3, sentences),
        _make(coloured, colours, [text[0] for text in colours], 0.15, sentences),
    ]


def _make(
    places: Sequence[int],
    texts: Sequence[tuple[str, ...]],
    groups: Sequence[str],
    weight: float,
    sentences: SentenceVectors,
) -> AlignmentPairs:
    width = max(map(len, texts))
    every = [some[number % len(some)] for some in texts for number in range(width)]
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return AlignmentPairs(
        torch.tensor(places),
        sentences(every).reshape(len(texts), width, -1),
        torch.tensor([numbers[group] for group in groups]),
        weight,
    )
