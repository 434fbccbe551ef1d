"""What a build takes from a shop's events into its items: a block, two signals, and what tastes are usual."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.errors import InvalidSetting
from engine.recommend.scoring_weights import DEMAND, REPURCHASE, ScoringWeights
from engine.scoring.fusion import BEHAVIOUR, Calibration
from engine.snapshot.manifest import BehaviourRecord
from indexer.behaviour.cold_start import expected
from indexer.behaviour.demand import compute_demand
from indexer.behaviour.factorization import factorise
from indexer.behaviour.interactions import InteractionMatrix
from indexer.behaviour.repurchase import compute_repurchase
from indexer.behaviour.taste_moments import compute_taste_moments
from indexer.behaviour.term_matrix import to_term_matrix
from indexer.embedding.embed import Progress
from indexer.embedding.embedded_rows import EmbeddedRows
from indexer.events.event_table import EventTable

MIN_SHOPPERS = 20
"""Of fewer no vectors are learnt: what they have in common would be chance, and might tell who one of them is."""


@dataclass(frozen=True, slots=True)
class BehaviourResult:
    """Items with what was learnt of them, and the record of it for the manifest."""

    embedded: EmbeddedRows
    record: BehaviourRecord
    events: EventTable
    scoring: ScoringWeights

    def calibrated(self, calibration: Calibration) -> Calibration:
        """Return what is usual with what is usual of shoppers' tastes beside it."""
        blocks, present = self.embedded.blocks, self.embedded.present
        usual = compute_taste_moments(self.events, self.embedded.item_ids, blocks, present, self.scoring)
        return Calibration({**calibration.similarities, **usual}, calibration.signals)


def learn_behaviour(
    events: EventTable, embedded: EmbeddedRows, progress: Progress, scoring: ScoringWeights | None = None
) -> BehaviourResult:
    """Return the items with a block "behaviour" where somebody liked them, and signals "demand" and "repurchase".

    The block is left out where fewer than MIN_SHOPPERS liked anything. Raises InvalidSetting for a catalogue that
    has a signal of such a name.
    """
    for name in (DEMAND, REPURCHASE):
        if name in embedded.signals:
            raise InvalidSetting(f"expected no signal {name!r} of the catalogue: it is learnt from events; rename it")
    scoring = scoring or ScoringWeights()
    progress("behaviour", 0, 1)
    seen = InteractionMatrix.of(events, embedded.item_ids, scoring.event_weights())
    liking = seen.liking()
    shoppers = int(np.count_nonzero(np.diff(liking.indptr)))
    demand = expected(compute_demand(seen), embedded.texts, embedded.blocks, embedded.present)
    signals = embedded.signals | {DEMAND: demand, REPURCHASE: compute_repurchase(seen)}
    able = shoppers >= MIN_SHOPPERS and liking.shape[1] > 1
    vectors = factorise(liking, words=to_term_matrix(embedded.texts)) if able else _none(liking.shape[1])
    present = np.any(vectors, axis=1)
    if present.any():
        blocks, there = embedded.blocks | {BEHAVIOUR: vectors}, embedded.present | {BEHAVIOUR: present}
        embedded = replace(embedded, blocks=blocks, present=there, signals=signals)
    else:
        embedded = replace(embedded, signals=signals)
    record = BehaviourRecord(
        events=len(seen.items),
        shoppers=shoppers,
        items=int(present.sum()),
        factors=vectors.shape[1],
    )
    progress("behaviour", 1, 1)
    return BehaviourResult(embedded, record, events, scoring)


def _none(count: int) -> NDArray[np.float16]:
    return np.zeros((count, 0), np.float16)
