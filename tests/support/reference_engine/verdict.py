"""Whether an answer is right: all that is wrong with it, in words, allowing for scores that are as good as equal.

Pages are judged together, as the beginning of one list. What a search that was not asked to be exact has missed is no
fault: `recall` counts it.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from google.protobuf.json_format import MessageToDict

from engine.v1 import search_pb2
from tests.support.reference_engine.diversity import misplaced
from tests.support.reference_engine.filters import Node
from tests.support.reference_engine.ranking import Twin, key_of

DEFAULT_PAGE_SIZE = 10
MOST_VALUES = 1000


class Verdict:
    """One request and the pages of its answer, as many as were asked for."""

    def __init__(
        self,
        twin: Twin,
        request: search_pb2.SearchRequest,
        tree: Node | None,
        pages: Sequence[search_pb2.SearchResponse],
    ) -> None:
        self.twin, self.request, self.pages, self.goods = twin, request, pages, twin.goods
        self.ranking = twin.rank(request, tree)
        self.total = self.ranking.total
        self.close = self.ranking.close
        self.hits = [hit for page in pages for hit in page.hits]
        self.rows = [self.goods.rows.get(hit.item_id, -1) for hit in self.hits]
        self._keys = twin.keys(request.collapse_by) if request.collapse_by else None
        matching = np.flatnonzero(self.ranking.matching)
        self._sizes = Counter(self._keys[row] for row in matching) if self._keys else Counter()
        pinned = self._pinned()
        self.listed = self._listed(pinned)
        """The rows that score and collapse leave, best first: one a group, and all that are pinned."""
        self.free = [row for row in self.listed if row not in pinned]
        """Those of them that no pin takes out."""
        self.slots = self._slots(pinned, len(self.free))
        self.whole = len(self.free) + len(pinned)
        """The length of the whole list."""
        self.asked = min(self.whole, len(pages) * (request.page_size or DEFAULT_PAGE_SIZE))
        self.ranked = [row for row in self.rows if row not in pinned]

    def faults(self, exact: bool) -> Iterator[str]:
        """Give what is wrong. exact: whether nothing may be missed, and the order has to be that of all items."""
        if -1 in self.rows:
            yield f"hits that are no items: {[hit.item_id for hit in self.hits if hit.item_id not in self.goods.rows]}"
            return
        if len(set(self.rows)) < len(self.rows):
            yield "an item twice"
        outside = [self.goods.items[row].item_id for row in self.rows if not self.ranking.matching[row]]
        if outside:
            yield f"hits that the filter excludes: {outside}"
        # What a shallow search has not found cannot be told from what has too low a score.
        if len(self.rows) > self.asked or (
            (exact or not self.request.HasField("min_score")) and len(self.rows) < self.asked
        ):
            yield f"expected {self.asked} hits, got {len(self.rows)}"
        elif len(self.rows) == self.asked and bool(self.pages[-1].next_page_token) != (self.asked < self.whole):
            yield f"expected a next page to be told of: {self.asked < self.whole}, got the contrary"
        for hit, row in zip(self.hits, self.rows, strict=True):
            yield from self._wrong_hit(hit, row)
        for slot, row in self.slots.items():
            if slot < len(self.rows) and self.rows[slot] != row:
                yield f"expected {self.goods.items[row].item_id} pinned at {slot}"
        yield from self._wrong_order(exact)
        counts = {name: self.twin.facet(name, self.ranking.matching) for name in self.request.facets}
        for page in self.pages:
            yield from self._wrong_facets(page, counts)
            yield from self._wrong_plan(page, exact)

    def recall(self) -> float | None:
        """Return the share of the ten best that was found; None if none are, or if scores do not order the hits."""
        count = min(10, self.asked - sum(slot < self.asked for slot in self.slots))
        if count <= 0 or self.request.HasField("diversity"):
            return None
        last = self.free[count - 1]
        enough = self.total[last] - self.close[last]
        return float(
            np.mean(
                [self.total[row] + self.close[row] >= enough for row in self.ranked[:count]]
                + [False] * (count - len(self.ranked))
            )
        )

    def expected(self) -> list[str]:
        """Return the list as it should be, id and score, but for diversity."""
        rows = list(self.free)
        for slot, row in self.slots.items():
            rows.insert(slot, row)
        return [f"{self.goods.items[row].item_id} {self.total[row]:.5f}" for row in rows]

    def _listed(self, pinned: Collection[int]) -> list[int]:
        rows = np.flatnonzero(self.ranking.answering)
        if self.request.HasField("min_score"):
            rows = rows[self.total[rows] >= self.request.min_score]
        ordered = rows[np.argsort(-self.total[rows], kind="stable")].tolist()
        if self._keys is None:
            return ordered
        found: list[int] = []
        taken = {self._group(row) for row in pinned}
        for row in ordered:
            group = self._group(row)
            if row in pinned or group not in taken:
                found.append(row)
            taken.add(group)
        return found

    def _group(self, row: int) -> Any:
        key = None if self._keys is None else self._keys[row]
        return row if key is None else key

    def _pinned(self) -> dict[int, int]:
        """Return the rows that are pinned, and where to, the first pin of each."""
        found: dict[int, int] = {}
        for pin in self.request.pins:
            row = self.goods.rows.get(pin.item_id)
            if row is not None and self.ranking.matching[row]:
                found.setdefault(row, pin.position)
        return found

    @staticmethod
    def _slots(pinned: Mapping[int, int], others: int) -> dict[int, int]:
        """Return which row is pinned at which place: each where it is asked, below those before it, not in the void."""
        slots: dict[int, int] = {}
        free = 0
        for number, (row, position) in enumerate(sorted(pinned.items(), key=lambda pin: pin[1])):
            free = max(free, min(position, others + number))
            slots[free] = row
            free += 1
        return slots

    def _wrong_hit(self, hit: search_pb2.Hit, row: int) -> Iterator[str]:
        total = self.total[row]
        if abs(hit.score - total) > self.close[row]:
            yield f"{hit.item_id}: expected the score {total:.6f}, got {hit.score:.6f}"
        if self.request.explain:
            given = dict(hit.contributions)
            if abs(sum(given.values()) - hit.score) > self.close[row]:
                yield f"{hit.item_id}: contributions sum to {sum(given.values()):.6f}, the score is {hit.score:.6f}"
            for name, scores in self.ranking.contributions.items():
                if abs(given.pop(name, 0.0) - scores[row]) > self.close[row]:
                    yield f"{hit.item_id}: expected {scores[row]:.6f} of {name}, got {hit.contributions[name]:.6f}"
            if any(given.values()):
                yield f"{hit.item_id}: contributions of {sorted(given)}"
        elif hit.contributions:
            yield f"{hit.item_id}: contributions that nobody asked for"
        size = 0
        if self._keys is not None:
            key = self._keys[row]
            size = 1 if key is None else self._sizes[key]
        if hit.group_size != size:
            yield f"{hit.item_id}: expected a group of {size}, got {hit.group_size}"
        payload = cut(self.goods.items[row].payload, list(self.request.read_mask.paths))
        if not_empty(MessageToDict(hit.payload)) != not_empty(payload):
            yield f"{hit.item_id}: expected the payload {payload}, got {MessageToDict(hit.payload)}"

    def _wrong_order(self, exact: bool) -> Iterator[str]:
        groups = [self._group(row) for row in self.ranked]
        best = {self._group(row): row for row in self.free}
        for row, group in zip(self.ranked, groups, strict=True):
            if group not in best:
                yield f"{self.goods.items[row].item_id} is no answer, or of a group that is pinned"
        if len(set(groups)) < len(groups):
            yield "two hits of one group"
        if not self.ranked or not set(groups) <= set(best):
            return
        totals = self.total[self.ranked]
        if exact:
            lesser = [
                row
                for row, group in zip(self.ranked, groups, strict=True)
                if self.total[row] < self.total[best[group]] - 2 * self.close[row]
            ]
            if lesser:
                yield f"not the best of their groups: {[self.goods.items[row].item_id for row in lesser]}"
        if self.request.HasField("diversity"):
            if exact:
                yield from misplaced(
                    self.twin,
                    self.ranking,
                    self.request,
                    self.listed,
                    [best[group] for group in groups],
                    set(self.free),
                )
            return
        least, most = totals - self.close[self.ranked], totals + self.close[self.ranked]
        rises = np.flatnonzero(least[1:] > most[:-1])
        if len(rises):
            name = self.goods.items[self.ranked[rises[0]]].item_id
            yield f"after {name} comes a better one" + ("" if exact else ", that a deeper look has found")
        scores = [hit.score for hit, row in zip(self.hits, self.rows, strict=True) if row not in self.slots.values()]
        settled = np.array(self.ranked) < len(self.goods) - self.goods.live
        falls = (np.diff(self.ranked) < 0) & settled[1:] & settled[:-1] & (exact or len(self.pages) == 1)
        for place in np.flatnonzero((np.diff(totals) == 0) & (np.diff(scores) == 0) & falls):
            yield f"{self.goods.items[self.ranked[place]].item_id} comes before an equal one of a lower row"
        left = set(best) - set(groups)
        if exact and left:
            missed = max((best[group] for group in left), key=lambda row: self.total[row] - self.close[row])
            if self.total[missed] - self.close[missed] > most[-1]:
                yield f"{self.goods.items[missed].item_id} of score {self.total[missed]:.6f} is missing"

    def _wrong_facets(self, page: search_pb2.SearchResponse, counts: Mapping[str, Counter[Any]]) -> Iterator[str]:
        if [facet.field for facet in page.facets] != list(self.request.facets):
            yield f"expected facets of {list(self.request.facets)}, got {[facet.field for facet in page.facets]}"
            return
        for facet in page.facets:
            got = [(key_of(MessageToDict(entry.value)), entry.count) for entry in facet.values]
            expected = counts[facet.field]
            # Which type comes first among the equally common is left open.
            ordered = sorted(expected.items(), key=lambda entry: (-entry[1], entry[0] is not None, entry[0] or ()))
            if sorted(got, key=repr) != sorted(ordered[:MOST_VALUES], key=repr):
                yield f"facet {facet.field}: expected {ordered[:20]}, got {got[:20]}"
            for (value, count), (after, later) in pairwise(got):
                same_type = value is not None and after is not None and value[0] == after[0]
                if count < later or (count == later and same_type and value > after):
                    yield f"facet {facet.field}: {after} comes after {value}"

    def _wrong_plan(self, page: search_pb2.SearchResponse, exact: bool) -> Iterator[str]:
        share = float(self.ranking.matching.mean())
        if abs(page.plan.selectivity - share) > 1e-6:
            yield f"expected a selectivity of {share}, got {page.plan.selectivity}"
        if exact and page.hits and (page.plan.strategy, page.plan.expected_recall) != ("exact", 1.0):
            yield f"expected an exact plan, got {page.plan}"
        if page.degraded:
            yield "degraded, though no budget was given"


def cut(payload: Mapping[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """Return what a read_mask leaves of a payload."""
    if not paths or "payload" in paths:
        return dict(payload)
    found: dict[str, Any] = {}
    for path in paths:
        names = path.split(".")[1:]
        value: Any = payload
        for name in names:
            value = value.get(name) if isinstance(value, Mapping) else None
        if value is None:
            continue
        place = found
        for name in names[:-1]:
            place = place.setdefault(name, {})
        if not isinstance(value, Mapping):
            place[names[-1]] = value
        else:
            place[names[-1]] = dict(value)
    return found


def not_empty(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return a payload without the mappings in it that hold nothing: whether a mask leaves those is left open."""
    inner = {name: not_empty(value) if isinstance(value, Mapping) else value for name, value in payload.items()}
    return {name: value for name, value in inner.items() if value != {}}
