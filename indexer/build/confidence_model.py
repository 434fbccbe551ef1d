"""The model that decides when nothing in the catalogue matches a text, learned at build without labels.

Each query is a few words of an item's title including its type word, the word that titles end with ("belt"). It is
searched three times: in the catalogue as it is (a good match); with the type word replaced by an unknown word and every
item that has it hidden, as in a shop without that product (no match); and with only the word replaced, as by a shopper
who uses another word for it (a good match that only the vectors find). Logistic regression on the evidence of the
results gives the probability of a good match. Its error rates are measured on product types held out from training.
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

MAX_TYPES = 150
MIN_TYPES = 12
"""With fewer product types nothing is learned."""
REWORDED_WEIGHT = 0.15
"""Weight of a query with a word that no item has, relative to one whose words items have."""
FALSE_ALARM_RATE = 0.03
"""Share of good matches that may be reported as none; the threshold never exceeds a probability of .5."""

_RIDGE = 2e-3
_NEWTON_STEPS = 30
_UNKNOWN_WORD = "zzxqzzxq"
_MAX_TYPE_SHARE = 0.1
_QUERY_LENGTHS = (1, 2, 3, 4)

Values = NDArray[np.float64]


class _HiddenItemQuery(NamedTuple):
    """A text, the type word in it, and the text with that word replaced."""

    text: str
    type_word: str
    masked: str


class _Observation(NamedTuple):
    """The evidence for one query: as it is, with the word replaced, and with the items hidden too."""

    plain: MatchEvidence
    reworded: MatchEvidence
    missing: MatchEvidence


def learn_confidence(
    searcher: Searcher, item_ids: Sequence[str], items: Sequence[ItemFields], seed: int = 17
) -> ConfidenceRecord | None:
    """Return the confidence model of a catalogue, None if it has fewer than MIN_TYPES product types.

    Cost: one encoding and three searches for each of at most MAX_TYPES types.

    Args:
        searcher: Opened on a snapshot with a lexical block.
        item_ids: The id of each row's item.
        items: The fields of each row's item.
    """
    queries = _draw(items, np.random.default_rng(seed))
    if len(queries) < MIN_TYPES:
        return None
    observations = _observe(searcher, item_ids, queries)
    record = _fit(observations)
    # Error rates come from a model fitted on half of the types, measured on the other half.
    half, held_out = _fit(observations[::2]), observations[1::2]
    plain = [confidence(half, observation.plain) < half.threshold for observation in held_out]
    missing = [confidence(half, observation.missing) < half.threshold for observation in held_out]
    return record.model_copy(
        update={
            "flagged_missing": round(float(np.mean(missing)), 3),
            "flagged_good": round(float(np.mean(plain)), 3),
            "queries": len(observations),
        }
    )


def _draw(items: Sequence[ItemFields], rng: np.random.Generator) -> list[_HiddenItemQuery]:
    """Return a query for each of the most frequent type words, in random order."""
    ends: dict[str, list[int]] = {}
    holders: Counter[str] = Counter()
    for row, item in enumerate(items):
        words = to_words(item.title)
        holders.update(set(words))
        if words and words[-1].isalpha() and len(words[-1]) > 2:
            ends.setdefault(words[-1], []).append(row)
    limit = max(2.0, _MAX_TYPE_SHARE * len(items))
    types = [word for word, rows in ends.items() if len(rows) >= 2 and holders[word] <= limit]
    types = sorted(types, key=lambda word: (-len(ends[word]), word))[:MAX_TYPES]
    queries = []
    for number, index in enumerate(rng.permutation(len(types)).tolist()):
        word = types[index]
        title = to_words(items[int(rng.choice(ends[word]))].title)
        length = _QUERY_LENGTHS[number % len(_QUERY_LENGTHS)]
        others = sorted(rng.permutation(len(title) - 1)[: length - 1].tolist())
        kept = [title[other] for other in others if title[other] != word]
        queries.append(_HiddenItemQuery(" ".join([*kept, word]), word, " ".join([*kept, _UNKNOWN_WORD])))
    return queries


def _observe(searcher: Searcher, item_ids: Sequence[str], queries: Sequence[_HiddenItemQuery]) -> list[_Observation]:
    snapshot, view = searcher.snapshot, searcher.view
    lexical = snapshot.lexical
    if lexical is None:
        raise ValueError("expected a snapshot with a lexical block, got none")
    weights = searcher.planner.weights
    manifest = snapshot.manifest
    largest = max(stratum.count for stratum in snapshot.strata)
    retriever = Retriever(view, DepthPlanner(manifest.operating_points, manifest.recall_target, largest), largest)
    parts = searcher.encode([TextPart(query.text) for query in queries])

    def observe(encoded: EncodedPart, text: str, hidden: Sequence[str] = ()) -> MatchEvidence:
        part = EncodedPart(encoded.kind, encoded.weight, encoded.vectors, text)
        fused = compose([part], weights.defaults, snapshot.calibration, {}, Missing.RENORMALIZE, weights.by_kind)
        terms = ScoreTerms(view, fused, (), excluded_ids=hidden)
        choice = retriever.depths.choose(query_class(fused, [part]), None)
        found = retriever.best(fused, MAX_HITS, choice, view.everything, terms)
        hits = list(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
        return collect_evidence(view, fused, terms, hits) if hits else MatchEvidence(0.0, 0.0, 0.0)

    observations = []
    for query, part in zip(queries, parts, strict=True):
        hidden = [item_ids[row] for row in lexical.scores(query.type_word)[0].tolist()]
        observations.append(
            _Observation(
                plain=observe(part, query.text),
                reworded=observe(part, query.masked),
                missing=observe(part, query.masked, hidden),
            )
        )
    return observations


def _fit(observations: Sequence[_Observation]) -> ConfidenceRecord:
    """Return the weights of the evidence. Evidence that would get a negative weight is noise and is left out."""
    x = np.array([evidence for observation in observations for evidence in observation], np.float64)
    y = np.tile([1.0, 1.0, 0.0], len(observations))
    counts = np.tile([1.0, REWORDED_WEIGHT, 1.0], len(observations))
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
    good = np.array([confidence(record, observation.plain) for observation in observations])
    return record.model_copy(update={"threshold": round(min(0.5, float(np.quantile(good, FALSE_ALARM_RATE))), 4)})


def _regress(x: Values, y: Values, counts: Values) -> Values:
    """Return the weights of a logistic regression, fitted by Newton's method.

    Args:
        x: (n, m) features, the first of them constant.
        y: (n,) labels, 0 or 1.
        counts: (n,) sample weights.
    """
    weights = np.zeros(x.shape[1])
    ridge = _RIDGE * len(x) * np.eye(x.shape[1])
    ridge[0, 0] = 0.0
    for _ in range(_NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(x @ weights, -15, 15)))
        gradient = x.T @ (counts * (y - p)) - ridge @ weights
        curvature = (x * (counts * p * (1 - p))[:, None]).T @ x + ridge
        weights += np.linalg.solve(curvature + 1e-9 * np.eye(len(weights)), gradient)
    return weights
