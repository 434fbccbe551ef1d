"""A query with everything that a search needs: coefficients, depth, rows that may be returned, added terms."""

from typing import NamedTuple

from engine.scoring.fusion import FusedQuery
from engine.scoring.query import Query
from engine.search.depth_planner import SearchDepth
from engine.search.row_selection import RowSelection
from engine.search.score_terms import ScoreTerms


class PlannedQuery(NamedTuple):
    """One query of a batch after planning.

    Attributes:
        position: Position in the batch.
        query: The query as it came.
        fused: Its coefficients of the stored rows.
        depth: How deep each stratum is searched.
        selection: The rows that may be returned.
        terms: What is added to the inner products, None for nothing.
        encode_us: Time that encoding the parts took.
        plan_us: Time that the rest of planning took.
    """

    position: int
    query: Query
    fused: FusedQuery
    depth: SearchDepth
    selection: RowSelection
    terms: ScoreTerms | None
    encode_us: int
    plan_us: int
