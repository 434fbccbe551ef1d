"""When an answer is none: learnt at build, without labels, by asking for things while they are hidden.

A query is a piece of an item's own words with a type word in it, the word that titles end with ("belt"). It is asked
three times: as the catalogue is (a good answer); with every item that holds the type word hidden, and the word
unknown, as in a shop that has no such thing (no good answer); and with only the word unknown, as by a shopper who has
another word for it (a good answer, of which only the vectors tell). Logistic regression on what is seen of the answers
then says how probably one is good. Whole types are held out to measure what that is worth.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.catalog.item_fields import ItemFields
from engine.lexical.tokenizer import to_words
from engine.scoring.fusion import EncodedPart, compose
from engine.scoring.query import Missing, TextPart
from engine.search.confidence import MAX_HITS, MatchEvidence, collect_evidence, confidence
from engine.search.depth_planner import DepthPlanner, query_class
from engine.search.retriever import Retriever
from engine.search.score_terms import ScoreTerms
from engine.search.searcher import Searcher
from engine.snapshot.manifest import ConfidenceRecord

MOST_TYPES = 150
FEWEST_TYPES = 12
"""Fewer different things than this say too little."""
OTHER_WORD_WEIGHT = 0.15
"""How often a shopper's word is one that no item holds, beside a query whose words are held."""
FALSE_ALARMS = 0.03
"""The share of good answers that may be told as none; at most where the probability is below a half."""

_RIDGE = 2e-3
_STEPS = 30
_UNKNOWN = "zzxqzzxq"
_MOST_SHARE = 0.1
_LENGTHS = (1, 2, 3, 4)

Values = NDArray[np.float64]


class _HiddenItemQuery(NamedTuple):
    """A text, the type word in it, and the text with that word made unknown."""

    text: str
    type_word: str
    masked: str


class _Observation(NamedTuple):
    """What is seen of the answers to one query: as it is, with the word unknown, and with the things hidden too."""

    plain: MatchEvidence
    reworded: MatchEvidence
    missing: MatchEvidence


def learn_confidence(
    searcher: Searcher, item_ids: Sequence[str], items: Sequence[ItemFields], seed: int = 17
) -> ConfidenceRecord | None:
    """Return when answers to texts are none in this catalogue; None where it has too few things to learn it of.

    item_ids, items: one a row of the searcher's snapshot, which has a block of words.
    Cost: one encoding and three searches for each of MOST_TYPES types.
    """
    queries = _draw(items, np.random.default_rng(seed))
    if len(queries) < FEWEST_TYPES:
        return None
    seen = _ask(searcher, item_ids, queries)
    held_out = _fit(seen[::2])
    record = _fit(seen)
    # Of types that the weights did not see.
    plain = [confidence(held_out, one.plain) < held_out.threshold for one in seen[1::2]]
    missing = [confidence(held_out, one.missing) < held_out.threshold for one in seen[1::2]]
    return record.model_copy(
        update={
            "flagged_missing": round(float(np.mean(missing)), 3),
            "flagged_good": round(float(np.mean(plain)), 3),
            "queries": len(seen),
        }
    )


def _draw(items: Sequence[ItemFields], rng: np.random.Generator) -> list[_HiddenItemQuery]:
    """Return a query for each of the commonest type words, in a random order."""
    ends: dict[str, list[int]] = {}
    holders: Counter[str] = Counter()
    for row, item in enumerate(items):
        words = to_words(item.title)
        holders.update(set(words))
        if words and words[-1].isalpha() and len(words[-1]) > 2:
            ends.setdefault(words[-1], []).append(row)
    limit = max(2.0, _MOST_SHARE * len(items))
    types = [word for word, rows in ends.items() if len(rows) >= 2 and holders[word] <= limit]
    types = sorted(types, key=lambda word: (-len(ends[word]), word))[:MOST_TYPES]
    queries = []
    for number, place in enumerate(rng.permutation(len(types)).tolist()):
        word = types[place]
        said = to_words(items[int(rng.choice(ends[word]))].title)
        length = _LENGTHS[number % len(_LENGTHS)]
        others = sorted(rng.permutation(len(said) - 1)[: length - 1].tolist())
        kept = [said[other] for other in others if said[other] != word]
        queries.append(_HiddenItemQuery(" ".join([*kept, word]), word, " ".join([*kept, _UNKNOWN])))
    return queries


