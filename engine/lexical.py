"""The lexical block: which items hold the words of a query, and how much of what it says they hold.

    score(item) = sum over the query's words of idf * saturation(item)  /  sum over the query's words of idf

That is BM25 (Robertson; idf as Lucene has it) as a share of the best that any item could reach, 0 to 1. A rare word
weighs more than a common one within a query; between queries a score means the same, whether one word was asked or
twenty, and so it can be calibrated like a cosine. A word that no item holds counts in the denominator: the less of a
query the catalogue's words cover, the more its meaning should decide.

Every posting is stored with its finished weight, and all of it is mapped from disk: a search touches only the pages
of its own words. Words are known by a 64-bit hash, so there is no table of them in memory either.
"""

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import CorruptSnapshot
from engine.words import TOKENIZER, to_terms, to_words

LEXICAL = "lexical"
"""Name of the block, and of its folder in a snapshot."""

K1 = 1.2
B = 0.75

_FILES = {"terms": np.uint64, "starts": np.int64, "rows": np.int32, "weights": np.float32, "present": np.bool_}
_STATS_FILE = "lexical.json"
# Below this share of all rows, sorting the postings costs less than a counter for every row.
_SPARSE = 1 / 64


@dataclass(frozen=True, slots=True)
class LexicalStats:
    """vocabulary: different words.   item_count: items that have words.   average_length: words of such an item."""

    vocabulary: int
    item_count: int
    average_length: float
    tokenizer: str


def write_lexical(directory: Path, texts: Sequence[str]) -> LexicalStats:
    """Write the postings of the items' texts, in the order of their rows; "" is an item without words.

    Cost: about 30 s and 16 bytes a posting of memory for a million titles.
    """
    directory.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, int] = {}
    terms, rows, counts = array("i"), array("i"), array("i")
    lengths = np.zeros(len(texts), np.float64)
    for row, text in enumerate(texts):
        words = to_words(text)
        lengths[row] = len(words)
        for word, count in Counter(words).items():
            terms.append(numbers.setdefault(word, len(numbers)))
            rows.append(row)
            counts.append(count)
    present = lengths > 0
    item_count = int(present.sum())
    average = float(lengths[present].mean()) if item_count else 1.0
    hashes = np.fromiter((_hash(word) for word in numbers), np.uint64, len(numbers))
    by_hash = np.argsort(hashes)
    place = np.empty_like(by_hash)
    place[by_hash] = np.arange(len(by_hash))
    posted = place[np.frombuffer(terms, np.int32)]
    order = np.argsort(posted, kind="stable")  # stable: rows stay ascending within a word
    frequencies = np.bincount(posted, minlength=len(numbers))
    row_of = np.frombuffer(rows, np.int32)[order]
    saturated = _saturation(np.frombuffer(counts, np.int32)[order], lengths[row_of], average).astype(np.float32)
    _write(directory / "terms.npy", hashes[by_hash])
    _write(directory / "starts.npy", np.concatenate([[0], np.cumsum(frequencies)]).astype(np.int64))
    _write(directory / "rows.npy", row_of)
    _write(
        directory / "weights.npy", np.repeat(_idf(frequencies, item_count), frequencies).astype(np.float32) * saturated
    )
    _write(directory / "present.npy", present)
    stats = LexicalStats(len(numbers), item_count, average, TOKENIZER)
    (directory / _STATS_FILE).write_text(json.dumps(asdict(stats), indent=2) + "\n")
    return stats


