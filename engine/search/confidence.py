"""How sure an answer to a text is: the probability that the catalogue has what was asked for at all.

The best of an answer is always something, also where a shop has no such thing. Three numbers tell: how much of the
query's words any item holds, how much of them the best hits hold, and how near those are by their vectors. A build
learns what they are worth in its catalogue by asking for things that it hides; see `indexer.build.confidence_model`.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from engine.scoring.fusion import LEXICAL, FusedQuery, stratum_scale
from engine.search.read_view import ReadView
from engine.search.score_terms import ScoreTerms
from engine.snapshot.manifest import ConfidenceRecord
from engine.snapshot.snapshot import Stratum

LOOKED_AT = 3
"""How many of the best hits are looked at."""


class MatchEvidence(NamedTuple):
    """What is seen of one answer.

    known: share of the query's words, by idf, that any item holds.   held: lexical score of the hit with the highest.
    near: standard deviations by which the vectors of the nearest hit are nearer than usual, the mean over blocks.
    """

    known: float
    held: float
    near: float


def look(view: ReadView, query: FusedQuery, additions: ScoreTerms, hits: Iterable[tuple[int, float]]) -> MatchEvidence:
    """Return what is seen of the best hits of a query of words. hits: rows with their scores, at least one."""
    lexical = view.snapshot.lexical
    texts = [text for _, text in query.words]
    known = min((lexical.known_share(text) for text in texts), default=0.0) if lexical is not None else 0.0
    total = sum(weight for block, weight in query.weights.items() if block in query.vectors)
    held = near = -math.inf
    for row, score in hits:
        place = view.place_of(row)
        local = row - view.strata[place].start
        held = max(held, additions.match(place, local))
        near = max(near, (score - _beside_vectors(view.strata[place], query, additions, place, local)) / (total or 1.0))
    return MatchEvidence(known, held, near)


def _beside_vectors(stratum: Stratum, query: FusedQuery, additions: ScoreTerms, place: int, local: int) -> float:
    """Return what a score has of words and boosts, without reading the row if no boost is in it."""
    beside = float(additions.of(place)[local])
    scale = stratum_scale(query, stratum.blocks)
    if LEXICAL in stratum.blocks and scale is not None:
        beside += scale * query.offsets[LEXICAL]
    if query.boosts:
        stored = stratum.index.rows(np.array([local]))[0].astype(np.float64)
        beside += sum(boost * stratum.layout.signal(stored, name) for name, boost in query.boosts.items())
    return beside


def confidence(record: ConfidenceRecord, evidence: MatchEvidence) -> float:
    """Return the probability that the answer is a good one, above 0 and below 1."""
    weights = (record.known, record.held, record.near)
    logit = record.intercept + sum(weight * value for weight, value in zip(weights, evidence, strict=True))
    return 1 / (1 + math.exp(-min(max(logit, -15.0), 15.0)))
