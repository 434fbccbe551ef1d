"""Maximal marginal relevance checked choice by choice, so that two as good as equal spoil no later choice."""

from collections.abc import Iterator, Sequence

import numpy as np

from engine.v1 import search_pb2
from tests.support.reference_engine.ranking import Ranking, Scores, Twin

DEFAULT_LAMBDA = 0.7
DEFAULT_PAGE_SIZE = 10
MOST_CANDIDATES = 1000
CLOSE = 1e-4


def misplaced(
    twin: Twin,
    ranking: Ranking,
    request: search_pb2.SearchRequest,
    listed: Sequence[int],
    chosen: Sequence[int],
    free: set[int],
) -> Iterator[str]:
    """Give the first choice that is worse than another would have been.

    listed: the rows to choose from, best first.   chosen: those that were, in order; of `listed` only `free` ones show.
    """
    asked = request.diversity
    lambda_ = getattr(asked, "lambda") if asked.HasField("lambda") else DEFAULT_LAMBDA
    count = asked.candidates or min(10 * (request.page_size or DEFAULT_PAGE_SIZE), MOST_CANDIDATES)
    left = np.array(listed[:count])
    shown = np.array([row in free for row in listed[:count]])
    totals = ranking.total[left]
    least, spread = totals.min(), totals.max() - totals.min()
    close = 2 * ranking.close[left].max()
    tolerance = CLOSE + (2 * close / spread if spread > 0 else 0)
    # Nothing is chosen yet: the first is the best by its score.
    likeness: Scores | None = None
    relevance = (ranking.total - least) / spread if spread > 0 else np.ones(len(twin.goods))
    place = 0
    while place < len(chosen) and shown.any():
        worth = relevance if likeness is None else lambda_ * relevance - (1 - lambda_) * likeness
        row, best = chosen[place], left[np.argmax(worth[left])]
        if best not in free and worth[best] > worth[row] + tolerance:
            # One that is pinned elsewhere was chosen here, and taken out of the list afterwards.
            row = best
        elif worth[row] < worth[best] - tolerance:
            names = [twin.goods.items[one].item_id for one in (row, best)]
            yield f"choice {place} is {names[0]}, worth {worth[row]:.6f}; {names[1]} is worth {worth[best]:.6f}"
            return
        elif row not in left and ranking.total[row] < least - close:
            yield f"choice {place}, {twin.goods.items[row].item_id}, is none of the {len(left)} candidates"
            return
        else:
            place += 1
        likeness = np.maximum(twin.similarity(ranking, row), -np.inf if likeness is None else likeness)
        left, shown = left[left != row], shown[left != row]
    behind = ranking.total[list(chosen[place:])]
    waiting = [row for row in listed[count:] if row in free and row not in set(chosen)]
    if (np.diff(behind) > close).any() or (
        len(behind) and waiting and ranking.total[waiting].max() > behind[-1] + close
    ):
        yield "behind the candidates: not in the order of the scores"
