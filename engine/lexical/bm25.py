"""The lexical block: which items hold the words of a query, and how much of what it says they hold.

    score(item) = sum over the query's words of idf * tf / (K1 + tf)  /  sum over the query's words of idf
    tf = sum over the item's fields of weight * count / (1 - b + b * length / average length)

That is BM25F (Robertson, Zaragoza, Taylor 2004; idf as Lucene has it) as a share of the best that any item could reach,
0 to 1: a word of the title counts for more than one of the description, and that one for more than one of the other
fields. A rare word weighs more than a common one within a query; between queries a score means the same, whether one
word was asked or twenty, and so it can be calibrated like a cosine. A word that no item holds counts in the
denominator, unless it names nothing ("for"): the less of a query the catalogue's words cover, the more its meaning
should decide.

Every posting is stored with its finished weight, and all of it is mapped from disk: a search touches only the pages
of its own words. Words are known by a 64-bit hash, so there is no table of them in memory either.
"""

import hashlib
import json
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.catalog.item_fields import ItemFields
from engine.errors import CorruptSnapshot
from engine.lexical.memo import Memo
from engine.lexical.tokenizer import FUNCTION_WORDS, TOKENIZER, WITHOUT_COMPOUNDS, to_compounds, to_terms, to_words

LEXICAL = "lexical"
"""Name of the block, and of its folder in a snapshot."""

K1 = 0.5
FIELDS = {"title": (2.0, 0.5), "text": (1.0, 0.75), "other": (0.4, 0.75)}
"""What a field weighs, and b, how much its length tells against it.

Of the judged queries of `benchmarks.relevance`, a title of 1.5 to 3, others of 0.3 to 0.45 and a K1 of 0.4 to 0.6 get
the same nDCG@10 within .006.
"""

_FILES = {"terms": np.uint64, "starts": np.int64, "rows": np.int32, "weights": np.float32, "present": np.bool_}
_STATS_FILE = "lexical.json"
# Below this share of all rows, sorting the postings costs less than a counter for every row.
_SPARSE = 1 / 64

# A query is read for its scores, and again for what changed since and for its confidence.
_KEPT_QUERIES = 256

_WHOLE_TEXT = "whole text"
"""The one field of a block that was written before there were fields: the text as the template renders it."""
_WHOLE_TEXT_K1 = 1.2

Rows = NDArray[np.integer]
Scores = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class FieldStats:
    """name, weight, b: as in FIELDS.   average_length: words of an item that has the field."""

    name: str
    weight: float
    b: float
    average_length: float


@dataclass(frozen=True, slots=True)
class LexicalStats:
    """vocabulary: different words.   item_count: items that have words.   fields: in the order of an item's texts."""

    vocabulary: int
    item_count: int
    fields: tuple[FieldStats, ...]
    tokenizer: str
    k1: float = K1

    @property
    def is_by_field(self) -> bool:
        """Whether items are told by their fields (ItemFields), and not by one text."""
        return [field.name for field in self.fields] == list(FIELDS)

    @property
    def has_compounds(self) -> bool:
        """Whether "T-shirt" is held as "tshirt" too."""
        return self.tokenizer == TOKENIZER

    def frequency(self, field: int, count: Any, length: Any) -> Any:
        """Return what one field adds to tf."""
        stats = self.fields[field]
        return stats.weight * count / (1 - stats.b + stats.b * length / stats.average_length)

    def saturation(self, frequency: Any) -> Any:
        """Return tf / (K1 + tf), 0 to 1."""
        return frequency / (self.k1 + frequency)


class _QueryTerm(NamedTuple):
    """A word that is asked: where it is, and what its stored weights are multiplied with."""

    word: str
    place: int
    factor: np.float32


class _QueryCompound(NamedTuple):
    """Two neighbours of a query as one word, and where they stand among the terms; None for one that no item holds."""

    term: _QueryTerm
    left: int | None
    right: int | None


class _LexicalQuery(NamedTuple):
    """The known words of a query, its known compounds, and the share of its idf that is known."""

    terms: list[_QueryTerm]
    compounds: list[_QueryCompound]
    known: float


