"""Recommendation quality on a temporal split of a log: the engine's recommender and the standard baselines.

The recommender runs on a store built from the known events; no constant is fitted to hidden ones. Relevance is 1 for
items bought in the hidden part, so nDCG is binary and hit@k says whether any of the k was bought. Repeats: every item
may be recommended, and all hidden ones are relevant. Unseen: only items that the shopper had not bought; shoppers
without such an item in the hidden part are not counted.
"""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import comb
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.encoders.encoder import ModelSpec
from engine.events.event import Event
from engine.events.event_log import open_or_create_event_log
from engine.recommend.recommend_request import Mode, RecommendRequest
from engine.recommend.recommender import Recommender
from engine.recommend.scoring_weights import ScoringWeights
from engine.search.store_searcher import open_searcher
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.catalog import CatalogSpec, Reject, read
from indexer.evaluate.holdout import Holdout, HoldoutShopper
from indexer.evaluate.peer_recommenders import Purchases, Scores, score_peers
from indexer.evaluate.ranking_metrics import confidence_interval, ndcg, success
from indexer.progress import Progress

K = 20
OURS = "ours"

_RECORD_BATCH = 2_000
_REPORT_EVERY = 20

Lists = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class RecommendationScores:
    """The metrics of one method per shopper: with repeats, and on unseen items for those who bought any."""

    name: str
    repeat_ndcg: NDArray[np.float64]
    repeat_hit: NDArray[np.float64]
    unseen_ndcg: NDArray[np.float64]
    unseen_hit: NDArray[np.float64]

    @classmethod
    def from_lists(
        cls, name: str, cases: Sequence[HoldoutShopper], mixed: Lists, discovered: Lists, k: int = K
    ) -> "RecommendationScores":
        """Return the metrics of a method's lists, one list per case, best first."""
        repeats = [_measure(items, case.hidden, k) for case, items in zip(cases, mixed, strict=True)]
        unseen = [_measure(items, case.unseen, k) for case, items in zip(cases, discovered, strict=True) if case.unseen]
        first, second = np.array(repeats).reshape(-1, 2), np.array(unseen).reshape(-1, 2)
        return cls(name, first[:, 0], first[:, 1], second[:, 0], second[:, 1])

    def to_json(self) -> dict[str, Any]:
        """Return the means and their 95 % intervals, None where no shopper is counted."""
        columns = {
            "repeat_ndcg": self.repeat_ndcg,
            "repeat_hit": self.repeat_hit,
            "unseen_ndcg": self.unseen_ndcg,
            "unseen_hit": self.unseen_hit,
        }
        result: dict[str, Any] = {}
        for name, values in columns.items():
            result[name] = round(float(values.mean()), 4) if len(values) else None
            result[f"{name}_interval"] = [round(end, 4) for end in confidence_interval(values)] if len(values) else None
        return result


@dataclass(frozen=True, slots=True)
class EvaluationShop:
    """The items to recommend, and how a store of them is built.

    catalogue: a file of them, None if only their ids are known.
    """

    item_ids: Sequence[str]
    catalogue: Path | None = None
    model: ModelSpec | None = None
    text_model: ModelSpec | None = None
    text_template: str = "{title}. {description}"


def list_item_ids(catalogue: Path | None, held: Holdout) -> list[str]:
    """Return the ids of a catalogue's items, or without a catalogue, of all items with events."""
    if catalogue is None:
        hidden = {item_id for case in held.cases for item_id in case.hidden}
        return sorted({event.item_id for event in held.training} | hidden)
    rows = (row for row in read(CatalogSpec(catalogue)) if not isinstance(row, Reject))
    return list(dict.fromkeys(row.item_id for row in rows))


def evaluate(
    held: Holdout,
    shop: EvaluationShop,
    progress: Progress,
    k: int = K,
    observe: Callable[[Recommender], None] | None = None,
) -> list[RecommendationScores]:
    """Return the metrics of the engine's recommender and of each peer, the engine's first.

    Cost: a build, and two recommendations per shopper.

    Args:
        observe: Called with the recommender while its store exists.

    Raises:
        InvalidCatalogue: None of the items was ever bought.
    """
    scores_by_way = []
    purchases = Purchases.from_events(held.training, shop.item_ids, [case.user_id for case in held.cases])
    with TemporaryDirectory() as folder:
        recommender = _build_recommender(held.training, shop, Path(folder), progress)
        mixed, discovered = (_asked(recommender, held.cases, mode, k, progress) for mode in (Mode.MIXED, Mode.DISCOVER))
        if observe is not None:
            observe(recommender)
    scores_by_way.append(RecommendationScores.from_lists(OURS, held.cases, mixed, discovered, k))
    for name, scores in score_peers(purchases):
        progress(name, 0, None)
        unseen = np.where(purchases.counts[purchases.tested].toarray() > 0, -np.inf, scores)
        mixed, discovered = _top_lists(purchases.items, scores, k), _top_lists(purchases.items, unseen, k)
        scores_by_way.append(RecommendationScores.from_lists(name, held.cases, mixed, discovered, k))
    return scores_by_way


