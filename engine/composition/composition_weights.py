"""How much the pieces of a composed query count beside each other, as chosen on the references not reported in
benchmarks/results/composed.json."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CompositionWeights:
    """Weights in the units of a fused score, in which a standard deviation of a likeness is 1.

    reference: of the picture or item itself.   named: of what it is once changed, in a few words.   change: of the text
    of the change.   old: against the words of its title that the change replaces, where no field has them.   kind,
    quality: of a field that stays, for each nat that it tells.   changed: of a field that changes.
    """

    reference: float = 0.3
    named: float = 1.0
    change: float = 0.6
    old: float = 0.3
    kind: float = 6.0
    quality: float = 2.0
    changed: float = 16.0
