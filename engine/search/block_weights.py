"""What the blocks of a snapshot weigh in a query: the defaults of the snapshot, or the weights that the query names."""

from collections.abc import Mapping, Sequence

from engine.scoring.fusion import BEHAVIOUR, LEXICAL, resolve_weights
from engine.scoring.query import Query
from engine.snapshot.snapshot import Snapshot


class BlockWeights:
    """The block weights of one snapshot.

    Attributes:
        defaults: Block → v_b in a query that names no weights.
        by_kind: Kind of part → block → v_kb in such a query, where it differs from `defaults`.
        smallest: The smallest weight above 0 of any block and kind in such a query, 0 if there is none.
    """

    def __init__(self, snapshot: Snapshot, blocks: Sequence[str]) -> None:
        """Read the weights of a snapshot. blocks: everything that a query can score against."""
        self._blocks = tuple(blocks)
        self.defaults: Mapping[str, float] = resolve_weights(_default_weights(snapshot), self._blocks)
        by_kind: dict[str, dict[str, float]] = {}
        for record in snapshot.manifest.part_weights:
            by_kind.setdefault(record.part_kind, {})[record.block] = record.weight
        self.by_kind: Mapping[str, Mapping[str, float]] = by_kind
        weights = [*self.defaults.values(), *(weight for own in by_kind.values() for weight in own.values())]
        self.smallest = min((weight for weight in weights if weight > 0), default=0.0)

    def for_kind(self, kind: str) -> Mapping[str, float]:
        """Return what each block weighs for a kind of part in a query that names no weights."""
        return {**self.defaults, **self.by_kind.get(kind, {})}

    def for_query(self, query: Query) -> tuple[Mapping[str, float], Mapping[str, Mapping[str, float]]]:
        """Return the weights of a query by block, and by kind of part where they differ from those.

        Weights that a query names hold for every kind of part.
        """
        if not query.modality_weights:
            return self.defaults, self.by_kind
        weights = resolve_weights(query.modality_weights, self._blocks)
        if LEXICAL in self._blocks and LEXICAL not in query.modality_weights:
            # A query that weighs vectors says nothing about words: these keep their weight relative to the vectors.
            content = sum(weight for block, weight in weights.items() if block not in (LEXICAL, BEHAVIOUR))
            weights[LEXICAL] = self.for_kind("text")[LEXICAL] * (content or weights.get(BEHAVIOUR, 0.0))
        return weights, {}


def _default_weights(snapshot: Snapshot) -> dict[str, float]:
    """Return the block weights of a query that names none: content vectors sum to 1, other blocks are relative to them.

    A query without words therefore scores the same whether or not the snapshot has a lexical or a behaviour block.
    """
    stored = snapshot.manifest.default_weights
    if not stored:
        weights = resolve_weights({}, tuple(snapshot.dims))
        return weights if snapshot.lexical is None else {**weights, LEXICAL: 1.0}
    total = sum(weight for block, weight in stored.items() if block in snapshot.dims and block != BEHAVIOUR)
    return {block: weight / (total or 1.0) for block, weight in stored.items()}