@dataclass(frozen=True, slots=True)
class NewItems:
    """Hits on items without known purchases: among all items, among new items only, and there by chance.

    Only shoppers who bought one of them in the hidden part are counted. Peers that only know purchases score none.
    """

    items: int
    among_all: NDArray[np.float64]
    among_new: NDArray[np.float64]
    by_chance: NDArray[np.float64]

    def to_json(self) -> dict[str, Any]:
        """Return the metrics as JSON values."""
        result: dict[str, Any] = {"items": self.items, "shoppers": len(self.among_all)}
        for name, values in (("hit_among_all", self.among_all), ("hit_among_new", self.among_new)):
            result[name] = round(float(values.mean()), 4) if len(values) else None
            result[f"{name}_interval"] = [round(end, 4) for end in confidence_interval(values)] if len(values) else None
        result["hit_among_new_by_chance"] = round(float(self.by_chance.mean()), 4) if len(self.by_chance) else None
        return result


def evaluate_new(
    held: Holdout, shop: EvaluationShop, share: float, progress: Progress, k: int = K, seed: int = 11
) -> NewItems:
    """Return how often items are found after all their events were removed. share: of the items, drawn at random."""
    drawn = np.random.default_rng(seed).choice(len(shop.item_ids), round(share * len(shop.item_ids)), replace=False)
    new = {shop.item_ids[index] for index in drawn.tolist()}
    training = [event for event in held.training if event.item_id not in new]
    cases = [
        HoldoutShopper(case.user_id, known, wanted, wanted)
        for case in held.cases
        if (wanted := case.unseen & new) and (known := tuple(event for event in case.known if event.item_id not in new))
    ]
    with TemporaryDirectory() as folder:
        recommender = _build_recommender(training, shop, Path(folder), progress)
        lists = _asked(recommender, cases, Mode.DISCOVER, k, progress)
        # With a share of 1 only new items are discovered; others may be new as well.
        newest = Recommender(recommender.searcher, ScoringWeights(new=1.0, focus=0.0))
        all_new = _asked(newest, cases, Mode.DISCOVER, len(shop.item_ids), progress)
    among_new = [[item_id for item_id in items if item_id in new][:k] for items in all_new]
    return NewItems(
        len(new),
        np.array([float(not case.hidden.isdisjoint(items)) for case, items in zip(cases, lists, strict=True)]),
        np.array([float(not case.hidden.isdisjoint(items)) for case, items in zip(cases, among_new, strict=True)]),
        np.array([chance_of_hit(len(new), len(case.hidden), k) for case in cases]),
    )


def chance_of_hit(items: int, relevant: int, k: int) -> float:
    """Return the probability that k random items include a relevant one; 1 if there are at most k items."""
    return 1 - comb(items - relevant, k) / comb(items, k) if k < items else 1.0


def _build_recommender(
    training: Sequence[Event], shop: EvaluationShop, folder: Path, progress: Progress
) -> Recommender:
    """Build a store from these events, and return its recommender."""
    store = folder / "store"
    store.mkdir()
    with open_or_create_event_log(store) as log:
        for start in range(0, len(training), _RECORD_BATCH):
            log.record(training[start : start + _RECORD_BATCH])
    catalogue = shop.catalogue or _write_ids(shop.item_ids, folder / "catalogue.csv")
    config = BuildConfig(
        catalogue=catalogue,
        store=store,
        model=shop.model,
        text_model=shop.text_model,
        text_template=shop.text_template if shop.catalogue else "{item_id}",
        publish=False,
    )
    snapshot = build(config, progress).snapshot
    return Recommender(open_searcher(store, snapshot))


def _asked(
    recommender: Recommender, cases: Sequence[HoldoutShopper], mode: Mode, limit: int, progress: Progress
) -> Lists:
    lists = []
    request = RecommendRequest(mode=mode, limit=limit, recall_target=1.0, reasons=False)
    for number, case in enumerate(cases, 1):
        lists.append([hit.item_id for hit in recommender.recommend(request, case.known).answer.hits])
        if number % _REPORT_EVERY == 0 or number == len(cases):
            progress(f"recommend, {mode.value}", number, len(cases))
    return lists


def _top_lists(item_ids: Sequence[str], scores: Scores, k: int) -> Lists:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return [
        [item_ids[index] for index in top if np.isfinite(row[index])]
        for row, top in zip(scores, order.tolist(), strict=True)
    ]


def _measure(items: Sequence[str], relevant: Iterable[str], k: int) -> tuple[float, float]:
    wanted = set(relevant)
    ratings = [float(item_id in wanted) for item_id in items[:k]]
    return ndcg(ratings, [1.0] * len(wanted), k), success(ratings, k)


def _write_ids(item_ids: Sequence[str], path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("item_id",), *((item_id,) for item_id in item_ids)])
    return path
