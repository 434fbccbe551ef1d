"""Keyword search only: bm25s, another BM25 library, with its defaults and with tuned settings, and our own with others.

Settings are chosen on four folds of the queries and measured on the fifth, so that no query tunes its own.
"""

import logging
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

import bm25s  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

from engine.catalog.item_fields import ItemFields
from engine.lexical.bm25 import LexicalIndex
from engine.lexical.lexical_stats import FIELDS
from engine.lexical.lexical_writer import write_lexical
from engine.lexical.tokenizer import to_words
from indexer.evaluate.judgments import JudgedQuery
from indexer.evaluate.ranking_metrics import K
from indexer.evaluate.search_quality import SearchScores, measure

METHODS = ("lucene", "robertson", "atire", "bm25l", "bm25+")
SETTINGS = ((1.5, 0.75), (1.2, 0.75), (0.9, 0.4), (0.6, 0.75), (0.6, 0.9), (0.3, 0.75))
"""k1 and b; the first is the default of the library."""
TITLE_WEIGHTS, OTHER_WEIGHTS, K1S = (1.0, 2.0, 4.0), (0.1, 0.4, 1.0), (0.5, 1.2)
"""Settings of our keyword index; the text has weight 1."""
FOLDS = 5

Cut = Callable[[str], list[str]]


def its_words(text: str) -> list[str]:
    """Return the tokens of bm25s with its defaults: lower case, two letters or more, no stop words."""
    tokens: list[list[str]] = bm25s.tokenize([text], stopwords="english", return_ids=False, show_progress=False)
    return tokens[0]


CUTS: dict[str, Cut] = {"its words": its_words, "our words": to_words}


def measure_bm25s(
    judged: Sequence[JudgedQuery], item_ids: Sequence[str], items: Sequence[ItemFields]
) -> dict[str, dict[str, SearchScores]]:
    """Return the scores of each setting, by tokenizer: "its words" or "our words" → setting → scores.

    Documents are title and text, with or without the other fields: that is a setting, as are k1 and b.
    """
    documents = {
        "title and text": [f"{item.title}. {item.text}" for item in items],
        "all fields": [f"{item.title}. {item.text}. {item.other}" for item in items],
    }
    logging.getLogger("bm25s").setLevel(logging.WARNING)
    found: dict[str, dict[str, SearchScores]] = {name: {} for name in CUTS}
    for (name, cut), (kind, texts) in product(CUTS.items(), documents.items()):
        corpus = [cut(text) for text in texts]
        for method, (k1, b) in product(METHODS, SETTINGS):
            index = bm25s.BM25(method=method, k1=k1, b=b)
            index.index(corpus, show_progress=False)

            def rank(judged_query: JudgedQuery, index: bm25s.BM25 = index, cut: Cut = cut) -> list[str]:
                tokens = [token for token in cut(judged_query.query) if token in index.vocab_dict]
                scores = index.get_scores(tokens) if tokens else np.zeros(len(item_ids))
                best = np.lexsort((np.arange(len(scores)), -scores))[:K]
                return [item_ids[position] for position in best.tolist() if scores[position] > 0]

            found[name][f"{method}, k1 {k1:g}, b {b:g}, {kind}"] = measure(judged, rank)
    return found


def measure_fields(
    judged: Sequence[JudgedQuery], item_ids: Sequence[str], items: Sequence[ItemFields], folder: Path
) -> dict[str, SearchScores]:
    """Return the scores of our keyword index by settings: the weights of title and other fields, and k1."""
    found = {}
    for title, other, k1 in product(TITLE_WEIGHTS, OTHER_WEIGHTS, K1S):
        scoring = {name: ({"title": title, "other": other}.get(name, 1.0), b) for name, (_, b) in FIELDS.items()}
        write_lexical(folder, items, scoring, k1)
        lexical = LexicalIndex(folder, len(items))

        def rank(judged_query: JudgedQuery, lexical: LexicalIndex = lexical) -> list[str]:
            rows, scores = lexical.scores(judged_query.query)
            return [item_ids[rows[position]] for position in np.lexsort((rows, -scores))[:K].tolist()]

        found[f"title {title:g}, other {other:g}, k1 {k1:g}"] = measure(judged, rank)
    return found


def as_it_comes(found: dict[str, dict[str, SearchScores]]) -> SearchScores:
    """Return the scores of bm25s with its defaults, on title and text."""
    k1, b = SETTINGS[0]
    return found["its words"][f"{METHODS[0]}, k1 {k1:g}, b {b:g}, title and text"]


def chosen_by_folds(ndcg: dict[str, NDArray[np.float64]]) -> tuple[NDArray[np.float64], list[str]]:
    """Return (n,) each query's score with the setting chosen on the other four folds, and the five settings."""
    names = list(ndcg)
    values = np.stack([ndcg[name] for name in names])
    fold = np.arange(values.shape[1]) % FOLDS
    chosen = [int(values[:, fold != number].mean(axis=1).argmax()) for number in range(FOLDS)]
    return values[np.array(chosen)[fold], np.arange(values.shape[1])], [names[index] for index in chosen]
