"""Estimates how likely an answer to a text query is a good one: whether the catalogue has what was searched for.

A search always returns its best hits, even where the catalogue has nothing of the kind. Three numbers tell these cases
apart: the share of the query's words that any item has, the share that the best hits have, and how similar those hits
are by their vectors. A build fits their weights to its catalogue by searching for items that it hides; see
`indexer.build.confidence_model`.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from engine.scoring.fusion import LEXICAL, FusedQuery, stratum_scale
from engine.search.read_view import ReadView
from engine.search.score_terms import ScoreTerms
from engine.search.stratum_lookup import find_stratum
from engine.snapshot.manifest import ConfidenceRecord
from engine.snapshot.snapshot import Stratum

MAX_HITS = 3
"""How many of the best hits count as evidence."""


class MatchEvidence(NamedTuple):
    """The evidence that one answer matches its query.

    Attributes:
        known: Share of the query's words, by idf, that any item has.
        held: Highest lexical score of the hits.
        near: Vector similarity of the nearest hit, in standard deviations above the mean, averaged over blocks.
    """

    known: float
    held: float
    near: float


def collect_evidence(
    view: ReadView, query: FusedQuery, terms: ScoreTerms, hits: Iterable[tuple[int, float]]
) -> MatchEvidence:
    """Return the evidence in the best hits of a text query. hits: rows with their scores, at least one."""
    lexical = view.snapshot.lexical
    texts = [text for _, text in query.words]
    known = min((lexical.known_share(text) for text in texts), default=0.0) if lexical is not None else 0.0
    total = sum(weight for block, weight in query.weights.items() if block in query.vectors)
    held = near = -math.inf
    for row, score in hits:
        index = find_stratum(view.strata, row)
        local = row - view.strata[index].start
        held = max(held, terms.match(index, local))
        other = _score_without_vectors(view.strata[index], query, terms, index, local)
        near = max(near, (score - other) / (total or 1.0))
    return MatchEvidence(known, held, near)


def _score_without_vectors(stratum: Stratum, query: FusedQuery, terms: ScoreTerms, index: int, local: int) -> float:
    """Return what words and boosts add to a score; the row is read only if it holds a boost."""
    score = float(terms.totals(index)[local])
    scale = stratum_scale(query, stratum.blocks)
    if LEXICAL in stratum.blocks and scale is not None:
        score += scale * query.offsets[LEXICAL]
    if query.boosts:
        stored = stratum.index.rows(np.array([local]))[0].astype(np.float64)
        score += sum(boost * stratum.layout.signal(stored, name) for name, boost in query.boosts.items())
    return score


def confidence(record: ConfidenceRecord, evidence: MatchEvidence) -> float:
    """Return the probability that the answer is a good one, above 0 and below 1."""
    weights = (record.known, record.held, record.near)
    logit = record.intercept + sum(weight * value for weight, value in zip(weights, evidence, strict=True))
    return 1 / (1 + math.exp(-min(max(logit, -15.0), 15.0)))
