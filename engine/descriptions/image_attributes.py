"""What a picture shows: values of the catalogue's own fields, each with the probability that it is right.

Two witnesses are heard. The vector, by what tells the catalogue's values apart; and the caption, by how much likelier
it is than the same caption with another value in its place. Their probabilities are multiplied.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.descriptions.catalog_model import IMAGE, AttributeLikelihood, CatalogModel
from engine.descriptions.claim_vocabulary import Claim, ClaimVocabulary
from engine.descriptions.discriminant import Matrix, log_softmax
from engine.descriptions.fact_check import is_accent
from engine.descriptions.facts import ACCENT, COLOUR, TYPE
from engine.descriptions.synonyms import FAMILIES
from engine.scoring.fusion import Calibration

SPOKEN_ROLES = (TYPE, COLOUR)
"""What captions are believed of. They name a pattern or a material, but as often the wrong one."""

# How much a caption's own odds count, for it is surer of itself than it should be: what made the odds of 300 generated
# products likeliest, beside a vector and by itself.
BESIDE_VECTOR, BY_ITSELF = 0.2, 0.5
# The odds of a value that a witness leaves out, for it may not know it.
_UNKNOWN = -7.0
_MOST_SPOKEN = 60


class Captioner(Protocol):
    """Says what a picture shows."""

    name: str

    def caption(self, images: Sequence[Image.Image]) -> list[str]:
        """Return a caption of each picture."""

    def log_likelihoods(self, image: Image.Image, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n,) the log-likelihood of each text as the caption of a picture."""


class ImageAttribute(NamedTuple):
    """A value read from a picture, and how likely it is right: 0 to 1."""

    value: str
    probability: float


class ImageAttributes:
    """Reads the pictures of one catalogue; any number of threads may ask."""

    def __init__(
        self,
        shelf: CatalogModel,
        captioner: Captioner | None,
        calibration: Calibration | None = None,
        blocks: Sequence[str] = (),
    ) -> None:
        """Read with what a shelf knows. blocks: those that the encoder of pictures speaks to."""
        self._shelf = shelf
        self._vocabulary = shelf.vocabulary
        self._captioner = captioner
        self._calibration = calibration
        self._blocks = [block for block in blocks if calibration and (IMAGE, block) in calibration.similarities]

    def read(
        self, roles: Sequence[str], vector: NDArray[np.float32] | None, image: Image.Image | None, caption: str
    ) -> dict[str, ImageAttribute]:
        """Return the likeliest value of each of these roles that a witness says something of."""
        found = {}
        for role in roles:
            odds = self._odds(role, vector, image, caption)
            if odds:
                values = list(odds)
                shares = log_softmax(np.array([odds[value] for value in values]))
                best = int(shares.argmax())
                found[role] = ImageAttribute(values[best], float(np.exp(shares[best])))
        return found

    def _odds(
        self, role: str, vector: NDArray[np.float32] | None, image: Image.Image | None, caption: str
    ) -> dict[str, float]:
        seen = {} if vector is None else self._of_vector(role, vector)
        spoken = self._of_caption(role, image, caption, seen) if role in SPOKEN_ROLES else {}
        return {
            value: seen.get(value, _UNKNOWN if seen else 0.0) + spoken.get(value, _UNKNOWN if spoken else 0.0)
            for value in {**spoken, **seen}
        }

    def looks_like(self, vector: NDArray[np.float32]) -> AttributeLikelihood | None:
        """Return the product that a picture seems to show, in a catalogue that has one of each kind.

        Where items have a type in common, an item tells of another one's colours; there is none to return then.
        """
        if TYPE in self._shelf.discriminants or self._calibration is None:
            return None
        return self._shelf.nearest(vector, self._calibration, self._blocks)

    def _of_vector(self, role: str, vector: NDArray[np.float32]) -> dict[str, float]:
        odds = self._of_discriminant(role, vector)
        # Of a patterned thing a vector knows both colours better than which is which: the accent is no candidate.
        accents = self._of_discriminant(ACCENT, vector) if role == COLOUR and odds else {}
        return {value: odd + _log_of_not(accents.get(value, -np.inf)) for value, odd in odds.items()}

    def _of_discriminant(self, role: str, vector: NDArray[np.float32]) -> dict[str, float]:
        told = self._shelf.discriminants.get(role)
        return {} if told is None else dict(zip(told.values, told.read(vector[None])[0].tolist(), strict=True))

    def _of_caption(
        self, role: str, image: Image.Image | None, caption: str, seen: Mapping[str, float]
    ) -> dict[str, float]:
        """Return value → log-odds by how likely the caption is with that value in place of its own."""
        claims = [claim for claim in self._vocabulary.claims_of(role, caption) if not is_accent(claim, caption)]
        if not claims or image is None or self._captioner is None:
            return {}
        claim = claims[0]
        values = self._values(role, claim, seen)
        texts = [caption[: claim.start] + value.lower() + caption[claim.end :] for value in values]
        weighed: Matrix = self._captioner.log_likelihoods(image, texts).astype(np.float64)
        odds = log_softmax((BESIDE_VECTOR if seen else BY_ITSELF) * weighed)
        return dict(zip(values, odds.tolist(), strict=True))

    def _values(self, role: str, claim: Claim, seen: Mapping[str, float]) -> list[str]:
        """Return the values that may stand in the caption: the catalogue's, else the names of families."""
        values = list(self._vocabulary.values.get(role, ())) or list(FAMILIES.get(role, ())) or list(claim.meanings)
        if len(values) > _MOST_SPOKEN:
            values = sorted(values, key=lambda value: -seen.get(value, _UNKNOWN))[:_MOST_SPOKEN]
            own = _own(claim, self._vocabulary, role)
            values += [own] if own and own not in values else []
        return values


def _log_of_not(log_share: float) -> float:
    """Return ln(1 - p) of ln p, bounded, for nothing is impossible."""
    return float(np.log(max(1.0 - np.exp(log_share), np.exp(_UNKNOWN))))


def _own(claim: Claim, vocabulary: ClaimVocabulary, role: str) -> str:
    """Return the catalogue's value that a caption says itself."""
    return next((value for value in vocabulary.values[role] if value.lower() in claim.meanings), "")
