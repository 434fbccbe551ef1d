"""Terms that mean something by themselves: names of aspects, praise, blame and denial, found as grams."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.reviews.ngram_vocabulary import NgramVocabulary
from indexer.reviews.ngrams import Hashes, fold, to_grams

PRAISE, BLAME, DENIAL = "praise", "blame", "denial"


class OpinionLexicon:
    """Terms by name; a term may stand under several names."""

    def __init__(self, terms: Mapping[str, Iterable[str]]) -> None:
        self.names = tuple(terms)
        pairs: dict[int, list[int]] = {}
        for place, listed in enumerate(terms.values()):
            for term in listed:
                places = pairs.setdefault(_key_of(term), [])
                if place not in places:
                    places.append(place)
        keys = np.array(sorted(pairs), np.uint64)
        self._terms = NgramVocabulary(keys)
        counts = [len(pairs[int(key)]) for key in keys]
        self._starts = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        self._names = np.array([place for key in keys for place in pairs[int(key)]], np.int64)

    def find(self, keys: Hashes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return which of the grams are terms, and the number of the name each stands under; twice for two names."""
        places = self._terms.places(keys)
        found = np.flatnonzero(places >= 0)
        terms = places[found]
        sizes = self._starts[terms + 1] - self._starts[terms]
        within = np.arange(int(sizes.sum())) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return np.repeat(found, sizes), self._names[np.repeat(self._starts[terms], sizes) + within]


@cache
def seeds() -> dict[str, dict[str, list[str]]]:
    """Return the terms that come with the indexer: "opinions", "aspects" and "discovery" by name."""
    read = _read()
    return {name: read[name] for name in ("opinions", "aspects", "discovery")}


@cache
def conditions() -> dict[tuple[str, str], re.Pattern[str]]:
    """Return what a clause has to match for a term of many meanings to name an aspect, by aspect and term."""
    listed: dict[str, dict[str, str]] = _read()["conditions"]
    return {(aspect, term): re.compile(one) for aspect, terms in listed.items() for term, one in terms.items()}


@cache
def _read() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("seeds.toml").read_text("utf-8"))


@cache
def opinions() -> OpinionLexicon:
    """Return the words of PRAISE, BLAME and DENIAL, in this order."""
    return OpinionLexicon({name: seeds()["opinions"][name] for name in (PRAISE, BLAME, DENIAL)})


def _key_of(term: str) -> int:
    """Return the gram that is the whole term: the last one, for a longer run of words or of signs comes later."""
    folded = fold(term)
    grams = to_grams([folded])
    whole = (grams.starts == 0) & (grams.ends == len(folded) - 1)
    return int(grams.keys[np.flatnonzero(whole)[-1]])
