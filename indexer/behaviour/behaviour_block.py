"""The behaviour block, the demand and repurchase signals, and the calibration of tastes, all from a shop's events."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSetting
from engine.recommend.scoring_weights import DEMAND, REPURCHASE, ScoringWeights
from engine.scoring.fusion import BEHAVIOUR, Calibration
from engine.snapshot.manifest import BehaviourRecord
from indexer.behaviour.cold_start import estimate_missing
from indexer.behaviour.demand import compute_demand
from indexer.behaviour.factorization import factorise
from indexer.behaviour.interactions import InteractionMatrix
from indexer.behaviour.repurchase import compute_repurchase
from indexer.behaviour.taste_moments import compute_taste_moments
from indexer.behaviour.term_matrix import to_term_matrix
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.events.event_table import EventTable
from indexer.progress import Progress

MIN_SHOPPERS = 20
"""With fewer shoppers no vectors are learnt: they would be chance, and might identify a shopper."""


@dataclass(frozen=True, slots=True)
class BehaviourResult:
    """Items with what was learnt about them, and its record for the manifest."""

    embedded: EmbeddedRows
    record: BehaviourRecord
    events: EventTable
    scoring: ScoringWeights

    def calibrate(self, calibration: Calibration) -> Calibration:
        """Return the calibration with the moments of shoppers' tastes added."""
        blocks, present = self.embedded.blocks, self.embedded.present
        taste_moments = compute_taste_moments(self.events, self.embedded.item_ids, blocks, present, self.scoring)
        return Calibration({**calibration.similarities, **taste_moments}, calibration.signals)


def learn_behaviour(
    events: EventTable, embedded: EmbeddedRows, progress: Progress, scoring: ScoringWeights | None = None
) -> BehaviourResult:
    """Return the items with a "behaviour" block where shoppers liked them, and "demand" and "repurchase" signals.

    The block is left out if fewer than MIN_SHOPPERS shoppers liked anything.

    Raises:
        InvalidSetting: The catalogue has a signal of the same name.
    """
    for name in (DEMAND, REPURCHASE):
        if name in embedded.signals:
            raise InvalidSetting(
                f"expected no signal {name!r} in the catalogue, because it is learnt from events; rename it"
            )
    scoring = scoring or ScoringWeights()
    progress("behaviour", 0, 1)
    interactions = InteractionMatrix.from_events(events, embedded.item_ids, scoring.event_weights())
    affinities = interactions.to_affinities()
    shoppers = int(np.count_nonzero(np.diff(affinities.indptr)))
    demand = estimate_missing(compute_demand(interactions), embedded.texts, embedded.blocks, embedded.present)
    signals = embedded.signals | {DEMAND: demand, REPURCHASE: compute_repurchase(interactions)}
    learnable = shoppers >= MIN_SHOPPERS and affinities.shape[1] > 1
    vectors = (
        factorise(affinities, words=to_term_matrix(embedded.texts)) if learnable else _no_vectors(affinities.shape[1])
    )
    present = np.any(vectors, axis=1)
    if present.any():
        blocks, has_block = embedded.blocks | {BEHAVIOUR: vectors}, embedded.present | {BEHAVIOUR: present}
        embedded = replace(embedded, blocks=blocks, present=has_block, signals=signals)
    else:
        embedded = replace(embedded, signals=signals)
    record = BehaviourRecord(
        events=len(interactions.items),
        shoppers=shoppers,
        items=int(present.sum()),
        factors=vectors.shape[1],
    )
    progress("behaviour", 1, 1)
    return BehaviourResult(embedded, record, events, scoring)


def _no_vectors(count: int) -> NDArray[np.float16]:
    return np.zeros((count, 0), np.float16)
