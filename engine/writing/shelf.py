"""What a catalogue teaches a writer: its words, what its pictures look like, and what it says of things of a kind."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from engine.columns import field_names
from engine.fusion import Calibration
from engine.payload import from_bytes
from engine.view import View
from engine.writing.discriminant import Discriminant, fit, log_softmax
from engine.writing.facts import (
    ACCENT,
    CATEGORY,
    COLOUR,
    FOR,
    MATERIAL,
    PATTERN,
    TYPE,
    find_fields,
    own_description,
    texts_at,
)
from engine.writing.grammar import count_words, sentences
from engine.writing.vocabulary import NUMBER, Vocabulary

IMAGE, TEXT = "image", "text"

# What is looked at of a large catalogue, drawn evenly. 10,000 payloads are read in half a second.
_MOST_ITEMS = 10_000
_LEARNT_ROLES = (TYPE, CATEGORY, COLOUR, ACCENT, PATTERN, MATERIAL, FOR)
# How sharply a picture's likeness to single items is read: what made the odds of 81 groceries true on photos of them.
_SHARPNESS = 4.0
# A discriminant that is hardly better than the commonest value says nothing.
_LEAST_LIFT = 0.1

_SHORTEST, _LONGEST = 3, 16
_SCENE = re.compile(
    r"\b(photo\w*|picture\w*|shown|laid out|cut out|background|backdrop|image|shot|behind|wallpaper|boards|planks|"
    r"click here|see (?:also|below|above)|copyright|warranty|sold|price|stock|delivery|shipping)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\b(two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|hundred|"
    r"thousand|dozen|double|triple|half|pair)\b",
    re.IGNORECASE,
)
_POINTING = re.compile(r"\b(it|its|this|these|that|those|they|their|he|she|his|her|we|our|i|my)\b", re.IGNORECASE)
_NAME = re.compile(r"(?<=[a-z,;] )[A-Z]")

Blocks = Mapping[str, tuple[NDArray[np.float32], NDArray[np.bool_]]]
"""Block → (n, d) unit vectors of n items, and (n) whether each has one."""


class Shelf:
    """A catalogue as a writer knows it; it never changes, so any number of threads may read it.

    discriminants: role → what tells its values apart by a picture's vector, for the roles where that was seen to work.
    """

    def __init__(self, payloads: Sequence[Mapping[str, Any]], blocks: Blocks | None = None) -> None:
        """Learn from payloads and, if they are at hand, their vectors. Cost: a second for 10,000."""
        names = {name: None for payload in payloads for name in field_names(payload)}
        self.fields = find_fields(names)
        self.vocabulary = Vocabulary(payloads, self.fields)
        self.discriminants: dict[str, Discriminant] = {}
        self._payloads = payloads
        self._blocks: Blocks = blocks or {}
        if IMAGE in self._blocks:
            self._learn(payloads, *self._blocks[IMAGE])
        self._said = self._gather(payloads)

    @classmethod
    def of(cls, view: View, without: frozenset[int] = frozenset()) -> Self:
        """Return what the items of a view teach, a sample of a large one. without: rows that teach nothing."""
        alive = np.concatenate(
            [
                stratum.start + (np.arange(stratum.count) if some is None else np.flatnonzero(some.mask))
                for stratum, some in zip(view.strata, view.everything.rows, strict=True)
            ]
        )
        alive = alive[~np.isin(alive, list(without))] if without else alive
        step = max(1, -(-len(alive) // _MOST_ITEMS))
        rows = np.sort(alive)[::step].astype(np.int64)
        payloads = [from_bytes(view.payload(row)) for row in rows.tolist()]
        vectors = view.vectors_of(rows)
        return cls(payloads, {block: vectors[block] for block in (IMAGE, TEXT) if block in vectors})

    def likenesses(
        self, vector: NDArray[np.float32], calibration: Calibration, name: str, blocks: Sequence[str]
    ) -> dict[str, float]:
        """Return the values of a field, each with the logarithm of the odds that a picture shows an item of it.

        Every item that was looked at votes, the more the likelier the picture is one of it by all of these blocks.
        """
        scores = np.zeros(len(self._payloads))
        counts = np.zeros(len(self._payloads))
        for block in blocks:
            rows, there = self._blocks.get(block, (None, None))
            if rows is not None and there is not None and rows.shape[1] == len(vector):
                usual = calibration.of(IMAGE, block)
                scores += there * (rows @ vector - usual.mean) / usual.std
                counts += there
        voting = np.flatnonzero(counts)
        if not len(voting):
            return {}
        votes = np.exp(log_softmax(_SHARPNESS * scores[voting] / counts[voting]))
        shares: dict[str, float] = defaultdict(float)
        for row, vote in zip(voting.tolist(), votes.tolist(), strict=True):
            for text in texts_at(self._payloads[row], name)[:1]:
                shares[text] += vote
        return {text: float(np.log(share)) for text, share in shares.items() if share > 0}

    def sayings(self, kind: str) -> tuple[str, ...]:
        """Return the sentences that several items of a type have and that hold for any of them, commonest first."""
        return self._said.get(kind.lower(), ())

    def holds_for_any(self, sentence: str, kind: str) -> bool:
        """Return whether a sentence claims nothing that another thing of the type need not have.

        No colour, material, pattern, brand or number, no other kind of thing, nothing of the photo, and no pointing at
        what the sentence before it said.
        """
        if not _SHORTEST <= count_words(sentence) <= _LONGEST or not sentence.endswith((".", "!")):
            return False
        if any(pattern.search(sentence) for pattern in (_SCENE, _COUNTED, _POINTING, _NAME)):
            return False
        own = self.vocabulary.meanings(TYPE, kind)
        return all(
            claim.role == TYPE and bool(claim.meanings & own) and claim.role != NUMBER
            for claim in self.vocabulary.claims(sentence)
        )

    def is_of_photo(self, sentence: str) -> bool:
        """Return whether a sentence tells of the photo, or of the shop, rather than of what is sold."""
        return _SCENE.search(sentence) is not None

    def _learn(
        self, payloads: Sequence[Mapping[str, Any]], vectors: NDArray[np.float32], there: NDArray[np.bool_]
    ) -> None:
        for role in _LEARNT_ROLES:
            name = self.fields.get(role)
            if name is None:
                continue
            texts = [texts_at(payload, name) for payload in payloads]
            rows = [row for row, found in enumerate(texts) if found and there[row]]
            told = [texts[row][0] for row in rows]
            found = fit(vectors[rows], told)
            if found is not None and found.accuracy > _LEAST_LIFT + max(map(told.count, found.values)) / len(told):
                self.discriminants[role] = found

    def _gather(self, payloads: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
        name = self.fields.get(TYPE)
        if name is None:
            return {}
        counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for payload in payloads:
            kinds = texts_at(payload, name)
            if kinds:
                for sentence in set(sentences(own_description(payload))):
                    counts[kinds[0]][sentence] += 1
        return {
            kind.lower(): tuple(
                sentence
                for sentence in sorted(said, key=lambda sentence: (-said[sentence], sentence))
                if said[sentence] > 1 and self.holds_for_any(sentence, kind)
            )
            for kind, said in counts.items()
        }
