"""Queries of shoppers and the items that were right for them, as people judged it or as clicks tell.

One file: `query` (words) or `query_image` (a picture beside it), `item_id`, and one of `rating`, `weight`, `clicks` and
`rank`. A pair of value 0 (a rank from 1 on is never 0) says that the item is wrong for the query.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.errors import InvalidCatalogue
from indexer.catalog.table_rows import Row, need, number_in, rows_of
from indexer.evaluate.ranking_metrics import K, ndcg
from indexer.train import augment, held_out, image_memory
from indexer.train.architecture import Trainee
from indexer.train.batches import PHOTO_VIEWS, PRODUCT_VIEWS
from indexer.train.corpus import CATALOGUE, Corpus, Split
from indexer.train.ranked_loss import TO_WEIGHT, to_weights, weighted_contrastive

Tower = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True, slots=True)
class PairQuery:
    """One query: words, or else a picture."""

    text: str = ""
    picture: Path | None = None


@dataclass(frozen=True, slots=True)
class QueryPairs:
    """n pairs of a query and a concept of the corpus, with their weights (n,) from 0 to 1.

    queries: each once. query, concept: (n,) positions.
    """

    queries: tuple[PairQuery, ...]
    query: torch.Tensor
    concept: torch.Tensor
    weight: torch.Tensor


@dataclass(frozen=True, slots=True)
class PairBatch:
    """n pairs drawn, and the m concepts among which each query looks for its own, that of pair i at place i.

    queries: (n,) positions in `QueryPairs.queries`. concepts: (m,). weights: (n,). known: (n, m) bool.
    """

    queries: torch.Tensor
    concepts: torch.Tensor
    weights: torch.Tensor
    known: torch.Tensor


def read(path: Path, corpus: Corpus) -> QueryPairs:
    """Return the pairs of a file. Raises InvalidCatalogue naming the file, the row and what is wrong with it."""
    items = _items(corpus)
    queries: dict[PairQuery, int] = {}
    found: dict[tuple[int, int], float] = {}
    column = ""
    for number, row in rows_of(path):
        column = column or _valued(path, row)
        asked = _asked(path, number, row)
        item_id = need(path, number, row, "item_id")
        if item_id not in items:
            raise InvalidCatalogue(f"{path}, row {number}: expected an item_id of one catalogue, got {item_id!r}")
        pair = queries.setdefault(asked, len(queries)), items[item_id]
        if pair in found:
            raise InvalidCatalogue(f"{path}, row {number}: expected a query and an item once, got {item_id!r} again")
        found[pair] = number_in(path, number, row, column)
    if not any(found.values()):
        raise InvalidCatalogue(f"{path}: expected a pair with a {column or 'rating'} above 0, got none")
    places = torch.tensor(list(found))
    return QueryPairs(tuple(queries), places[:, 0], places[:, 1], to_weights(column, list(found.values())))


class PairSampler:
    """Draws the pairs that are trained on; a share of the queries is held out, and any pair with an item held out."""

    def __init__(self, pairs: QueryPairs, corpus: Corpus, split: Split, share: float, seed: int):
        """Raises InvalidCatalogue if no pair is left to train on."""
        self.pairs = pairs
        products = {picture.concept: place for place, picture in enumerate(corpus.pictures) if picture.product}
        self.product_of = torch.tensor([products.get(place, -1) for place in range(len(corpus.concepts))])
        count = len(pairs.queries)
        self.heldout = sorted(random.Random(seed).sample(range(count), round(share * count)))
        held = torch.isin(pairs.query, torch.tensor(self.heldout, dtype=torch.long))
        usable = ~held & torch.isin(self.product_of[pairs.concept], torch.tensor(split.train))
        self.right = torch.nonzero(usable & (pairs.weight > 0)).flatten()
        if not len(self.right):
            raise InvalidCatalogue("expected pairs to train on beside those held out, got none")
        self.ratings: dict[int, dict[int, float]] = {}
        rows = zip(pairs.query.tolist(), pairs.concept.tolist(), pairs.weight.tolist(), strict=True)
        for query, concept, weight in rows:
            self.ratings.setdefault(query, {})[concept] = weight
        self._wrong: dict[int, list[int]] = {}
        for place in torch.nonzero(usable & (pairs.weight == 0)).flatten().tolist():
            self._wrong.setdefault(int(pairs.query[place]), []).append(int(pairs.concept[place]))

    def draw(self, size: int) -> PairBatch:
        """Return a batch; for each query an item that was judged wrong stands in it too, where there is one."""
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
    """What pairs ask of a model: that their queries find their items, by the picture and by the text."""

    def __init__(
        self, sampler: PairSampler, trainee: Trainee, pixels: torch.Tensor, tokens: torch.Tensor, size: int
    ) -> None:
        """pixels: of the corpus's pictures. tokens: of its concepts' texts. size: pairs of a batch."""
        self.sampler = sampler
        self.size = size
        self._trainee = trainee
        self._pixels = pixels
        self._tokens = tokens
        queries = sampler.pairs.queries
        self._words = trainee.tokenize([asked.text for asked in queries])
        shown = {place: asked.picture for place, asked in enumerate(queries) if asked.picture is not None}
        self._shown = torch.tensor([asked.picture is not None for asked in queries])
        self._photo_of = torch.full((len(queries),), -1)
        self._photo_of[list(shown)] = torch.arange(len(shown))
        self._photos = image_memory.load(list(shown.values()), pixels.shape[-1])

    def loss(self, see: Tower, say: Tower, scale: torch.Tensor) -> torch.Tensor:
        """Return the loss of a batch, a scalar. see: pictures (n, 3, s, s) in 0..1, say: token ids, to unit rows."""
        batch, side = self.sampler.draw(self.size), self._trainee.image_size
        shown = self._shown[batch.queries]
        photos = self._photos[self._photo_of[batch.queries[shown]]]
        queries = _in_order(
            shown,
            lambda: see(augment.random_views(photos, side, PHOTO_VIEWS)),
            lambda: say(self._words[batch.queries[~shown]]),
        )
        products = self._pixels[self.sampler.product_of[batch.concepts]]
        fields = (see(augment.random_views(products, side, PRODUCT_VIEWS)), say(self._tokens[batch.concepts]))
        weights, known = batch.weights.to(queries.device), batch.known.to(queries.device)
        losses = [weighted_contrastive(queries, items, scale, weights, known) for items in fields]
        return torch.stack(losses).mean()

    def measure(self, model: Any) -> dict[str, float]:
        """Return the mean nDCG@10 of the held-out queries among all items that pairs name, by picture and by text.

        A pair's rating is three times its weight. Empty where no query with a right item was held out.
        """
        asked = [query for query in self.sampler.heldout if any(self.sampler.ratings[query].values())]
        if not asked:
            return {}
        places, concepts = torch.tensor(asked), self.sampler.pairs.concept.unique()
        shown = self._shown[places]
        queries = _in_order(
            shown,
            lambda: held_out.encode_pictures(self._trainee, model, self._photos[self._photo_of[places[shown]]]),
            lambda: held_out.encode_tokens(model, self._words[places[~shown]]),
        )
        fields = {
            "image": held_out.encode_pictures(self._trainee, model, self._pixels[self.sampler.product_of[concepts]]),
            "text": held_out.encode_tokens(model, self._tokens[concepts]),
        }
        return {
            f"pairs.query_to_{name}.ndcg@{K}": self._ndcg(asked, queries @ items.T, concepts)
            for name, items in fields.items()
        }

    def _ndcg(self, asked: Sequence[int], scores: torch.Tensor, concepts: torch.Tensor) -> float:
        best = concepts[scores.topk(min(K, len(concepts)), dim=1).indices].tolist()
        known = [{concept: 3 * weight for concept, weight in self.sampler.ratings[query].items()} for query in asked]
        values = [
            ndcg([ratings.get(concept, 0.0) for concept in found], ratings.values(), K)
            for found, ratings in zip(best, known, strict=True)
        ]
        return sum(values) / len(values)


def _in_order(
    first: torch.Tensor, of_first: Callable[[], torch.Tensor], of_others: Callable[[], torch.Tensor]
) -> torch.Tensor:
    """Return the rows of both functions, each where `first` (n,) says; a function without rows is not called."""
    parts = [make() for mask, make in ((first, of_first), (~first, of_others)) if mask.any()]
    order = torch.cat([torch.nonzero(first).flatten(), torch.nonzero(~first).flatten()]).argsort()
    return torch.cat(parts)[order.to(parts[0].device)]


def _items(corpus: Corpus) -> dict[str, int]:
    """Return the concept of each item_id that only one catalogue has."""
    places: dict[str, list[int]] = {}
    for place, concept in enumerate(corpus.concepts):
        if corpus.sources[concept.source].kind == CATALOGUE:
            places.setdefault(concept.key, []).append(place)
    return {key: found[0] for key, found in places.items() if len(found) == 1}


def _valued(path: Path, row: Row) -> str:
    given = [column for column in TO_WEIGHT if column in row]
    if len(given) != 1:
        raise InvalidCatalogue(f"{path}: expected one of {', '.join(TO_WEIGHT)}, got {', '.join(given) or 'none'}")
    return given[0]


def _asked(path: Path, number: int, row: Row) -> PairQuery:
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
