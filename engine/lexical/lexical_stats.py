"""The statistics and constants that BM25F scores depend on, stored with the postings of a snapshot."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import CorruptSnapshot
from engine.lexical.tokenizer import TOKENIZER, WITHOUT_COMPOUNDS, to_compounds, to_words

K1 = 0.5
FIELDS = {"title": (2.0, 0.5), "text": (1.0, 0.75), "other": (0.4, 0.75)}
"""Field → its weight, and b, how much its length counts against it.

On the judged queries of `benchmarks.relevance`, a title weight of 1.5 to 3, other weights of 0.3 to 0.45 and a K1 of
0.4 to 0.6 reach the same nDCG@10 within .006.
"""

STATS_FILE = "lexical.json"

_WHOLE_TEXT = "whole text"
"""The only field of a block written before there were fields: the text as the template renders it."""
_WHOLE_TEXT_K1 = 1.2


@dataclass(frozen=True, slots=True)
class FieldStats:
    """The statistics of one field.

    Attributes:
        name: A key of FIELDS.
        weight: How much a word of the field counts.
        b: How much the field's length counts against it, 0 to 1.
        average_length: Words of the average item that has the field.
    """

    name: str
    weight: float
    b: float
    average_length: float


@dataclass(frozen=True, slots=True)
class LexicalStats:
    """The statistics of a lexical block.

    Attributes:
        vocabulary: Number of distinct words.
        item_count: Number of items that have words.
        fields: In the order of an item's texts.
        tokenizer: Identity of the tokenizer that cut the words.
        k1: Saturation of the term frequency.
    """

    vocabulary: int
    item_count: int
    fields: tuple[FieldStats, ...]
    tokenizer: str
    k1: float = K1

    @property
    def is_by_field(self) -> bool:
        """Whether items are indexed by field (ItemFields) and not as one text."""
        return [field.name for field in self.fields] == list(FIELDS)

    @property
    def has_compounds(self) -> bool:
        """Whether "T-shirt" is also indexed as "tshirt"."""
        return self.tokenizer == TOKENIZER

    def frequency(self, field: int, count: Any, length: Any) -> Any:
        """Return what one field adds to tf. count, length: occurrences of a word and all words, numbers or arrays."""
        stats = self.fields[field]
        return stats.weight * count / (1 - stats.b + stats.b * length / stats.average_length)

    def saturation(self, frequency: Any) -> Any:
        """Return tf / (K1 + tf), 0 to 1."""
        return frequency / (self.k1 + frequency)


def idf(frequencies: Any, item_count: int) -> Any:
    """Return ln(1 + (N - n + .5) / (n + .5)), above 0 for every word."""
    return np.log1p((item_count - frequencies + 0.5) / (frequencies + 0.5))


def hash_word(word: str) -> int:
    """Return the 64-bit hash that identifies a word."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def count_words(text: str, compounds: bool) -> tuple[int, Counter[str]]:
    """Return the length of a field in words, and the count of each word and compound; compounds add no length."""
    words = to_words(text)
    counts = Counter(words)
    if compounds:
        counts.update(to_compounds(text))
    return len(words), counts


def save_stats(stats: LexicalStats, directory: Path) -> None:
    """Write the statistics of a block into its directory."""
    (directory / STATS_FILE).write_text(json.dumps(asdict(stats), indent=2) + "\n")


def load_stats(directory: Path) -> LexicalStats:
    """Return the statistics in a block's directory. Raises CorruptSnapshot, also for an unknown tokenizer."""
    path = directory / STATS_FILE
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
