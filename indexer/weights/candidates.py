"""The similarities and signals of the items that may rank first for a case, under any weights.

The fused score is linear in the weights, so an item's standardised similarities are all that is needed: any weighting
is evaluated by a matrix product instead of a search.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidQuery
from engine.scoring.fusion import LEXICAL
from engine.scoring.query import Boost, Missing, Query
from engine.search.searcher import Searcher
from indexer.weights.training_case import TrainingCase, weighted_blocks

Progress = Callable[[str, int, int | None], None]
Floats = NDArray[np.float64]

DEPTH = 100
"""How many of the best items by each block alone, and by all blocks equally, are candidates."""


@dataclass(frozen=True, slots=True)
class CaseCandidates:
    """q cases with at most n items each, b blocks, s signals; rows without an item have a rating of -1.

    Attributes:
        similarities: (q, n, b) standardised, 0 where missing.
        present: (q, n, b) whether the item has the block.
        searched: (q, b) whether the query searches the block.
        signals: (q, n, s).
        ratings: (q, n).
        ideals: (q, k) the best ratings of each case, found or not, best first, padded with 0.
    """

    blocks: tuple[str, ...]
    signal_names: tuple[str, ...]
    similarities: Floats
    present: NDArray[np.bool_]
    searched: NDArray[np.bool_]
    signals: Floats
    ratings: Floats
    ideals: Floats

    def select(self, indices: Sequence[int]) -> "CaseCandidates":
        """Return the candidates of some cases."""
        chosen = np.array(indices)
        return replace(
            self,
            similarities=self.similarities[chosen],
            present=self.present[chosen],
            searched=self.searched[chosen],
            signals=self.signals[chosen],
            ratings=self.ratings[chosen],
            ideals=self.ideals[chosen],
        )


def gather(
    searcher: Searcher, cases: Sequence[TrainingCase], signals: Sequence[str], k: int, progress: Progress
) -> CaseCandidates:
    """Return the candidates of each case: the best by each block alone and by all equally, and every rated item.

    Cost: per case one search per block, and one over the candidates.
    """
    snapshot = searcher.snapshot
    blocks = (*snapshot.dims, *([LEXICAL] if snapshot.lexical is not None else []))
    gathered = []
    for index, case in enumerate(cases):
        progress("candidates", index, len(cases))
        gathered.append(_gather_case(searcher, case, blocks, tuple(signals)))
    progress("candidates", len(cases), len(cases))
    longest = max(len(ratings) for *_, ratings in gathered)

    def padded(part: int, fill: float) -> Floats:
        shape = gathered[0][part].shape
        out = np.full((len(gathered), longest, *shape[1:]), fill)
        for index, arrays in enumerate(gathered):
            out[index, : len(arrays[part])] = arrays[part]
        return out

    return CaseCandidates(
        blocks=blocks,
        signal_names=tuple(signals),
        similarities=padded(0, 0.0),
        present=padded(1, 0.0) > 0,
        searched=np.array([arrays[2] for arrays in gathered]),
        signals=padded(3, 0.0),
        ratings=padded(4, -1.0),
        ideals=np.array([_best_ratings(case, k) for case in cases]),
    )


def _gather_case(
    searcher: Searcher, case: TrainingCase, blocks: tuple[str, ...], signals: tuple[str, ...]
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return similarities (n, b), present (n, b), searched (b,), signals (n, s) and ratings (n,) of one case."""
    pool = {item_id for item_id in case.ratings if item_id not in case.query.excluded_ids}
    searched = []
    no_lexical = {LEXICAL: 0.0} if LEXICAL in blocks else {}
    no_boosts = tuple(Boost(name, 0.0) for name in searcher.snapshot.manifest.default_boosts)
    for block in weighted_blocks(case.query, blocks):
        try:
            pool |= _search_best(
                searcher, replace(case.query, modality_weights=no_lexical | {block: 1.0}, boosts=no_boosts)
            )
        except InvalidQuery as error:
            if error.field != "modality_weights":
                raise
            continue
        searched.append(block)
    equal_weights = no_lexical | dict.fromkeys(searched, 1.0)
    pool |= _search_best(searcher, replace(case.query, modality_weights=equal_weights, boosts=no_boosts))
    query = replace(
        case.query,
        modality_weights=equal_weights,
        missing=Missing.NEUTRAL,
        boosts=tuple(Boost(name, 1.0) for name in signals) or no_boosts,
        included_ids=frozenset(pool),
        limit=len(pool),
        explain=True,
    )
    hits = searcher.search(query).hits
    shares = [hit.contributions for hit in hits]
    return (
        np.array([[share.get(block, 0.0) for block in blocks] for share in shares]),
        np.array([[float(block in share) for block in blocks] for share in shares]),
        np.array([block in searched for block in blocks]),
        np.array([[share.get(f"boost:{name}", 0.0) for name in signals] for share in shares]).reshape(len(hits), -1),
        np.array([case.ratings.get(hit.item_id, 0.0) for hit in hits]),
    )


def _search_best(searcher: Searcher, query: Query) -> set[str]:
    return {hit.item_id for hit in searcher.search(replace(query, limit=DEPTH)).hits}


def _best_ratings(case: TrainingCase, k: int) -> list[float]:
    best = sorted(case.ratings.values(), reverse=True)[:k]
    return best + [0.0] * (k - len(best))
