"""Training on pairs of a query and an item, from judgments or clicks.

One file with `query` (text) or `query_image` (path of an image), `item_id`, and one of `rating`, `weight`, `clicks` and
`rank`. A value of 0 means that the item is wrong for the query; ranks start at 1.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import InvalidCatalogue
from indexer.catalog.table_rows import Row, read_table, require_number, require_value
from indexer.evaluate.ranking_metrics import K, ndcg
from indexer.train import augment, held_out, image_memory
from indexer.train.architecture import Trainee
from indexer.train.batches import PHOTO_VIEWS, PRODUCT_VIEWS
from indexer.train.corpus import CATALOGUE, Corpus, Split
from indexer.train.ranked_loss import TO_WEIGHT, to_weights, weighted_contrastive

Tower = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class PairQuery:
    """One query: a text, or else an image."""

    text: str = ""
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class QueryPairs:
    """n pairs of a query and a concept of the corpus.

    Attributes:
        queries: Each query once.
        query: (n,) positions in `queries`.
        concept: (n,) positions in the corpus.
        weight: (n,) from 0 to 1.
    """

    queries: tuple[PairQuery, ...]
    query: torch.Tensor
    concept: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True, slots=True)
class PairBatch:
    """n drawn pairs, and the m concepts that their queries are compared with.

    Attributes:
        queries: (n,) positions in `QueryPairs.queries`.
        concepts: (m,) concepts; the i-th belongs to pair i, those from n on are wrong for some query.
        weights: (n,) weight of each pair.
        known: (n, m) bool, whether a concept is known to be right for a query.
    """

    queries: torch.Tensor
    concepts: torch.Tensor
    weights: torch.Tensor
    known: torch.Tensor


def read(path: Path, corpus: Corpus) -> QueryPairs:
    """Return the pairs of a file. Raises InvalidCatalogue naming the file, the row and what is wrong with it."""
    items = _items(corpus)
    queries: dict[PairQuery, int] = {}
    values: dict[tuple[int, int], float] = {}
    column = ""
    for number, row in read_table(path):
        column = column or _value_column(path, row)
        query = _read_query(path, number, row)
        item_id = require_value(path, number, row, "item_id")
        if item_id not in items:
            raise InvalidCatalogue(f"{path}, row {number}: expected an item_id of one catalogue, got {item_id!r}")
        pair = queries.setdefault(query, len(queries)), items[item_id]
        if pair in values:
            raise InvalidCatalogue(f"{path}, row {number}: expected a query and an item once, got {item_id!r} again")
        values[pair] = require_number(path, number, row, column)
    if not any(values.values()):
        raise InvalidCatalogue(f"{path}: expected a pair with a {column or 'rating'} above 0, got none")
    positions = torch.tensor(list(values))
    weights = to_weights(column, list(values.values()))
    return QueryPairs(tuple(queries), positions[:, 0], positions[:, 1], weights)


class PairSampler:
    """Draws training pairs. A share of the queries is held out, and so is every pair with a held-out item."""

    def __init__(self, pairs: QueryPairs, corpus: Corpus, split: Split, share: float, seed: int):
        """Raises InvalidCatalogue if no pair is left to train on."""
        self.pairs = pairs
        products = {picture.concept: index for index, picture in enumerate(corpus.pictures) if picture.product}
        self.product_of = torch.tensor([products.get(concept, -1) for concept in range(len(corpus.concepts))])
        count = len(pairs.queries)
        self.heldout = sorted(random.Random(seed).sample(range(count), round(share * count)))
        held = torch.isin(pairs.query, torch.tensor(self.heldout, dtype=torch.long))
        usable = ~held & torch.isin(self.product_of[pairs.concept], torch.tensor(split.train))
        self.right = torch.nonzero(usable & (pairs.weight > 0)).flatten()
        if not len(self.right):
            raise InvalidCatalogue("expected pairs to train on besides those held out, got none")
        self.ratings: dict[int, dict[int, float]] = {}
        rows = zip(pairs.query.tolist(), pairs.concept.tolist(), pairs.weight.tolist(), strict=True)
        for query, concept, weight in rows:
            self.ratings.setdefault(query, {})[concept] = weight
        self._wrong: dict[int, list[int]] = {}
        for index in torch.nonzero(usable & (pairs.weight == 0)).flatten().tolist():
            self._wrong.setdefault(int(pairs.query[index]), []).append(int(pairs.concept[index]))

    def draw(self, size: int) -> PairBatch:
        """Return a batch, with one wrong item for each query that has any."""
        drawn = self.right[torch.randint(len(self.right), (size,))]
        queries, concepts = self.pairs.query[drawn], self.pairs.concept[drawn]
        judged = [wrong for query in queries.tolist() if (wrong := self._wrong.get(query))]
        others = [wrong[int(torch.randint(len(wrong), ()))] for wrong in judged]
        columns = torch.cat([concepts, torch.tensor(others, dtype=torch.long)])
        known = [
            [self.ratings[query].get(concept, 0.0) > 0 for concept in columns.tolist()] for query in queries.tolist()
        ]
        return PairBatch(queries, columns, self.pairs.weight[drawn], torch.tensor(known))


class PairTask:
    """The task that pairs set a model: queries find their items, by image and by text."""

    def __init__(
        self, sampler: PairSampler, trainee: Trainee, pixels: torch.Tensor, tokens: torch.Tensor, size: int
    ) -> None:
        """pixels: of the corpus's images. tokens: of its concepts' texts. size: pairs of a batch."""
        self.sampler = sampler
        self.size = size
        self._trainee = trainee
        self._pixels = pixels
        self._tokens = tokens
        queries = sampler.pairs.queries
        self._query_tokens = trainee.tokenize([query.text for query in queries])
        images = {index: query.picture for index, query in enumerate(queries) if query.picture is not None}
        self._is_image = torch.tensor([query.picture is not None for query in queries])
        self._photo_of = torch.full((len(queries),), -1)
        self._photo_of[list(images)] = torch.arange(len(images))
        self._photos = image_memory.load(list(images.values()), pixels.shape[-1])

    def loss(self, encode_images: Tower, encode_texts: Tower, scale: torch.Tensor) -> torch.Tensor:
        """Return the loss of a random batch, a scalar.

        Args:
            encode_images: Images (n, 3, s, s) in 0..1 to unit rows.
            encode_texts: Token ids (n, length) to unit rows.
            scale: Inverse temperature.
        """
        batch, side = self.sampler.draw(self.size), self._trainee.image_size
        is_image = self._is_image[batch.queries]
        photos = self._photos[self._photo_of[batch.queries[is_image]]]
        queries = _in_order(
            is_image,
            lambda: encode_images(augment.random_views(photos, side, PHOTO_VIEWS)),
            lambda: encode_texts(self._query_tokens[batch.queries[~is_image]]),
        )
        products = self._pixels[self.sampler.product_of[batch.concepts]]
        product_rows = encode_images(augment.random_views(products, side, PRODUCT_VIEWS))
        text_rows = encode_texts(self._tokens[batch.concepts])
        weights, known = batch.weights.to(queries.device), batch.known.to(queries.device)
        losses = [weighted_contrastive(queries, items, scale, weights, known) for items in (product_rows, text_rows)]
        return torch.stack(losses).mean()

    def measure(self, model: Any) -> dict[str, float]:
        """Return the mean nDCG@10 of the held-out queries over all items that occur in pairs, by image and by text.

        A pair's rating is three times its weight. Empty if no held-out query has a right item.
        """
        heldout = [query for query in self.sampler.heldout if any(self.sampler.ratings[query].values())]
        if not heldout:
            return {}
        positions, concepts = torch.tensor(heldout), self.sampler.pairs.concept.unique()
        is_image = self._is_image[positions]
        queries = _in_order(
            is_image,
            lambda: held_out.encode_pictures(self._trainee, model, self._photos[self._photo_of[positions[is_image]]]),
            lambda: held_out.encode_tokens(model, self._query_tokens[positions[~is_image]]),
        )
        fields = {
            "image": held_out.encode_pictures(self._trainee, model, self._pixels[self.sampler.product_of[concepts]]),
            "text": held_out.encode_tokens(model, self._tokens[concepts]),
        }
        return {
            f"pairs.query_to_{name}.ndcg@{K}": self._ndcg(heldout, queries @ items.T, concepts)
            for name, items in fields.items()
        }

    def _ndcg(self, queries: Sequence[int], scores: torch.Tensor, concepts: torch.Tensor) -> float:
        best = concepts[scores.topk(min(K, len(concepts)), dim=1).indices].tolist()
        known = [{concept: 3 * weight for concept, weight in self.sampler.ratings[query].items()} for query in queries]
        values = [
            ndcg([ratings.get(concept, 0.0) for concept in found], ratings.values(), K)
            for found, ratings in zip(best, known, strict=True)
        ]
        return sum(values) / len(values)


def _in_order(
    first: torch.Tensor, of_first: Callable[[], torch.Tensor], of_others: Callable[[], torch.Tensor]
) -> torch.Tensor:
    """Return the rows of both functions in the order that `first` (n,) gives; one without rows is not called."""
    parts = [make() for mask, make in ((first, of_first), (~first, of_others)) if mask.any()]
    order = torch.cat([torch.nonzero(first).flatten(), torch.nonzero(~first).flatten()]).argsort()
    return torch.cat(parts)[order.to(parts[0].device)]


def _items(corpus: Corpus) -> dict[str, int]:
    """Return the concept of each item_id that occurs in one catalogue only."""
    positions: dict[str, list[int]] = {}
    for position, concept in enumerate(corpus.concepts):
        if corpus.sources[concept.source].kind == CATALOGUE:
            positions.setdefault(concept.key, []).append(position)
    return {key: found[0] for key, found in positions.items() if len(found) == 1}


def _value_column(path: Path, row: Row) -> str:
    given = [column for column in TO_WEIGHT if column in row]
    if len(given) != 1:
        raise InvalidCatalogue(f"{path}: expected one of {', '.join(TO_WEIGHT)}, got {', '.join(given) or 'none'}")
    return given[0]


def _read_query(path: Path, number: int, row: Row) -> PairQuery:
    text, image = (row.get("query") or "").strip(), (row.get("query_image") or "").strip()
    if bool(text) == bool(image):
        raise InvalidCatalogue(
            f"{path}, row {number}: expected either query or query_image, got {'both' if text else 'neither'}"
        )
    if text:
        return PairQuery(text)
    if not (path.parent / image).is_file():
        raise InvalidCatalogue(f"{path}, row {number}: expected an image file, got {image}, which is not a file")
    return PairQuery(picture=path.parent / image)
