"""SearchService: one query or several, each answered by one snapshot."""

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from time import perf_counter_ns

from google.rpc import code_pb2
from google.rpc.status_pb2 import Status

from engine.composition.query_rewriter import QueryRewriter
from engine.errors import DiptychError
from engine.scoring.query import Answer, Query
from engine.server.codec.search_request import needs_encoder, needs_events, to_query
from engine.server.codec.search_response import to_batch_bytes, to_bytes
from engine.server.codec.statuses import to_status
from engine.server.codec.validation import check
from engine.server.rpc_router import Method
from engine.server.served_snapshot import ServedSnapshot, SnapshotManager
from engine.server.shopper_recommender import ShopperRecommender
from engine.server.workers import CallDeadline, Workers
from engine.v1 import search_pb2

# More would not be searched faster, and would hold up the loop longer.
GATHERED_AT_MOST = 16

log = logging.getLogger(__name__)


class SearchService:
    """Answers queries; those that need a model wait for `encoders`, and those that need events for `readers`, so that
    they never hold up the others."""

    def __init__(
        self,
        snapshots: SnapshotManager,
        shoppers: ShopperRecommender,
        searchers: Workers,
        encoders: Workers,
        readers: Workers,
    ) -> None:
        self._snapshots = snapshots
        self._shoppers = shoppers
        self._searchers = searchers
        self._encoders = encoders
        self._readers = readers
        self._rewriter = QueryRewriter()
        self._gathered: list[_Gathered] = []

    def methods(self) -> dict[str, Method]:
        """Return what answers which rpc."""
        return {"engine.v1.SearchService/Search": self.search, "engine.v1.SearchService/BatchSearch": self.batch_search}

    async def search(self, request: search_pb2.SearchRequest, call: CallDeadline) -> bytes:
        """Answer one query."""
        served = self._snapshots.served
        query = to_query(request, served.name)
        parse_us = (perf_counter_ns() - call.arrived_ns) // 1000
        work = partial(self._answer, served, request, query, call.arrived_ns, parse_us)
        if needs_encoder(query):
            return await self._encoders.run("encoded query", work, call)
        if needs_events(query):
            return await self._readers.run("query of a shopper", work, call)
        if served.is_quick(query):
            # Blocking work on the event loop, against the rule: a search of 300 µs holds up the others no longer than
            # the parsing of a large message does, and the hop to a thread and back costs 150 µs of CPU with one
            # caller and 80 with 16, more than all else around the search.
            call.check()
            gathered = _Gathered(asyncio.get_running_loop().create_future(), served, request, query, call, parse_us)
            self._gathered.append(gathered)
            if len(self._gathered) == 1:
                # Once all calls that have come by now are parsed: what they share of the search is then done once.
                asyncio.get_running_loop().call_soon(self._answer_gathered)
            return await gathered.future
        return await self._searchers.run("query", work, call)

    def _answer_gathered(self) -> None:
        gathered, self._gathered = self._gathered[:GATHERED_AT_MOST], self._gathered[GATHERED_AT_MOST:]
        if self._gathered:
            asyncio.get_running_loop().call_soon(self._answer_gathered)
        by_snapshot: dict[int, list[_Gathered]] = {}
        for one in gathered:
            if not one.future.done():
                by_snapshot.setdefault(id(one.served), []).append(one)
        for group in by_snapshot.values():
            _settle(group)

    async def batch_search(self, request: search_pb2.BatchSearchRequest, call: CallDeadline) -> bytes:
        """Answer several queries, all on one snapshot; one that is wrong gets its own error."""
        check(request)
        served = self._snapshots.served
        work = partial(self._answer_all, served, request.requests, call)
        parts = [part for one in request.requests for part in one.parts]
        if any(part.WhichOneof("content") in ("text", "image") or part.change for part in parts):
            return await self._encoders.run("encoded batch", work, call)
        if any(part.WhichOneof("content") == "user_id" for part in parts):
            return await self._readers.run("batch of shoppers", work, call)
        return await self._searchers.run("batch", work, call)

    def _answer(
        self, served: ServedSnapshot, request: search_pb2.SearchRequest, query: Query, arrived_ns: int, parse_us: int
    ) -> bytes:
        query = self._complete(served, query)
        answer = served.searcher.search(query)
        total_us = (perf_counter_ns() - arrived_ns) // 1000
        response = to_bytes(request, query, answer, parse_us, total_us)
        served.observe(query, answer, parse_us, total_us)
        return response

    def _answer_all(
        self, served: ServedSnapshot, requests: Sequence[search_pb2.SearchRequest], call: CallDeadline
    ) -> bytes:
        results: list[bytes | Status] = []
        for start in range(0, len(requests), GATHERED_AT_MOST):
            call.check()
            results += self._results(served, requests[start : start + GATHERED_AT_MOST])
        return to_batch_bytes(results)

    def _results(
        self, served: ServedSnapshot, requests: Sequence[search_pb2.SearchRequest]
    ) -> Iterator[bytes | Status]:
        """Yield the response or the error of each request of a batch; an error fails its own request alone."""
        started = perf_counter_ns()
        queries = [self._read(served, request) for request in requests]
        parse_us = (perf_counter_ns() - started) // 1000
        answers = iter(_found(served, [query for query in queries if isinstance(query, Query)]))
        total_us = (perf_counter_ns() - started) // 1000
        for request, query in zip(requests, queries, strict=True):
            outcome: Answer | Exception = next(answers) if isinstance(query, Query) else query
            if isinstance(query, Query) and isinstance(outcome, Answer):
                try:
                    response = to_bytes(request, query, outcome, parse_us, total_us)
                except Exception as error:  # noqa: BLE001 not swallowed: it is returned, and logged, below
                    outcome = error
                else:
                    served.observe(query, outcome, parse_us, total_us)
                    yield response
            if isinstance(outcome, Exception):
                status = to_status(outcome)
                if status.code == code_pb2.INTERNAL:
                    log.error("failed query of a batch", exc_info=outcome)
                yield status

    def _read(self, served: ServedSnapshot, request: search_pb2.SearchRequest) -> Query | DiptychError:
        try:
            return self._complete(served, to_query(request, served.name))
        except DiptychError as error:
            return error

    def _complete(self, served: ServedSnapshot, query: Query) -> Query:
        """Return a query that the searcher can answer: with tastes for shoppers, and no part left to change."""
        return self._rewriter.rewrite(served.searcher, self._shoppers.with_user_vectors(served.searcher, query))