def write_lexical(
    directory: Path,
    items: Sequence[ItemFields],
    scoring: Mapping[str, tuple[float, float]] = FIELDS,
    k1: float = K1,
) -> LexicalStats:
    """Write the postings of the items' fields, in the order of their rows; an item of empty fields has no words.

    scoring: as FIELDS, for the same fields.
    Cost: about 60 s and 24 bytes a posting of memory for a million titles.
    """
    directory.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, int] = {}
    terms, rows, fields, counts = array("i"), array("i"), array("b"), array("i")
    lengths = np.zeros((len(FIELDS), len(items)), np.float64)
    for row, item in enumerate(items):
        for field, text in enumerate(item):
            length, counted = _count(text, compounds=True)
            lengths[field, row] = length
            for word, count in counted.items():
                terms.append(numbers.setdefault(word, len(numbers)))
                rows.append(row)
                fields.append(field)
                counts.append(count)
    present = lengths.sum(axis=0) > 0
    averages = [float(some[some > 0].mean()) if some.any() else 1.0 for some in lengths]
    records = zip(scoring.items(), averages, strict=True)
    stats = LexicalStats(
        vocabulary=len(numbers),
        item_count=int(present.sum()),
        fields=tuple(FieldStats(name, weight, b, average) for (name, (weight, b)), average in records),
        tokenizer=TOKENIZER,
        k1=k1,
    )
    hashes = np.fromiter((_hash(word) for word in numbers), np.uint64, len(numbers))
    by_hash = np.argsort(hashes)
    place = np.empty_like(by_hash)
    place[by_hash] = np.arange(len(by_hash))
    posted = place[np.frombuffer(terms, np.int32)]
    row_of, field_of = np.frombuffer(rows, np.int32), np.frombuffer(fields, np.int8)
    order = np.argsort(posted, kind="stable")  # stable: rows stay ascending within a word, fields within a row
    posted, row_of, field_of = posted[order], row_of[order], field_of[order]
    first = np.ones(len(posted), np.bool_)
    first[1:] = (posted[1:] != posted[:-1]) | (row_of[1:] != row_of[:-1])
    posting = np.cumsum(first) - 1
    frequency = np.zeros(int(first.sum()), np.float64)
    for field in range(len(FIELDS)):
        held = field_of == field
        count = np.frombuffer(counts, np.int32)[order][held]
        frequency[posting[held]] += stats.frequency(field, count, lengths[field, row_of[held]])
    frequencies = np.bincount(posted[first], minlength=len(numbers))
    idf = np.repeat(_idf(frequencies, stats.item_count), frequencies).astype(np.float32)
    _write(directory / "terms.npy", hashes[by_hash])
    _write(directory / "starts.npy", np.concatenate([[0], np.cumsum(frequencies)]).astype(np.int64))
    _write(directory / "rows.npy", row_of[first])
    _write(directory / "weights.npy", idf * stats.saturation(frequency).astype(np.float32))
    _write(directory / "present.npy", present)
    (directory / _STATS_FILE).write_text(json.dumps(asdict(stats), indent=2) + "\n")
    return stats


