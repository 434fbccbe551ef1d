"""The lexical block: BM25F scores of the items for the words of a query.

    score(item) = sum over the query's words of idf * tf / (K1 + tf)  /  sum over the query's words of idf
    tf = sum over the item's fields of weight * count / (1 - b + b * length / average length)

That is BM25F (Robertson, Zaragoza, Taylor 2004; idf as in Lucene) as a share of the best score that any item could
reach, 0 to 1: a word of the title counts for more than one of the description, and that one for more than one of the
other fields. A rare word weighs more than a common one within a query. Scores of different queries are comparable,
whether they have one word or twenty, so they can be calibrated like a cosine. A word that no item has counts in the
denominator, unless it is a function word ("for"): the less of a query the catalogue's words cover, the more its
meaning should decide.

Every posting is stored with its finished weight, and all of it is mapped from disk: a search reads only the pages of
its own words. Words are identified by a 64-bit hash, so they take no memory either.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.errors import CorruptSnapshot
from engine.lexical.lexical_stats import count_words, hash_word, idf, load_stats
from engine.lexical.memo import Memo
from engine.lexical.tokenizer import FUNCTION_WORDS, to_terms

LEXICAL = "lexical"
"""Name of the block, and of its folder in a snapshot."""

_FILES = {"terms": np.uint64, "starts": np.int64, "rows": np.int32, "weights": np.float32, "present": np.bool_}
# Below this share of all rows, sorting the postings costs less than a counter for every row.
_SPARSE_SHARE = 1 / 64

# A query text is parsed for its scores, and again for changed items and for the confidence of the answer.
_CACHED_QUERIES = 256

Rows = NDArray[np.integer]
Scores = NDArray[np.float32]


class _QueryTerm(NamedTuple):
    """A word of a query.

    Attributes:
        word: The word.
        number: Its position among the block's words.
        factor: Factor of its stored weights.
    """

    word: str
    number: int
    factor: np.float32


class _QueryCompound(NamedTuple):
    """Two neighbours of a query as one word.

    Attributes:
        term: The compound.
        left: Position of its first word among the query's terms, None if no item has that word.
        right: Position of its second word.
    """

    term: _QueryTerm
    left: int | None
    right: int | None


class _LexicalQuery(NamedTuple):
    """A parsed query text.

    Attributes:
        terms: Its words that any item has.
        compounds: Its compounds that any item has.
        known: Share of its idf that these cover.
    """

    terms: list[_QueryTerm]
    compounds: list[_QueryCompound]
    known: float


class LexicalIndex:
    """The lexical block of a snapshot, mapped from its files; safe to share between threads.

    Attributes:
        stats: Its statistics.
        present: (count,) which rows have words.
    """

    def __init__(self, directory: Path, count: int) -> None:
        """Open the files of `count` rows, including those of the version before there were fields.

        Raises CorruptSnapshot if they do not fit each other or `count`, or were made by another tokenizer.
        """
        self.stats = load_stats(directory)
        files = {name: _map(directory / f"{name}.npy", dtype) for name, dtype in _FILES.items()}
        self._terms, self._starts, self._rows = files["terms"], files["starts"], files["rows"]
        self._weights = files["weights"]
        self._queries: Memo[_LexicalQuery] = Memo(_CACHED_QUERIES)
        self.present: NDArray[np.bool_] = files["present"]
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

    def scores(self, text: str) -> tuple[NDArray[np.int64], Scores]:
        """Return the rows that have a word of the query text, ascending, and their scores, all above 0.

        Cost: O(postings of the query's words), and one counter a row if they are many.
        """
        terms, compounds, _ = self._query(text)
        postings = [self._postings(term) for term in terms]
        for compound in compounds:
            rows, shares = self._postings(compound.term)
            words = [_look_up(rows, *postings[term]) for term in (compound.left, compound.right) if term is not None]
            postings.append((rows, _subtract_words(shares, words)))
        if not postings:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if len(postings) == 1:
            return postings[0][0].astype(np.int64), postings[0][1]
        count = sum(len(rows) for rows, _ in postings)
        if count < _SPARSE_SHARE * len(self.present):
            found, positions = np.unique(np.concatenate([rows for rows, _ in postings]), return_inverse=True)
            ends = np.cumsum([len(rows) for rows, _ in postings])
            split = np.split(positions, ends[:-1])
            return found.astype(np.int64), _sum(len(found), split, [shares for _, shares in postings])
        sums = _sum(len(self.present), [rows for rows, _ in postings], [shares for _, shares in postings])
        found = np.flatnonzero(sums > 0)
        return found, sums[found]

    def known_share(self, text: str) -> float:
        """Return the share of a query's words that any item has, weighted by idf, 0 to 1."""
        return self._query(text).known

    def score(self, text: str, item: Sequence[str]) -> float:
        """Return the score that `scores` would give an item with these fields if it were stored."""
        return self.scorer(text)(item)

    def scorer(self, text: str) -> Callable[[Sequence[str]], float]:
        """Return `score` for one query text and many items; the text is parsed once."""
        terms, compounds, _ = self._query(text)
        all_terms = (*terms, *(compound.term for compound in compounds))
        weighted = [(term.word, term.factor, np.float32(self._idf(term.number))) for term in all_terms]
        stats = self.stats

        def score(item: Sequence[str]) -> float:
            counted = [count_words(field, stats.has_compounds) for field in item]
            shares = []
            for word, factor, word_idf in weighted:
                frequency = 0.0
                for field, (length, counts) in enumerate(counted):
                    if count := counts.get(word, 0):
                        frequency += stats.frequency(field, count, length)
                shares.append(word_idf * np.float32(stats.saturation(frequency)) * factor)
            total = np.float32(0.0)
            for share in shares[: len(terms)]:
                total += share
            for compound, share in zip(compounds, shares[len(terms) :], strict=True):
                words = [shares[term] for term in (compound.left, compound.right) if term is not None]
                total += _subtract_words(share, words)
            return float(total)

        return score

    def _query(self, text: str) -> _LexicalQuery:
        return self._queries.get(text, lambda: self._parse(text))

    def _parse(self, text: str) -> _LexicalQuery:
        words, pairs = to_terms(text, lambda word: self._find(word) is not None)
        found = {word: self._find(word) for word in words}
        # A function word that no item has only counts as half of a compound that one does have.
        alone = FUNCTION_WORDS.difference(word for pair in pairs for word in pair)
        found = {word: index for word, index in found.items() if index is not None or word not in alone}
        unknown = float(idf(0, self.stats.item_count))
        idfs = {word: unknown if index is None else self._idf(index) for word, index in found.items()}
        total = sum(idfs.values())
        terms = [_QueryTerm(word, index, np.float32(1.0 / total)) for word, index in found.items() if index is not None]
        positions = {term.word: position for position, term in enumerate(terms)}
        compounds = []
        known = set(positions)
        for pair in pairs:
            compound = "".join(pair)
            index = self._find(compound)
            if index is not None and compound not in positions:
                # A compound counts as much as its two words do, however rare it is.
                factor = np.float32(sum(idfs.get(word, unknown) for word in pair) / self._idf(index) / total)
                compounds.append(_QueryCompound(_QueryTerm(compound, index, factor), *map(positions.get, pair)))
                known.update(pair)
        return _LexicalQuery(terms, compounds, sum(idfs[word] for word in known if word in idfs) / (total or 1.0))

    def _postings(self, term: _QueryTerm) -> tuple[Rows, Scores]:
        span = slice(*self._starts[term.number : term.number + 2].tolist())
        return self._rows[span], self._weights[span] * term.factor

    def _find(self, word: str) -> int | None:
        """Return the position of a word among the block's words, None if no item has it."""
        hashed = hash_word(word)
        index = int(np.searchsorted(self._terms, np.uint64(hashed)))
        return index if index < len(self._terms) and int(self._terms[index]) == hashed else None

    def _idf(self, index: int) -> float:
        start, end = self._starts[index : index + 2].tolist()
        return float(idf(end - start, self.stats.item_count))


def _sum(count: int, positions: Sequence[Rows], shares: Sequence[Scores]) -> Scores:
    """Return each row's sum, added word by word in float32, bit for bit what `LexicalIndex.score` adds."""
    sums = np.zeros(count, np.float32)
    for of_word, share in zip(positions, shares, strict=True):
        sums[of_word] += share  # a row occurs once in a word's postings
    return sums


def _look_up(rows: Rows, posted: Rows, shares: Scores) -> Scores:
    """Return the share of a word in each of `rows`, 0 where it does not occur; both row arrays ascend."""
    positions = np.minimum(np.searchsorted(posted, rows), len(posted) - 1)
    return np.where(posted[positions] == rows, shares[positions], np.float32(0.0))


def _subtract_words(compound: Any, words: Sequence[Any]) -> Any:
    """Return what a compound adds beyond its words: an item that is written both ways scores no better."""
    return np.maximum(compound - sum(words, np.float32(0.0)), np.float32(0.0))


def _map(path: Path, dtype: type[np.generic]) -> NDArray[Any]:
    try:
        values: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise CorruptSnapshot(f"{path}: expected a file of the lexical block, got {error}") from error
    # A plain array over the mapped file: numpy's memmap class makes every slice ten times as slow.
    values = np.asarray(values)
    if values.dtype != dtype or values.ndim != 1:
        raise CorruptSnapshot(f"{path}: expected one row of {np.dtype(dtype)}, got {values.shape} of {values.dtype}")
    return values