@dataclass(slots=True)
class _Gathered:
    """A call that waits for the search it shares with others."""

    future: asyncio.Future[bytes]
    served: ServedSnapshot
    request: search_pb2.SearchRequest
    query: Query
    call: CallDeadline
    parse_us: int


def _settle(group: Sequence[_Gathered]) -> None:
    """Answer calls that are all for one snapshot."""
    served = group[0].served
    for one, outcome in zip(group, _found(served, [one.query for one in group]), strict=True):
        if not isinstance(outcome, Answer):
            one.future.set_exception(outcome)
            continue
        total_us = (perf_counter_ns() - one.call.arrived_ns) // 1000
        try:
            one.future.set_result(to_bytes(one.request, one.query, outcome, one.parse_us, total_us))
        except Exception as error:  # noqa: BLE001 it is not swallowed: its call gets it, and the edge logs it
            one.future.set_exception(error)
        else:
            served.observe(one.query, outcome, one.parse_us, total_us)


def _found(served: ServedSnapshot, queries: Sequence[Query]) -> Sequence[Answer | Exception]:
    """Return what each query found; should something fail that nobody foresaw, it fails only its own query."""
    try:
        return served.searcher.search_many(queries)
    except Exception as error:  # noqa: BLE001 it is not swallowed: it becomes the outcome of the query it belongs to
        if len(queries) == 1:
            return [error]
        return [outcome for query in queries for outcome in _found(served, [query])]