class Lexical:
    """The lexical block of a snapshot, mapped from its files; any number of threads may ask."""

    def __init__(self, directory: Path, count: int) -> None:
        """Open the files of `count` rows.

        Raises CorruptSnapshot if they do not fit each other or `count`, or were made by another tokenizer.
        """
        self.stats = _read_stats(directory / _STATS_FILE)
        files = {name: _map(directory / f"{name}.npy", dtype) for name, dtype in _FILES.items()}
        self._terms, self._starts, self._rows = files["terms"], files["starts"], files["rows"]
        self._weights = files["weights"]
        self.present: NDArray[np.bool_] = files["present"]
        """(count,) which rows have words."""
        sizes = {
            "terms": self.stats.vocabulary,
            "starts": self.stats.vocabulary + 1,
            "rows": int(self._starts[-1]) if len(self._starts) else 0,
            "weights": len(self._rows),
            "present": count,
        }
        for name, size in sizes.items():
            if len(files[name]) != size:
                raise CorruptSnapshot(f"{directory / name}.npy: expected {size} values, got {len(files[name])}")

    def scores(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the rows that hold a word of the query text, ascending, and their scores, all above 0.

        Cost: O(postings of the query's words), and one counter a row if they are many.
        """
        asked = [(slice(*self._starts[term : term + 2].tolist()), factor) for _, term, factor in self._query(text)]
        if not asked:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        rows = [self._rows[span] for span, _ in asked]
        shares = [self._weights[span] * factor for span, factor in asked]
        if len(asked) == 1:
            return rows[0].astype(np.int64), shares[0]
        count = sum(map(len, rows))
        if count < _SPARSE * len(self.present):
            found, places = np.unique(np.concatenate(rows), return_inverse=True)
            ends = np.cumsum([len(some) for some in rows])
            return found.astype(np.int64), _sums(len(found), np.split(places, ends[:-1]), shares)
        sums = _sums(len(self.present), rows, shares)
        found = np.flatnonzero(sums > 0)
        return found, sums[found]

    def score(self, text: str, other_text: str) -> float:
        """Return what `scores` would give an item of that other text, were it stored and nothing else changed."""
        return self.scorer(text)(other_text)

    def scorer(self, text: str) -> Callable[[str], float]:
        """Return `score` for one query text and many others; what is asked is looked up once."""
        asked = [(word, np.float32(self._idf(term)), factor) for word, term, factor in self._query(text)]
        average = self.stats.average_length

        def score(other_text: str) -> float:
            words = to_words(other_text)
            counts = Counter(words)
            total = np.float32(0.0)
            for word, idf, factor in asked:
                if count := counts.get(word, 0):
                    total += idf * np.float32(_saturation(count, len(words), average)) * factor
            return float(total)

        return score

    def _query(self, text: str) -> list[tuple[str, int, np.float32]]:
        """Return each known word, its place, and what its stored weights are multiplied with."""
        words, pairs = to_terms(text, lambda word: self._find(word) is not None)
        places = {word: self._find(word) for word in words}
        unknown = float(_idf(0, self.stats.item_count))
        says = {word: unknown if place is None else self._idf(place) for word, place in places.items()}
        total = sum(says.values())
        factors = {word: 1.0 / total for word, place in places.items() if place is not None}
        for pair in pairs:
            compound = "".join(pair)
            place = self._find(compound)
            if place is not None and compound not in factors:
                # A compound says no more than its two words do, however rare it is.
                limit = sum(says.get(word, unknown) for word in pair)
                factors[compound] = min(1.0, limit / self._idf(place)) / total
                places[compound] = place
        return [(word, place, np.float32(factors[word])) for word, place in places.items() if place is not None]

    def _find(self, word: str) -> int | None:
        hashed = _hash(word)
        place = int(np.searchsorted(self._terms, np.uint64(hashed)))
        return place if place < len(self._terms) and int(self._terms[place]) == hashed else None

    def _idf(self, place: int) -> float:
        start, end = self._starts[place : place + 2].tolist()
        return float(_idf(end - start, self.stats.item_count))


def _sums(
    count: int, places: Sequence[NDArray[np.integer]], shares: Sequence[NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Return what each place gets, added word by word in float32 as `Lexical.score` does: equal to the last bit."""
    sums = np.zeros(count, np.float32)
    for some, share in zip(places, shares, strict=True):
        sums[some] += share  # a row stands once in a word's postings
    return sums


def _saturation(counts: Any, lengths: Any, average: float) -> Any:
    """Return tf / (tf + k1 * (1 - b + b * length / average)), 0 to 1: nearly half for a word that stands once."""
    return counts / (counts + K1 * (1 - B + B * lengths / average))


def _idf(frequencies: Any, item_count: int) -> Any:
    """Return ln(1 + (N - n + .5) / (n + .5)), above 0 for every word."""
    return np.log1p((item_count - frequencies + 0.5) / (frequencies + 0.5))


def _hash(word: str) -> int:
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def _write(path: Path, values: NDArray[Any]) -> None:
    np.save(path, values, allow_pickle=False)


def _map(path: Path, dtype: type[np.generic]) -> NDArray[Any]:
    try:
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorruptSnapshot(f"{path}: expected a file of the lexical block, got {error}") from error
    # A plain array over the mapped file: numpy's own class for those makes every slice ten times as slow.
    values = np.asarray(values)
    if values.dtype != dtype or values.ndim != 1:
        raise CorruptSnapshot(f"{path}: expected one row of {np.dtype(dtype)}, got {values.shape} of {values.dtype}")
    return values


def _read_stats(path: Path) -> LexicalStats:
    try:
        stats = LexicalStats(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise CorruptSnapshot(f"{path}: expected the lexical block's statistics, got {error}") from error
    if stats.tokenizer != TOKENIZER:
        raise CorruptSnapshot(
            f"{path}: expected the tokenizer {TOKENIZER}, got {stats.tokenizer}: build the snapshot again"
        )
    return stats