class LexicalIndex:
    """The lexical block of a snapshot, mapped from its files; any number of threads may ask."""

    def __init__(self, directory: Path, count: int) -> None:
        """Open the files of `count` rows, those of the version before fields too.

        Raises CorruptSnapshot if they do not fit each other or `count`, or were made by another tokenizer.
        """
        self.stats = _read_stats(directory / _STATS_FILE)
        files = {name: _map(directory / f"{name}.npy", dtype) for name, dtype in _FILES.items()}
        self._terms, self._starts, self._rows = files["terms"], files["starts"], files["rows"]
        self._weights = files["weights"]
        self._queries: Memo[_LexicalQuery] = Memo(_KEPT_QUERIES)
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

    def scores(self, text: str) -> tuple[NDArray[np.int64], Scores]:
        """Return the rows that hold a word of the query text, ascending, and their scores, all above 0.

        Cost: O(postings of the query's words), and one counter a row if they are many.
        """
        terms, compounds, _ = self._query(text)
        asked = [self._postings(term) for term in terms]
        for compound in compounds:
            rows, shares = self._postings(compound.term)
            words = [_at(rows, *asked[term]) for term in (compound.left, compound.right) if term is not None]
            asked.append((rows, _beyond(shares, words)))
        if not asked:
            return np.empty(0, np.int64), np.empty(0, np.float32)
        if len(asked) == 1:
            return asked[0][0].astype(np.int64), asked[0][1]
        count = sum(len(rows) for rows, _ in asked)
        if count < _SPARSE * len(self.present):
            found, places = np.unique(np.concatenate([rows for rows, _ in asked]), return_inverse=True)
            ends = np.cumsum([len(rows) for rows, _ in asked])
            split = np.split(places, ends[:-1])
            return found.astype(np.int64), _sums(len(found), split, [shares for _, shares in asked])
        sums = _sums(len(self.present), [rows for rows, _ in asked], [shares for _, shares in asked])
        found = np.flatnonzero(sums > 0)
        return found, sums[found]

    def known_share(self, text: str) -> float:
        """Return how much of what a query says any item holds, 0 to 1: the share of the idf of its words."""
        return self._query(text).known

    def score(self, text: str, item: Sequence[str]) -> float:
        """Return what `scores` would give an item of these fields, were it stored and nothing else changed."""
        return self.scorer(text)(item)

    def scorer(self, text: str) -> Callable[[Sequence[str]], float]:
        """Return `score` for one query text and many items; what is asked is looked up once."""
        terms, compounds, _ = self._query(text)
        asked = [(*term, np.float32(self._idf(term.place))) for term in (*terms, *(one.term for one in compounds))]
        stats = self.stats

        def score(item: Sequence[str]) -> float:
            counted = [_count(field, stats.has_compounds) for field in item]
            shares = []
            for word, _, factor, idf in asked:
                frequency = 0.0
                for field, (length, counts) in enumerate(counted):
                    if count := counts.get(word, 0):
                        frequency += stats.frequency(field, count, length)
                shares.append(idf * np.float32(stats.saturation(frequency)) * factor)
            total = np.float32(0.0)
            for share in shares[: len(terms)]:
                total += share
            for compound, share in zip(compounds, shares[len(terms) :], strict=True):
                words = [shares[term] for term in (compound.left, compound.right) if term is not None]
                total += _beyond(share, words)
            return float(total)

        return score

    def _query(self, text: str) -> _LexicalQuery:
        return self._queries.get(text, lambda: self._read(text))

    def _read(self, text: str) -> _LexicalQuery:
        words, pairs = to_terms(text, lambda word: self._find(word) is not None)
        places = {word: self._find(word) for word in words}
        # A function word that no item holds says something only as a half of a compound that one does.
        alone = FUNCTION_WORDS.difference(word for pair in pairs for word in pair)
        places = {word: place for word, place in places.items() if place is not None or word not in alone}
        unknown = float(_idf(0, self.stats.item_count))
        says = {word: unknown if place is None else self._idf(place) for word, place in places.items()}
        total = sum(says.values())
        terms = [
            _QueryTerm(word, place, np.float32(1.0 / total)) for word, place in places.items() if place is not None
        ]
        index = {term.word: number for number, term in enumerate(terms)}
        compounds = []
        known = set(index)
        for pair in pairs:
            compound = "".join(pair)
            place = self._find(compound)
            if place is not None and compound not in index:
                # A compound says as much as its two words do, however rare it is.
                factor = np.float32(sum(says.get(word, unknown) for word in pair) / self._idf(place) / total)
                compounds.append(_QueryCompound(_QueryTerm(compound, place, factor), *map(index.get, pair)))
                known.update(pair)
        return _LexicalQuery(terms, compounds, sum(says[word] for word in known if word in says) / (total or 1.0))

    def _postings(self, term: _QueryTerm) -> tuple[Rows, Scores]:
        span = slice(*self._starts[term.place : term.place + 2].tolist())
        return self._rows[span], self._weights[span] * term.factor

    def _find(self, word: str) -> int | None:
        hashed = _hash(word)
        place = int(np.searchsorted(self._terms, np.uint64(hashed)))
        return place if place < len(self._terms) and int(self._terms[place]) == hashed else None

    def _idf(self, place: int) -> float:
        start, end = self._starts[place : place + 2].tolist()
        return float(_idf(end - start, self.stats.item_count))


def _count(text: str, compounds: bool) -> tuple[int, Counter[str]]:
    """Return how many words a field has, and how often each of them and of its compounds; those make it no longer."""
    words = to_words(text)
    counts = Counter(words)
    if compounds:
        counts.update(to_compounds(text))
    return len(words), counts


def _sums(count: int, places: Sequence[Rows], shares: Sequence[Scores]) -> Scores:
    """Return each row's sum, added word by word in float32, bit for bit what `LexicalIndex.score` adds."""
    sums = np.zeros(count, np.float32)
    for some, share in zip(places, shares, strict=True):
        sums[some] += share  # a row stands once in a word's postings
    return sums


def _at(rows: Rows, held: Rows, shares: Scores) -> Scores:
    """Return what a word gives to each of some rows, 0 where it is not held; both ascend."""
    places = np.minimum(np.searchsorted(held, rows), len(held) - 1)
    return np.where(held[places] == rows, shares[places], np.float32(0.0))


def _beyond(compound: Any, words: Sequence[Any]) -> Any:
    """Return what a compound adds to what its words give already: an item that holds both ways is no better."""
    return np.maximum(compound - sum(words, np.float32(0.0)), np.float32(0.0))


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
        content = json.loads(path.read_text())
        if "fields" not in content:
            whole = {"name": _WHOLE_TEXT, "weight": 1.0, "b": 0.75, "average_length": content.pop("average_length")}
            content["fields"] = [whole]
            content["k1"] = _WHOLE_TEXT_K1
        fields = tuple(FieldStats(**field) for field in content.pop("fields"))
        stats = LexicalStats(fields=fields, **content)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CorruptSnapshot(f"{path}: expected the lexical block's statistics, got {error}") from error
    if stats.tokenizer not in (TOKENIZER, WITHOUT_COMPOUNDS):
        raise CorruptSnapshot(
            f"{path}: expected the tokenizer {TOKENIZER}, got {stats.tokenizer}: build the snapshot again"
        )
    return stats
