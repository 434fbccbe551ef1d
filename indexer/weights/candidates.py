"""What every block and signal says of the items that may come first for a case, whatever the weights.

The fused score is linear in the weights, so an item's standardised similarities are all that has to be known of it:
with them any weighting is tried by a multiplication in place of a search.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidQuery
from engine.scoring.fusion import LEXICAL
from engine.scoring.query import Boost, Missing, Query
from engine.search.searcher import Searcher
from indexer.weights.training_case import TrainingCase, heard

Progress = Callable[[str, int, int | None], None]
Floats = NDArray[np.float64]

DEPTH = 100
"""How many of the best by each block alone, and by all alike, are candidates."""


@dataclass(frozen=True, slots=True)
class CaseCandidates:
    """q cases with at most n items each, b blocks, s signals; rows without an item have a rating of -1.

    similarities: (q, n, b) standardised, 0 where missing.   present: (q, n, b) whether the item has the block.
    spoken: (q, b) whether the question speaks to the block.   signals: (q, n, s).   ratings: (q, n).
    ideals: (q, k) the best ratings of each case, found or not, best first, padded with 0.
    """

    blocks: tuple[str, ...]
    signal_names: tuple[str, ...]
    similarities: Floats
    present: NDArray[np.bool_]
    spoken: NDArray[np.bool_]
    signals: Floats
    ratings: Floats
    ideals: Floats

    def of(self, places: Sequence[int]) -> "CaseCandidates":
        """Return those of some cases."""
        chosen = np.array(places)
        return replace(
            self,
            similarities=self.similarities[chosen],
            present=self.present[chosen],
            spoken=self.spoken[chosen],
            signals=self.signals[chosen],
            ratings=self.ratings[chosen],
            ideals=self.ideals[chosen],
        )


def gather(
    searcher: Searcher, cases: Sequence[TrainingCase], signals: Sequence[str], k: int, progress: Progress
) -> CaseCandidates:
    """Return the candidates of each case: the best by each block alone and by all alike, and every item rated.

    Cost: for each case a search a block, and one more over the candidates.
    """
    snapshot = searcher.snapshot
    blocks = (*snapshot.dims, *([LEXICAL] if snapshot.lexical is not None else []))
    found = []
    for place, case in enumerate(cases):
        progress("candidates", place, len(cases))
        found.append(_one(searcher, case, blocks, tuple(signals)))
    progress("candidates", len(cases), len(cases))
    longest = max(len(ratings) for *_, ratings in found)

    def padded(part: int, fill: float) -> Floats:
        shape = found[0][part].shape
        out = np.full((len(found), longest, *shape[1:]), fill)
        for place, one in enumerate(found):
            out[place, : len(one[part])] = one[part]
        return out

    return CaseCandidates(
        blocks=blocks,
        signal_names=tuple(signals),
        similarities=padded(0, 0.0),
        present=padded(1, 0.0) > 0,
        spoken=np.array([one[2] for one in found]),
        signals=padded(3, 0.0),
        ratings=padded(4, -1.0),
        ideals=np.array([_ideal(case, k) for case in cases]),
    )


def _one(
    searcher: Searcher, case: TrainingCase, blocks: tuple[str, ...], signals: tuple[str, ...]
) -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return similarities (n, b), present (n, b), spoken (b,), signals (n, s) and ratings (n,) of one case."""
    pool = {item_id for item_id in case.ratings if item_id not in case.query.excluded_ids}
    spoken = []
    words_off = {LEXICAL: 0.0} if LEXICAL in blocks else {}
    off = tuple(Boost(name, 0.0) for name in searcher.snapshot.manifest.default_boosts)
    for block in heard(case.query, blocks):
        try:
            pool |= _best(searcher, replace(case.query, modality_weights=words_off | {block: 1.0}, boosts=off))
        except InvalidQuery as error:
            if error.field != "modality_weights":
                raise
            continue
        spoken.append(block)
    alike = words_off | dict.fromkeys(spoken, 1.0)
    pool |= _best(searcher, replace(case.query, modality_weights=alike, boosts=off))
    query = replace(
        case.query,
        modality_weights=alike,
        missing=Missing.NEUTRAL,
        boosts=tuple(Boost(name, 1.0) for name in signals) or off,
        included_ids=frozenset(pool),
        limit=len(pool),
        explain=True,
    )
    hits = searcher.search(query).hits
    shares = [hit.contributions for hit in hits]
    return (
        np.array([[share.get(block, 0.0) for block in blocks] for share in shares]),
        np.array([[float(block in share) for block in blocks] for share in shares]),
        np.array([block in spoken for block in blocks]),
        np.array([[share.get(f"boost:{name}", 0.0) for name in signals] for share in shares]).reshape(len(hits), -1),
        np.array([case.ratings.get(hit.item_id, 0.0) for hit in hits]),
    )


def _best(searcher: Searcher, query: Query) -> set[str]:
    return {hit.item_id for hit in searcher.search(replace(query, limit=DEPTH)).hits}


def _ideal(case: TrainingCase, k: int) -> list[float]:
    best = sorted(case.ratings.values(), reverse=True)[:k]
    return best + [0.0] * (k - len(best))
