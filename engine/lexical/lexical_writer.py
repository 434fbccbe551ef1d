"""Writes the lexical block of a snapshot: the postings of every word with their finished weights."""

from array import array
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.catalog.item_fields import ItemFields
from engine.lexical.lexical_stats import FIELDS, K1, FieldStats, LexicalStats, count_words, hash_word, idf, save_stats
from engine.lexical.tokenizer import TOKENIZER


class _WordCounts(NamedTuple):
    """The occurrences of words in fields, one entry for each word, row and field.

    Attributes:
        numbers: Word → its number.
        words: (n,) word numbers.
        rows: (n,) rows, ascending.
        fields: (n,) fields, ascending within a row.
        counts: (n,) occurrences.
        lengths: (fields, items) words of each field.
    """

    numbers: dict[str, int]
    words: NDArray[np.int32]
    rows: NDArray[np.int32]
    fields: NDArray[np.int8]
    counts: NDArray[np.int32]
    lengths: NDArray[np.float64]


def write_lexical(
    directory: Path,
    items: Sequence[ItemFields],
    scoring: Mapping[str, tuple[float, float]] = FIELDS,
    k1: float = K1,
) -> LexicalStats:
    """Write the postings of the items' fields, in the order of their rows, and return the statistics.

    Cost: about 60 s and 24 bytes of memory a posting for a million titles.

    Args:
        directory: Created if it does not exist.
        items: An item whose fields are all empty has no words.
        scoring: Field → weight and b, for the fields of FIELDS.
        k1: Saturation of the term frequency.
    """
    directory.mkdir(parents=True, exist_ok=True)
    occurrences = _count(items)
    lengths = occurrences.lengths
    present = lengths.sum(axis=0) > 0
    averages = [float(of_field[of_field > 0].mean()) if of_field.any() else 1.0 for of_field in lengths]
    records = zip(scoring.items(), averages, strict=True)
    stats = LexicalStats(
        vocabulary=len(occurrences.numbers),
        item_count=int(present.sum()),
        fields=tuple(FieldStats(name, weight, b, average) for (name, (weight, b)), average in records),
        tokenizer=TOKENIZER,
        k1=k1,
    )
    hashes = np.fromiter((hash_word(word) for word in occurrences.numbers), np.uint64, len(occurrences.numbers))
    by_hash = np.argsort(hashes)
    _save(directory / "terms.npy", hashes[by_hash])
    _write_postings(directory, occurrences, by_hash, stats)
    _save(directory / "present.npy", present)
    save_stats(stats, directory)
    return stats


def _count(items: Sequence[ItemFields]) -> _WordCounts:
    numbers: dict[str, int] = {}
    words, rows, fields, counts = array("i"), array("i"), array("b"), array("i")
    lengths = np.zeros((len(FIELDS), len(items)), np.float64)
    for row, item in enumerate(items):
        for field, text in enumerate(item):
            length, counted = count_words(text, compounds=True)
            lengths[field, row] = length
            for word, count in counted.items():
                words.append(numbers.setdefault(word, len(numbers)))
                rows.append(row)
                fields.append(field)
                counts.append(count)
    return _WordCounts(
        numbers,
        np.frombuffer(words, np.int32),
        np.frombuffer(rows, np.int32),
        np.frombuffer(fields, np.int8),
        np.frombuffer(counts, np.int32),
        lengths,
    )


def _write_postings(directory: Path, occurrences: _WordCounts, by_hash: NDArray[np.int64], stats: LexicalStats) -> None:
    """Write the rows and weights of each word. by_hash: word numbers in the order of the words' hashes."""
    rank = np.empty_like(by_hash)
    rank[by_hash] = np.arange(len(by_hash))
    posted = rank[occurrences.words]
    order = np.argsort(posted, kind="stable")  # stable: rows stay ascending within a word, fields within a row
    posted, rows, fields = posted[order], occurrences.rows[order], occurrences.fields[order]
    first = np.ones(len(posted), np.bool_)
    first[1:] = (posted[1:] != posted[:-1]) | (rows[1:] != rows[:-1])
    posting = np.cumsum(first) - 1
    frequency = np.zeros(int(first.sum()), np.float64)
    for field in range(len(FIELDS)):
        in_field = fields == field
        count = occurrences.counts[order][in_field]
        frequency[posting[in_field]] += stats.frequency(field, count, occurrences.lengths[field, rows[in_field]])
    frequencies = np.bincount(posted[first], minlength=stats.vocabulary)
    word_idf = np.repeat(idf(frequencies, stats.item_count), frequencies).astype(np.float32)
    _save(directory / "starts.npy", np.concatenate([[0], np.cumsum(frequencies)]).astype(np.int64))
    _save(directory / "rows.npy", rows[first])
    _save(directory / "weights.npy", word_idf * stats.saturation(frequency).astype(np.float32))


def _save(path: Path, values: NDArray[Any]) -> None:
    np.save(path, values, allow_pickle=False)
