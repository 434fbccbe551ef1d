"""Training batches: sampled images in random views, some of them mixed, with the concepts they show.

All randomness comes from torch's global generator, so that a run resumed from its checkpoint draws the same batches as
one that was never stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from engine.errors import InvalidSetting
from indexer.train import augment, scenes
from indexer.train.augment import Views
from indexer.train.corpus import LABELS, Corpus

# A drawn or studio image of one product is cropped less than a photo, since its text mentions what would be cropped.
PHOTO_VIEWS = Views()
PRODUCT_VIEWS = Views(
    scale=(0.65, 1.0), rotation=6.0, brightness=0.15, contrast=0.15, saturation=0.1, tint=0.03, erase=0.0
)
# Photos are compared with the product image, which is one among many images of its item.
PRODUCT_WEIGHT = 4.0
# Shares of product images that are pasted into a scene, and of photos that get another background.
COMPOSED, SWAPPED = 0.6, 0.3


@dataclass(frozen=True, slots=True)
class Batch:
    """n images and the u concepts they show.

    Attributes:
        images: (n, 3, s, s) in 0..1.
        concepts: (u,) positions in the corpus.
        targets: (n, u) share of each image that shows a concept; rows sum to 1.
        shown: (n,) the concept of each image before mixing.
        clean: (n,) whether an image is not mixed.
    """

    images: torch.Tensor
    concepts: torch.Tensor
    targets: torch.Tensor
    shown: torch.Tensor
    clean: torch.Tensor


class BatchSampler:
    """Draws batches from the training images, each source by its share."""

    def __init__(self, corpus: Corpus, positions: Sequence[int], pixels: torch.Tensor, shares: Sequence[float]):
        """pixels: (n, 3, s, s) uint8 of all images. Raises InvalidSetting if the shares do not match the sources."""
        if shares and (len(shares) != len(corpus.sources) or min(shares) < 0 or sum(shares) <= 0):
            raise InvalidSetting(
                f"expected {len(corpus.sources)} shares, one for each source and not all 0, got {list(shares)}"
            )
        self.pixels = pixels
        self.positions = torch.tensor(positions)
        self.concept_of = torch.tensor([picture.concept for picture in corpus.pictures])
        self.is_photo = torch.tensor(
            [not p.product or corpus.sources[corpus.concepts[p.concept].source].photographed for p in corpus.pictures]
        )
        self.source_of = torch.tensor([concept.source for concept in corpus.concepts])
        self.is_label = torch.tensor([source.kind == LABELS for source in corpus.sources])
        is_product = torch.tensor([picture.product for picture in corpus.pictures])
        self.products = products = self.positions[(is_product & self.is_photo)[self.positions]]
        self.photos = self.positions[(~is_product)[self.positions]]
        self.masks = scenes.cut_out(pixels[products])
        self.cut = torch.full((len(corpus.pictures),), -1)
        self.cut[products] = torch.arange(len(products))
        self.is_cut = torch.zeros(len(corpus.pictures), dtype=torch.bool)
        self.is_cut[products] = self.masks.sum(dim=(1, 2, 3)) > 0
        weights = torch.where((is_product & self.is_photo)[self.positions], PRODUCT_WEIGHT, 1.0).double()
        if shares:
            sources = self.source_of[self.concept_of[self.positions]]
            totals = torch.zeros(len(shares), dtype=torch.float64).index_add_(0, sources, weights)
            weights *= (torch.tensor(shares, dtype=torch.float64) / totals.clamp(min=1))[sources]
        self.weights = weights

    def draw(self, size: int, side: int, mixed: float) -> Batch:
        """Return a batch. mixed: the share of its photos that is blended with other photos of the batch."""
        chosen = self.positions[torch.multinomial(self.weights, size, replacement=True)]
        photo = self.is_photo[chosen]
        chosen = torch.cat([chosen[photo], chosen[~photo]])
        photos = int(photo.sum())
        images = torch.empty(size, 3, side, side)
        if photos:
            images[:photos] = self._photos(chosen[:photos], side)
        if photos < size:
            images[photos:] = augment.random_views(self.pixels[chosen[photos:]], side, PRODUCT_VIEWS)
        shown = self.concept_of[chosen]
        concepts, column = shown.unique(return_inverse=True)
        targets = torch.nn.functional.one_hot(column, len(concepts)).float()
        clean = torch.ones(size, dtype=torch.bool)
        count = round(photos * mixed)
        if count > 1:
            images[:count], partner, kept = augment.mix(images[:count], alpha=0.6)
            own = targets[:count]
            targets[:count] = own * kept[:, None] + own[partner] * (1 - kept[:, None])
            clean[:count] = False
        return Batch(images, concepts, targets, shown, clean)

    def whole(self, positions: torch.Tensor, side: int) -> torch.Tensor:
        """Return (n, 3, side, side) in 0..1 of the whole images, without augmentation."""
        return augment.centre_views(self.pixels[positions], side)

    def _photos(self, chosen: torch.Tensor, side: int) -> torch.Tensor:
        """Return views of photos and of the product images among them, some with another background."""
        images = augment.random_views(self.pixels[chosen], side, PHOTO_VIEWS)
        others = self.photos[torch.randint(len(self.photos), (len(chosen),))]
        backgrounds = augment.random_views(self.pixels[others], side, PHOTO_VIEWS)
        chance = torch.rand(len(chosen))
        swapped = ~self.is_cut[chosen] & (chance < SWAPPED)
        images[swapped] = scenes.swap_surroundings(images[swapped], backgrounds[swapped])
        alone = self.cut[chosen] >= 0
        composed = self.is_cut[chosen] & (chance < COMPOSED)
        if alone.any():
            # Photos are compared with the unchanged product image.
            images[alone] = augment.random_views(self.pixels[chosen[alone]], side, PRODUCT_VIEWS)
        if composed.any():
            products = chosen[composed]
            images[composed] = scenes.compose(
                self.pixels[products], self.masks[self.cut[products]], backgrounds[composed]
            )
        return images

    def comparable(self, concepts: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
        """Return (n, u) bool: False between a label and another source, since the label may well describe its items."""
        a, b = self.source_of[concepts][:, None], self.source_of[others][None, :]
        return (a == b) | ~(self.is_label[a] | self.is_label[b])