def _ask(searcher: Searcher, item_ids: Sequence[str], queries: Sequence[_HiddenItemQuery]) -> list[_Observation]:
    snapshot, view = searcher.snapshot, searcher.view
    lexical = snapshot.lexical
    if lexical is None:
        raise ValueError("expected a snapshot with a block of words")
    weights = searcher.planner.weights
    manifest = snapshot.manifest
    largest = max(stratum.count for stratum in snapshot.strata)
    retriever = Retriever(view, DepthPlanner(manifest.operating_points, manifest.recall_target, largest), largest)
    spoken = searcher.encode([TextPart(query.text) for query in queries])

    def see(said: EncodedPart, words: str, hidden: Sequence[str] = ()) -> MatchEvidence:
        part = EncodedPart(said.kind, said.weight, said.vectors, words)
        fused = compose([part], weights.defaults, snapshot.calibration, {}, Missing.RENORMALIZE, weights.by_kind)
        additions = ScoreTerms(view, fused, (), excluded_ids=hidden)
        choice = retriever.depths.choose(query_class(fused, [part]), None)
        found = retriever.best(fused, MAX_HITS, choice, view.everything, additions)
        hits = list(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
        return collect_evidence(view, fused, additions, hits) if hits else MatchEvidence(0.0, 0.0, 0.0)

    seen = []
    for query, said in zip(queries, spoken, strict=True):
        hidden = [item_ids[row] for row in lexical.scores(query.type_word)[0].tolist()]
        seen.append(_Observation(see(said, query.text), see(said, query.masked), see(said, query.masked, hidden)))
    return seen


def _fit(seen: Sequence[_Observation]) -> ConfidenceRecord:
    """Return the weights of the evidence. One that speaks against a good answer says nothing and is left out."""
    x = np.array([evidence for one in seen for evidence in one], np.float64)
    y = np.tile([1.0, 1.0, 0.0], len(seen))
    counts = np.tile([1.0, OTHER_WORD_WEIGHT, 1.0], len(seen))
    used = np.ones(x.shape[1], np.bool_)
    weights = np.zeros(x.shape[1] + 1)
    while used.any():
        columns = np.concatenate([[True], used])
        weights[columns] = _regress(np.column_stack([np.ones(len(x)), x])[:, columns], y, counts)
        if (weights[1:][used] >= 0).all():
            break
        used &= weights[1:] > 0
        weights[:] = 0.0
    intercept, known, held, near = (round(float(weight), 4) for weight in weights)
    record = ConfidenceRecord(intercept=intercept, known=known, held=held, near=near, threshold=0.5)
    good = np.array([confidence(record, one.plain) for one in seen])
    return record.model_copy(update={"threshold": round(min(0.5, float(np.quantile(good, FALSE_ALARMS))), 4)})


def _regress(x: Values, y: Values, counts: Values) -> Values:
    """Return the weights of a logistic regression by Newton's method. x: (n, m)   y, counts: (n,)"""
    weights = np.zeros(x.shape[1])
    ridge = _RIDGE * len(x) * np.eye(x.shape[1])
    ridge[0, 0] = 0.0
    for _ in range(_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -15, 15)))
        gradient = x.T @ (counts * (y - p)) - ridge @ weights
        curvature = (x * (counts * p * (1 - p))[:, None]).T @ x + ridge
        weights += np.linalg.solve(curvature + 1e-9 * np.eye(len(weights)), gradient)
    return weights
