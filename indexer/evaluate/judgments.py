"""Queries with relevance judgments, read from two files.

queries: query_id and one of `query` (text), `image` (a file beside it) and `item_id` (similar items).
judgments: query_id, item_id, rating; 0 is irrelevant, and so are unrated items.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import InvalidCatalogue
from engine.scoring.query import ImagePart, ItemPart, Part, Query, TextPart
from indexer.catalog.table_rows import read_table, require_number, require_value

QUERY_COLUMNS = ("query", "image", "item_id")


@dataclass(frozen=True, slots=True)
class JudgedQuery:
    """One query and the ratings of items, item_id → rating. It is a text, a picture or an item."""

    query_id: str
    ratings: Mapping[str, float]
    query: str = ""
    image: Path | None = None
    item_id: str = ""

    def to_query(self, weights: Mapping[str, float], limit: int) -> Query:
        """Return the query for a searcher, without the query item itself among its results.

        Raises OSError for a missing picture.
        """
        without = frozenset({self.item_id} if self.item_id else ())
        return Query((self._part(),), weights, limit=limit, excluded_ids=without)

    def _part(self) -> Part:
        if self.query:
            return TextPart(self.query)
        return ItemPart(self.item_id) if self.image is None else ImagePart(self.image.read_bytes())


def read_judged(queries: Path, judgments: Path) -> list[JudgedQuery]:
    """Return the queries that have a rating above 0, in file order; others cannot distinguish rankings.

    Judgments of unknown queries are ignored.

    Raises:
        InvalidCatalogue: A file is malformed, or fewer than two queries are left.
    """
    ratings: dict[str, dict[str, float]] = {}
    for number, row in read_table(judgments):
        rated = ratings.setdefault(require_value(judgments, number, row, "query_id"), {})
        item_id = require_value(judgments, number, row, "item_id")
        if item_id in rated:
            raise InvalidCatalogue(f"{judgments}, row {number}: expected one rating of {item_id!r}, got two")
        rated[item_id] = require_number(judgments, number, row, "rating")
    seen: set[str] = set()
    found = []
    for number, row in read_table(queries):
        query_id = require_value(queries, number, row, "query_id")
        if query_id in seen:
            raise InvalidCatalogue(f"{queries}, row {number}: query_id {query_id!r} occurs twice")
        seen.add(query_id)
        judged_query = _to_query(queries, number, query_id, row, ratings.get(query_id, {}))
        if any(rating > 0 for rating in judged_query.ratings.values()):
            found.append(judged_query)
    if len(found) < 2:
        raise InvalidCatalogue(f"{queries}: expected at least 2 queries with a rating above 0, got {len(found)}")
    return found


def _to_query(path: Path, number: int, query_id: str, row: dict[str, str], ratings: dict[str, float]) -> JudgedQuery:
    columns = {column: value for column in QUERY_COLUMNS if (value := (row.get(column) or "").strip())}
    if len(columns) != 1:
        raise InvalidCatalogue(
            f"{path}, row {number}: expected one of {', '.join(QUERY_COLUMNS)}, got {', '.join(columns) or 'none'}"
        )
    image = path.parent / columns["image"] if "image" in columns else None
    if image is not None and not image.is_file():
        raise InvalidCatalogue(f"{path}, row {number}: expected an image file, got {image}, which is not a file")
    item_id = columns.get("item_id", "")
    others = {rated: rating for rated, rating in ratings.items() if rated != item_id}
    return JudgedQuery(query_id, others, columns.get("query", ""), image, item_id)
