"""Whether a model can read some reviews: it learnt their writing, and knows enough of their words.

Whoever asks an English model about Chinese reviews should be told so, and not be given numbers that mean nothing.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.errors import InvalidCatalogue
from indexer.reviews.feedback_model import CHINESE_EXPERT, ENGLISH_EXPERT, FeedbackModel
from indexer.reviews.ngrams import OF_WORDS, fold, is_chinese_text, to_grams
from indexer.reviews.product_words import WORD
from indexer.reviews.review import Review

MAX_UNREAD = 0.5
"""From this share of unread reviews on, none is scored."""

# English reviews share a tenth of their words with French ones, and a third with any other English ones.
_MIN_KNOWN = 0.25
# Of a text of fewer words nothing is known either way.
_MIN_WORDS = 4
_REASONS = {
    CHINESE_EXPERT: (
        "they are in Chinese or another writing without spaces between words, and the model learnt from none"
    ),
    ENGLISH_EXPERT: (
        "they are in English or another writing with spaces between words, and the model learnt from none"
    ),
    "": "they are in a language whose words the model does not know",
}


class Coverage:
    """The reviews of a file that a model was asked about, and those it cannot read."""

    def __init__(self, model: FeedbackModel) -> None:
        self._model = model
        self._reasons: Counter[str] = Counter()
        self.reviews = 0

    @property
    def unread(self) -> int:
        """How many reviews the model cannot read."""
        return self._reasons.total()

    def add(self, reviews: Sequence[Review]) -> None:
        """Count some more reviews; those without words do not count."""
        texts = [folded for review in reviews if (folded := fold(review.words))]
        self.reviews += len(texts)
        writings = [CHINESE_EXPERT if is_chinese_text(text) else ENGLISH_EXPERT for text in texts]
        self._reasons.update(writing for writing in writings if writing not in self._model.experts)
        if ENGLISH_EXPERT not in self._model.experts:
            return
        words = [WORD.findall(text) for text, writing in zip(texts, writings, strict=True) if writing == ENGLISH_EXPERT]
        known = self._known({word for found in words for word in found})
        for found in words:
            if len(found) >= _MIN_WORDS and sum(word in known for word in found) < _MIN_KNOWN * len(found):
                self._reasons[""] += 1

    def check(self, path: Path) -> None:
        """Raise InvalidCatalogue if the model cannot read MAX_UNREAD of the reviews or more."""
        if self.unread >= MAX_UNREAD * max(1, self.reviews):
            raise InvalidCatalogue(f"{path}: {self.sentence}; fit a model on rated reviews in that language")

    @property
    def sentence(self) -> str:
        """What is wrong, "" if the model reads all."""
        if not self.unread:
            return ""
        reason = _REASONS[self._reasons.most_common(1)[0][0]]
        return f"the model cannot read {self.unread} of {self.reviews} reviews: {reason}"

    def _known(self, words: set[str]) -> set[str]:
        listed = sorted(words)
        grams = to_grams(listed)
        mine = np.flatnonzero(grams.families == OF_WORDS)
        found = self._model.experts[ENGLISH_EXPERT].vocabulary.places(grams.keys[mine]) >= 0
        return {listed[row] for row in grams.rows[mine[found]].tolist()}
