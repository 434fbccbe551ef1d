"""Finds the words of titles that say what kind of thing an item is, for catalogues whose fields do not say it.

Items that look alike are of the same kind, whatever their brand. So a word describes the kind as far as it also occurs
in the titles of items with similar pictures: "belt" does, the brand before it does not.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.lexical.tokenizer import to_words

Phrase = tuple[str, ...]

_MIN_TITLES = 5
# A word is scored by its kappa, 0 at chance and 1 if all neighbours have it; only the best few describe the kind.
_MIN_SCORE, _MAX_WORDS = 0.1, 3
# Weight of the titles of neighbours relative to the item's own.
_NEIGHBOUR_WEIGHT = 0.5


class TitlePhrases:
    """The words of one catalogue's titles; immutable, so safe to share between threads."""

    def __init__(self, titles: Sequence[str], neighbours: tuple[NDArray[np.int64], NDArray[np.int64]] | None) -> None:
        """Score the words of titles.

        Args:
            titles: The title of each item, "" for none.
            neighbours: (m,) some of the items, and (m, k) the items with the most similar pictures. None if unknown;
                then no word describes a kind.
        """
        self._words = [frozenset(to_words(title)) for title in titles]
        self._kappas = {} if neighbours is None else _kappas(self._words, *neighbours)

    def kind(self, title: str, similar: Sequence[int], excluded: Collection[str] = ()) -> str:
        """Return the words for the kind of an item, best first.

        Args:
            title: Its own title, "" if unknown.
            similar: The items with the most similar pictures.
            excluded: Words that describe something else.
        """
        own = frozenset(to_words(title))
        counts = Counter(word for row in similar for word in self._words[row])
        share = _NEIGHBOUR_WEIGHT if own else 1.0
        scores = {
            word: self._kappas.get(word, 0.0) * (1.0 if word in own else share * counts[word] / len(similar))
            for word in {*own, *counts} - {*excluded}
        }
        best = sorted(scores, key=lambda word: (-scores[word], word))[:_MAX_WORDS]
        return " ".join(word for word in best if scores[word] >= _MIN_SCORE)


def phrases_in(title: str, phrases: Collection[Phrase]) -> list[str]:
    """Return the phrases that a title contains, in its order and spelling; longer phrases win."""
    tokens = title.split()
    longest = max(map(len, phrases), default=0)
    found: list[str] = []
    position = 0
    while position < len(tokens):
        for size in range(min(longest, len(tokens) - position), 0, -1):
            text = " ".join(tokens[position : position + size])
            if tuple(to_words(text)) in phrases:
                found.append(text)
                break
        else:
            size = 1
        position += size
    return found


def _kappas(
    words: Sequence[frozenset[str]], compared: NDArray[np.int64], near: NDArray[np.int64]
) -> Mapping[str, float]:
    frequencies = Counter(word for found in words for word in found)
    agreed: Counter[str] = Counter()
    compared_count: Counter[str] = Counter()
    for row, others in zip(compared.tolist(), near.tolist(), strict=True):
        counts = Counter(word for other in others for word in words[other])
        for word in words[row]:
            agreed[word] += counts[word]
            compared_count[word] += len(others)
    kappas = {}
    for word, count in compared_count.items():
        chance = frequencies[word] / len(words)
        if frequencies[word] >= _MIN_TITLES and chance < 1:
            kappas[word] = (agreed[word] / count - chance) / (1 - chance)
    return kappas
