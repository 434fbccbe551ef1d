"""SearchService: single queries and batches, each on one snapshot."""

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
from engine.scoring.answer import Answer
from engine.scoring.query import Query
from engine.server.codec.search_request import to_query
from engine.server.codec.search_response import to_batch_bytes, to_bytes
from engine.server.codec.statuses import to_status
from engine.server.codec.validation import check
from engine.server.rpc_router import Method
from engine.server.served_snapshot import ServedSnapshot
from engine.server.shopper_recommender import ShopperRecommender
from engine.server.snapshot_manager import SnapshotManager
from engine.server.workers import CallDeadline, Workers
from engine.v1 import search_pb2

# Larger groups are not searched faster, and block the event loop for longer.
MAX_GROUP = 16

log = logging.getLogger(__name__)


class SearchService:
    """Answers queries. Those that need a model run in `encoders` and those that need events in `readers`, so that they
    never delay the others."""

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
        self._waiting: list[_WaitingCall] = []

    def methods(self) -> dict[str, Method]:
        """Return the methods by rpc."""
        return {"engine.v1.SearchService/Search": self.search, "engine.v1.SearchService/BatchSearch": self.batch_search}

    async def search(self, request: search_pb2.SearchRequest, call: CallDeadline) -> bytes:
        """Answer one query."""
        served = self._snapshots.served
        query = to_query(request, served.name)
        parse_us = (perf_counter_ns() - call.arrived_ns) // 1000
        work = partial(self._answer, served, request, query, call.arrived_ns, parse_us)
        if query.needs_encoder:
            return await self._encoders.run("encoded query", work, call)
        if query.needs_events:
            return await self._readers.run("query of a shopper", work, call)
        if served.searcher.is_fast(query):
            # Blocking work on the event loop, against the rule: a search of 300 µs blocks it no longer than parsing a
            # large message does, and the hop to a thread and back takes 150 µs of CPU with one caller and 80 with 16,
            # more than everything else around the search.
            call.check()
            waiting = _WaitingCall(asyncio.get_running_loop().create_future(), served, request, query, call, parse_us)
            self._waiting.append(waiting)
            if len(self._waiting) == 1:
                # After all calls that have arrived by now are parsed, so that they share one search.
                asyncio.get_running_loop().call_soon(self._answer_waiting)
            return await waiting.future
        return await self._searchers.run("query", work, call)

    def _answer_waiting(self) -> None:
        group, self._waiting = self._waiting[:MAX_GROUP], self._waiting[MAX_GROUP:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._answer_waiting)
        by_snapshot: dict[int, list[_WaitingCall]] = {}
        for waiting in group:
            if not waiting.future.done():
                by_snapshot.setdefault(id(waiting.served), []).append(waiting)
        for calls in by_snapshot.values():
            _answer_together(calls)

    async def batch_search(self, request: search_pb2.BatchSearchRequest, call: CallDeadline) -> bytes:
        """Answer several queries on one snapshot; an invalid query gets an error of its own."""
        check(request)
        served = self._snapshots.served
        # In a thread, since a batch of large vectors takes 15 ms.
        parse = partial(_parse_all, request.requests, served.name)
        parsed, parse_us = await self._searchers.run("batch to parse", parse, call)
        work = partial(self._answer_all, served, request.requests, parsed, call, parse_us)
        queries = [query for query in parsed if isinstance(query, Query)]
        if any(query.needs_encoder for query in queries):
            return await self._encoders.run("encoded batch", work, call)
        if any(query.needs_events for query in queries):
            return await self._readers.run("batch of shoppers", work, call)
        return await self._searchers.run("batch", work, call)

    def _answer(
        self, served: ServedSnapshot, request: search_pb2.SearchRequest, query: Query, arrived_ns: int, parse_us: int
    ) -> bytes:
        query = self._rewrite(served, query)
        answer = served.searcher.search(query)
        total_us = (perf_counter_ns() - arrived_ns) // 1000
        response = to_bytes(request, query, answer, parse_us, total_us)
        served.observe(query, answer, parse_us, total_us)
        return response

    def _answer_all(
        self,
        served: ServedSnapshot,
        requests: Sequence[search_pb2.SearchRequest],
        parsed: Sequence[Query | DiptychError],
        call: CallDeadline,
        parse_us: int,
    ) -> bytes:
        results: list[bytes | Status] = []
        for start in range(0, len(requests), MAX_GROUP):
            call.check()
            group = slice(start, start + MAX_GROUP)
            results += self._results(served, requests[group], parsed[group], parse_us)
        return to_batch_bytes(results)

    def _results(
        self,
        served: ServedSnapshot,
        requests: Sequence[search_pb2.SearchRequest],
        parsed: Sequence[Query | DiptychError],
        parse_us: int,
    ) -> Iterator[bytes | Status]:
        """Yield the response or the error of each request of a batch; an error fails its own request alone."""
        started = perf_counter_ns()
        queries = [self._try_rewrite(served, query) if isinstance(query, Query) else query for query in parsed]
        answers = iter(_search(served, [query for query in queries if isinstance(query, Query)]))
        total_us = parse_us + (perf_counter_ns() - started) // 1000
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

    def _try_rewrite(self, served: ServedSnapshot, query: Query) -> Query | DiptychError:
        try:
            return self._rewrite(served, query)
        except DiptychError as error:
            return error

    def _rewrite(self, served: ServedSnapshot, query: Query) -> Query:
        """Replace shoppers by their user vectors and changed parts by what they stand for, as the searcher requires."""
        return self._rewriter.rewrite(served.searcher, self._shoppers.with_user_vectors(served.searcher, query))


@dataclass(slots=True)
class _WaitingCall:
    """A call that waits for a search that it shares with other calls."""

    future: asyncio.Future[bytes]
    served: ServedSnapshot
    request: search_pb2.SearchRequest
    query: Query
    deadline: CallDeadline
    parse_us: int


def _parse_all(requests: Sequence[search_pb2.SearchRequest], snapshot: str) -> tuple[list[Query | DiptychError], int]:
    """Return the query or the error of each request of a batch, and the microseconds that parsing them took."""
    started = perf_counter_ns()
    parsed = [_parse(request, snapshot) for request in requests]
    return parsed, (perf_counter_ns() - started) // 1000


def _parse(request: search_pb2.SearchRequest, snapshot: str) -> Query | DiptychError:
    try:
        return to_query(request, snapshot)
    except DiptychError as error:
        return error


def _answer_together(calls: Sequence[_WaitingCall]) -> None:
    """Answer calls for one snapshot."""
    served = calls[0].served
    for call, outcome in zip(calls, _search(served, [call.query for call in calls]), strict=True):
        if not isinstance(outcome, Answer):
            call.future.set_exception(outcome)
            continue
        total_us = (perf_counter_ns() - call.deadline.arrived_ns) // 1000
        try:
            call.future.set_result(to_bytes(call.request, call.query, outcome, call.parse_us, total_us))
        except Exception as error:  # noqa: BLE001 not swallowed: the call raises it, and the router logs it
            call.future.set_exception(error)
        else:
            served.observe(call.query, outcome, call.parse_us, total_us)


def _search(served: ServedSnapshot, queries: Sequence[Query]) -> Sequence[Answer | Exception]:
    """Return the answer or the error of each query; an unexpected error fails its own query alone."""
    try:
        return served.searcher.search_many(queries)
    except Exception as error:  # noqa: BLE001 not swallowed: it becomes the result of its query
        if len(queries) == 1:
            return [error]
        return [outcome for query in queries for outcome in _search(served, [query])]
