"""Does a shopper buy what was recommended? A log cut by time, ours and the usual methods on the same part of it.

Ours is a store that the indexer builds of the part that may be known, asked through the engine's own recommender; no
constant is fitted to what is hidden. Relevance is 1 for what the shopper bought in the hidden part, so nDCG is the
binary one and hit@k says whether any of the k was bought. Repeats: every item may be recommended, and all hidden ones
are right. Unseen: only items that the shopper had not bought; shoppers whose hidden part has none are not counted.
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
from engine.recommend.recommender import Mode, Recommender, RecommendRequest
from engine.recommend.scoring_weights import ScoringWeights
from engine.search.store_searcher import open_searcher
from indexer.build.build import build
from indexer.build.build_config import BuildConfig
from indexer.catalog import CatalogSpec, Reject, read
from indexer.embedding.embed import Progress
from indexer.evaluate.holdout import Holdout, HoldoutShopper
from indexer.evaluate.peer_recommenders import Purchases, Scores, peers
from indexer.evaluate.ranking_metrics import interval, ndcg, success

K = 20
OURS = "ours"

_RECORDED_AT_ONCE = 2_000
_REPORT_EVERY = 20

Lists = Sequence[Sequence[str]]


@dataclass(frozen=True, slots=True)
class RecommendationScores:
    """What one way got, shopper by shopper: with repeats, and of unseen items for those who bought any."""

    name: str
    repeat_ndcg: NDArray[np.float64]
    repeat_hit: NDArray[np.float64]
    unseen_ndcg: NDArray[np.float64]
    unseen_hit: NDArray[np.float64]

    @classmethod
    def of(
        cls, name: str, cases: Sequence[HoldoutShopper], mixed: Lists, discovered: Lists, k: int = K
    ) -> "RecommendationScores":
        """Return the measures of a way's lists, one list a case, best first."""
        repeats = [_measures(items, case.hidden, k) for case, items in zip(cases, mixed, strict=True)]
        unseen = [
            _measures(items, case.unseen, k) for case, items in zip(cases, discovered, strict=True) if case.unseen
        ]
        first, second = np.array(repeats).reshape(-1, 2), np.array(unseen).reshape(-1, 2)
        return cls(name, first[:, 0], first[:, 1], second[:, 0], second[:, 1])

    def described(self) -> dict[str, Any]:
        """Return the means and their 95 % intervals, None where nobody is counted."""
        columns = {
            "repeat_ndcg": self.repeat_ndcg,
            "repeat_hit": self.repeat_hit,
            "unseen_ndcg": self.unseen_ndcg,
            "unseen_hit": self.unseen_hit,
        }
        told: dict[str, Any] = {}
        for name, values in columns.items():
            told[name] = round(float(values.mean()), 4) if len(values) else None
            told[f"{name}_interval"] = [round(end, 4) for end in interval(values)] if len(values) else None
        return told


@dataclass(frozen=True, slots=True)
class EvaluationShop:
    """What is recommended from: the items by id, and how a store of them is built.

    catalogue: a file of them, None to know no more of an item than its id.
    """

    item_ids: Sequence[str]
    catalogue: Path | None = None
    model: ModelSpec | None = None
    text_model: ModelSpec | None = None
    text_template: str = "{title}. {description}"


def items_of(catalogue: Path | None, held: Holdout) -> list[str]:
    """Return the ids of a catalogue's items, or if there is none of all that anybody did something with."""
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
    """Return what ours and each peer got, ours first. Raises InvalidCatalogue if none of the items was ever bought.

    observe: is given the recommender of the store that was built, as long as that is there.
    Cost: a build, and two recommendations a shopper.
    """
    measured = []
    bought = Purchases.of(held.training, shop.item_ids, [case.user_id for case in held.cases])
    with TemporaryDirectory() as folder:
        recommender = _open(held.training, shop, Path(folder), progress)
        mixed, discovered = (_asked(recommender, held.cases, mode, k, progress) for mode in (Mode.MIXED, Mode.DISCOVER))
        if observe is not None:
            observe(recommender)
    measured.append(RecommendationScores.of(OURS, held.cases, mixed, discovered, k))
    for name, scores in peers(bought):
        progress(name, 0, None)
        unseen = np.where(bought.counts[bought.tested].toarray() > 0, -np.inf, scores)
        mixed, discovered = _best(bought.items, scores, k), _best(bought.items, unseen, k)
        measured.append(RecommendationScores.of(name, held.cases, mixed, discovered, k))
    return measured


