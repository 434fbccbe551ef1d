"""How sure an answer to a text is: the probability that the catalogue has what was asked for at all.

The best of an answer is always something, also where a shop has no such thing. Three numbers tell: how much of the
query's words any item holds, how much of them the best hits hold, and how near those are by their vectors. A build
learns what they are worth in its catalogue by asking for things that it hides; see `indexer.confidence`.
"""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from engine.additions import Additions
from engine.fusion import LEXICAL, FusedQuery, contributions, stratum_scale
from engine.manifest import ConfidenceRecord
from engine.view import View

LOOKED_AT = 3
"""How many of the best hits are looked at; it costs 15 µs each."""


class Evidence(NamedTuple):
    """What is seen of one answer.

    known: share of the query's words, by idf, that any item holds.   held: lexical score of the hit with the highest.
    near: standard deviations by which the vectors of the nearest hit are nearer than usual, the mean over blocks.
    """

    known: float
    held: float
    near: float


def look(view: View, query: FusedQuery, additions: Additions, rows: Iterable[int]) -> Evidence:
    """Return what is seen of the best hits of a query of words, best first. rows: at least one."""
    lexical = view.snapshot.lexical
    texts = [text for _, text in query.words]
    known = min((lexical.known_share(text) for text in texts), default=0.0) if lexical is not None else 0.0
    total = sum(weight for block, weight in query.weights.items() if block in query.vectors)
    held = near = -math.inf
    for row in rows:
        place = view.place_of(row)
        stratum = view.strata[place]
        local = row - stratum.start
        stored = stratum.index.rows(np.array([local]))[0]
        shares = contributions(query, stratum_scale(query, stratum.blocks), stored, stratum.layout)
        meant = sum(share for block, share in shares.items() if block in query.vectors and block != LEXICAL)
        held, near = max(held, additions.match(place, local)), max(near, meant / total if total else 0.0)
    return Evidence(known, held, near)


def confidence(record: ConfidenceRecord, evidence: Evidence) -> float:
    """Return the probability that the answer is a good one, above 0 and below 1."""
    weights = (record.known, record.held, record.near)
    logit = record.intercept + sum(weight * value for weight, value in zip(weights, evidence, strict=True))
    return 1 / (1 + math.exp(-min(max(logit, -15.0), 15.0)))
