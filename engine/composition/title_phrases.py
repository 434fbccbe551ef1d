"""Which words of titles say what kind of thing an item is, for catalogues whose fields do not say it.

Items that look alike are of one kind, whoever makes them: so a word says the kind as far as it is in the titles of
pictures that are like those of its own items. "Belt" is, the brand before it is not.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.lexical.tokenizer import to_words

Phrase = tuple[str, ...]

_LEAST_TITLES = 5
# A word counts by its kappa, 0 at chance and 1 if all neighbours have it; fewer say the kind than are in a title.
_LEAST_SAID, _MOST_WORDS = 0.1, 3
# What the titles of neighbours count beside the item's own.
_NEIGHBOURS_SHARE = 0.5


class TitlePhrases:
    """The words of one catalogue's titles; never changes, so any number of threads may read it."""

    def __init__(self, titles: Sequence[str], neighbours: tuple[NDArray[np.int64], NDArray[np.int64]] | None) -> None:
        """neighbours: some of the items, (m,), and those whose pictures are most like theirs, (m, k).

        None for them: no word says anything.
        """
        self._words = [frozenset(to_words(title)) for title in titles]
        self._kappas = {} if neighbours is None else _kappas(self._words, *neighbours)

    def kind(self, title: str, like: Sequence[int], without: Collection[str] = ()) -> str:
        """Return the words for the kind of an item, those that say most first.

        title: its own, "" if none is known.   like: the items whose pictures are most like its own.   without: words
        that say something else of it.
        """
        own = frozenset(to_words(title))
        counts = Counter(word for row in like for word in self._words[row])
        share = _NEIGHBOURS_SHARE if own else 1.0
        said = {
            word: self._kappas.get(word, 0.0) * (1.0 if word in own else share * counts[word] / len(like))
            for word in {*own, *counts} - {*without}
        }
        best = sorted(said, key=lambda word: (-said[word], word))[:_MOST_WORDS]
        return " ".join(word for word in best if said[word] >= _LEAST_SAID)


def phrases_in(title: str, phrases: Collection[Phrase]) -> list[str]:
    """Return which of these phrases a title has, in its order and as it writes them; the longest win."""
    tokens = title.split()
    longest = max(map(len, phrases), default=0)
    found: list[str] = []
    place = 0
    while place < len(tokens):
        for size in range(min(longest, len(tokens) - place), 0, -1):
            text = " ".join(tokens[place : place + size])
            if tuple(to_words(text)) in phrases:
                found.append(text)
                break
        else:
            size = 1
        place += size
    return found


def _kappas(
    words: Sequence[frozenset[str]], compared: NDArray[np.int64], near: NDArray[np.int64]
) -> Mapping[str, float]:
    frequencies = Counter(word for found in words for word in found)
    agreed: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    for row, others in zip(compared.tolist(), near.tolist(), strict=True):
        counts = Counter(word for other in others for word in words[other])
        for word in words[row]:
            agreed[word] += counts[word]
            asked[word] += len(others)
    kappas = {}
    for word, count in asked.items():
        chance = frequencies[word] / len(words)
        if frequencies[word] >= _LEAST_TITLES and chance < 1:
            kappas[word] = (agreed[word] / count - chance) / (1 - chance)
    return kappas
