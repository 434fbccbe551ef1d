"""Weights of the terms of a composed query.

Tuned on references that benchmarks/results/composed.json does not report.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompositionWeights:
    """Weights in units of a fused score, where one standard deviation of a similarity is 1.

    Attributes:
        reference: Weight of the image or item itself.
        named: Weight of a short text that names it as changed.
        change: Weight of the text of the change.
        old: Weight against the words of its title that the change replaces, if no field has them.
        kind: Weight of a field that stays and says what kind of thing it is, for each nat of the field's weight.
        quality: Weight of any other field that stays, for each nat of the field's weight.
        changed: Weight of a field that changes.
    """

    reference: float = 0.3
    named: float = 1.0
    change: float = 0.6
    old: float = 0.3
    kind: float = 6.0
    quality: float = 2.0
    changed: float = 16.0