@dataclass(frozen=True, slots=True)
class NewItems:
    """Hits on items that nobody is known to have bought: among all items, among such alone, and there by chance.

    Only shoppers who bought one of them in their hidden part are counted. A peer that knows purchases alone has none.
    """

    items: int
    among_all: NDArray[np.float64]
    among_new: NDArray[np.float64]
    by_chance: NDArray[np.float64]

    def described(self) -> dict[str, Any]:
        """Return the numbers for a program."""
        told: dict[str, Any] = {"items": self.items, "shoppers": len(self.among_all)}
        for name, values in (("hit_among_all", self.among_all), ("hit_among_new", self.among_new)):
            told[name] = round(float(values.mean()), 4) if len(values) else None
            told[f"{name}_interval"] = [round(end, 4) for end in interval(values)] if len(values) else None
        told["hit_among_new_by_chance"] = round(float(self.by_chance.mean()), 4) if len(self.by_chance) else None
        return told


def evaluate_new(
    held: Holdout, shop: EvaluationShop, share: float, progress: Progress, k: int = K, seed: int = 11
) -> NewItems:
    """Return how often items whose every known event was taken away are found. share: of the items, drawn at random."""
    drawn = np.random.default_rng(seed).choice(len(shop.item_ids), round(share * len(shop.item_ids)), replace=False)
    new = {shop.item_ids[place] for place in drawn.tolist()}
    training = [event for event in held.training if event.item_id not in new]
    cases = [
        HoldoutShopper(case.user_id, known, wanted, wanted)
        for case in held.cases
        if (wanted := case.unseen & new) and (known := tuple(event for event in case.known if event.item_id not in new))
    ]
    with TemporaryDirectory() as folder:
        recommender = _open(training, shop, Path(folder), progress)
        lists = _asked(recommender, cases, Mode.DISCOVER, k, progress)
        # With a share of 1 all that is discovered is new; other items may be too.
        newest = Recommender(recommender.searcher, ScoringWeights(new=1.0, focus=0.0))
        all_new = _asked(newest, cases, Mode.DISCOVER, len(shop.item_ids), progress)
    among_new = [[item_id for item_id in items if item_id in new][:k] for items in all_new]
    return NewItems(
        len(new),
        np.array([float(not case.hidden.isdisjoint(items)) for case, items in zip(cases, lists, strict=True)]),
        np.array([float(not case.hidden.isdisjoint(items)) for case, items in zip(cases, among_new, strict=True)]),
        np.array([chance(len(new), len(case.hidden), k) for case in cases]),
    )


def chance(items: int, right: int, k: int) -> float:
    """Return how likely k items drawn at random have a right one among them; 1 if there are no more than k."""
    return 1 - comb(items - right, k) / comb(items, k) if k < items else 1.0


def _open(training: Sequence[Event], shop: EvaluationShop, folder: Path, progress: Progress) -> Recommender:
    """Build a store that knows these events, and return who recommends from it."""
    store = folder / "store"
    store.mkdir()
    with open_or_create_event_log(store) as log:
        for start in range(0, len(training), _RECORDED_AT_ONCE):
            log.record(training[start : start + _RECORDED_AT_ONCE])
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
    wish = RecommendRequest(mode=mode, limit=limit, recall_target=1.0, reasons=False)
    for number, case in enumerate(cases, 1):
        lists.append([hit.item_id for hit in recommender.recommend(wish, case.known).answer.hits])
        if number % _REPORT_EVERY == 0 or number == len(cases):
            progress(f"recommend, {mode.value}", number, len(cases))
    return lists


def _best(item_ids: Sequence[str], scores: Scores, k: int) -> Lists:
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return [
        [item_ids[place] for place in places if np.isfinite(row[place])]
        for row, places in zip(scores, order.tolist(), strict=True)
    ]


def _measures(items: Sequence[str], right: Iterable[str], k: int) -> tuple[float, float]:
    wanted = set(right)
    ratings = [float(item_id in wanted) for item_id in items[:k]]
    return ndcg(ratings, [1.0] * len(wanted), k), success(ratings, k)


def _write_ids(item_ids: Sequence[str], path: Path) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("item_id",), *((item_id,) for item_id in item_ids)])
    return path
