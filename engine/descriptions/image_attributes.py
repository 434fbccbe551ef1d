"""Attribute values read from a picture, each with the probability that it is correct.

Two classifiers are combined by multiplying their probabilities: a linear discriminant of the picture's vector, and the
likelihood of the caption compared with the same caption with another value in its place.
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

CAPTION_ROLES = (TYPE, COLOUR)
"""The roles that captions name reliably. The pattern or material in a caption is wrong as often as right."""

# Weights of a caption's log-odds, which are overconfident: with a vector, and alone. They maximise the likelihood of
# 300 generated products.
CAPTION_WEIGHT_WITH_VECTOR, CAPTION_WEIGHT_ALONE = 0.2, 0.5
# Log-odds of a value that one of the two classifiers does not know.
_UNKNOWN = -7.0
_MAX_CAPTION_VALUES = 60


class Captioner(Protocol):
    """Captions pictures."""

    name: str

    def caption(self, images: Sequence[Image.Image]) -> list[str]:
        """Return a caption for each picture."""

    def log_likelihoods(self, image: Image.Image, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return (n,) the log-likelihood of each text as a caption of the picture."""


class ImageAttribute(NamedTuple):
    """A value read from a picture, and its probability, 0 to 1."""

    value: str
    probability: float


class ImageAttributes:
    """Reads attribute values of one catalogue from pictures; thread-safe."""

    def __init__(
        self,
        catalog: CatalogModel,
        captioner: Captioner | None,
        calibration: Calibration | None = None,
        blocks: Sequence[str] = (),
    ) -> None:
        """Read with a catalogue model. blocks: Vector blocks that the image encoder can query."""
        self._catalog = catalog
        self._vocabulary = catalog.vocabulary
        self._captioner = captioner
        self._calibration = calibration
        self._blocks = [block for block in blocks if calibration and (IMAGE, block) in calibration.similarities]

    def read(
        self, roles: Sequence[str], vector: NDArray[np.float32] | None, image: Image.Image | None, caption: str
    ) -> dict[str, ImageAttribute]:
        """Return the most likely value of each role that the vector or the caption covers."""
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
        seen = {} if vector is None else self._vector_odds(role, vector)
        captioned = self._caption_odds(role, image, caption, seen) if role in CAPTION_ROLES else {}
        return {
            value: seen.get(value, _UNKNOWN if seen else 0.0) + captioned.get(value, _UNKNOWN if captioned else 0.0)
            for value in {**captioned, **seen}
        }

    def find_item(self, vector: NDArray[np.float32]) -> AttributeLikelihood | None:
        """Return the item that a picture seems to show, in a catalogue with one item per type.

        Return None if items share types: then the picture may show another item of the same type.
        """
        if TYPE in self._catalog.discriminants or self._calibration is None:
            return None
        return self._catalog.nearest(vector, self._calibration, self._blocks)

    def _vector_odds(self, role: str, vector: NDArray[np.float32]) -> dict[str, float]:
        odds = self._discriminant_odds(role, vector)
        # The vector of a patterned product shows both colours, but not which is the main one, so exclude the accent.
        accents = self._discriminant_odds(ACCENT, vector) if role == COLOUR and odds else {}
        return {value: odd + _log_complement(accents.get(value, -np.inf)) for value, odd in odds.items()}

    def _discriminant_odds(self, role: str, vector: NDArray[np.float32]) -> dict[str, float]:
        discriminant = self._catalog.discriminants.get(role)
        if discriminant is None:
            return {}
        return dict(zip(discriminant.values, discriminant.read(vector[None])[0].tolist(), strict=True))

    def _caption_odds(
        self, role: str, image: Image.Image | None, caption: str, seen: Mapping[str, float]
    ) -> dict[str, float]:
        """Return value → log-odds, from the likelihood of the caption with that value in place of its own."""
        claims = [claim for claim in self._vocabulary.claims_of(role, caption) if not is_accent(claim, caption)]
        if not claims or image is None or self._captioner is None:
            return {}
        claim = claims[0]
        values = self._values(role, claim, seen)
        texts = [caption[: claim.start] + value.lower() + caption[claim.end :] for value in values]
        likelihoods: Matrix = self._captioner.log_likelihoods(image, texts).astype(np.float64)
        odds = log_softmax((CAPTION_WEIGHT_WITH_VECTOR if seen else CAPTION_WEIGHT_ALONE) * likelihoods)
        return dict(zip(values, odds.tolist(), strict=True))

    def _values(self, role: str, claim: Claim, seen: Mapping[str, float]) -> list[str]:
        """Return the candidate values for the caption: the catalogue's, or the family names if it has none."""
        values = list(self._vocabulary.values.get(role, ())) or list(FAMILIES.get(role, ())) or list(claim.meanings)
        if len(values) > _MAX_CAPTION_VALUES:
            values = sorted(values, key=lambda value: -seen.get(value, _UNKNOWN))[:_MAX_CAPTION_VALUES]
            own = _find_value(claim, self._vocabulary, role)
            values += [own] if own and own not in values else []
        return values


def _log_complement(log_share: float) -> float:
    """Return ln(1 - p) for ln p, bounded below."""
    return float(np.log(max(1.0 - np.exp(log_share), np.exp(_UNKNOWN))))


def _find_value(claim: Claim, vocabulary: ClaimVocabulary, role: str) -> str:
    """Return the catalogue value that the caption itself names, "" for none."""
    return next((value for value in vocabulary.values[role] if value.lower() in claim.meanings), "")
