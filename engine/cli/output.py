"""Hits and facets for a person, and for a program."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.v1 import recommendation_pb2, search_pb2

Response = search_pb2.SearchResponse | recommendation_pb2.RecommendResponse

SHOWN = ("title", "category", "price", "image")
VALUES_SHOWN = 10


def to_lines(response: search_pb2.SearchResponse) -> Iterator[dict[str, Any]]:
    """Give each hit, best first, then each facet, as values that JSON holds; `rank` counts from 1 on each page."""
    yield from _hits(response)
    for facet in response.facets:
        values = [{"value": MessageToDict(one.value), "count": one.count} for one in facet.values]
        yield {"facet": facet.field, "values": values}


def print_tables(response: search_pb2.SearchResponse, fields: Sequence[str] = ()) -> None:
    """Print the hits on stdout, one a line, then the commonest values of each facet; on stderr how they were found.

    fields: of the items; if none is named, those of SHOWN that an item has.
    """
    console = _console()
    console.print(_hit_table(list(_hits(response)), fields))
    for facet in response.facets:
        console.print(_facet_table(facet))
    Console(stderr=True).print(Text(_found(response)), style="dim", soft_wrap=True)


def to_recommended_lines(response: recommendation_pb2.RecommendResponse) -> Iterator[dict[str, Any]]:
    """Give each item recommended, best first, as values that JSON holds; `rank` counts from 1."""
    for line, hit in zip(_hits(response), response.hits, strict=True):
        kind = recommendation_pb2.Recommendation.ReasonKind.Name(hit.reason_kind).removeprefix("REASON_KIND_").lower()
        yield line | {
            "reason": hit.reason,
            "reason_kind": kind,
            "reason_contribution": hit.reason_contribution,
            "because": list(hit.because_item_ids),
            "interest": hit.interest,
        }


def print_recommended(response: recommendation_pb2.RecommendResponse, fields: Sequence[str] = ()) -> None:
    """Print what is recommended on stdout, one item a line with its reason; on stderr how it was found."""
    _console().print(_hit_table(list(to_recommended_lines(response)), fields))
    Console(stderr=True).print(Text(_found(response)), style="dim", soft_wrap=True)


NO_MATCH = "Nothing in this catalogue matches these words; the nearest items are shown."


def print_no_match(response: search_pb2.SearchResponse) -> None:
    """Say on stderr that the hits are not what was asked for, if so."""
    if response.no_good_match:
        Console(stderr=True).print(Text(NO_MATCH), style="yellow", soft_wrap=True)


def print_next_page(response: search_pb2.SearchResponse) -> None:
    """Say on stderr how the next page is asked for, if there is one."""
    if response.next_page_token:
        Console(stderr=True).print(Text(f"next page: --page-token {response.next_page_token}"), soft_wrap=True)


def _console() -> Console:
    console = Console()
    # A pipe has no width of its own, and 80 columns would break every title.
    return console if console.is_terminal else Console(width=200)


def _hits(response: Response) -> Iterator[dict[str, Any]]:
    hits: Iterable[search_pb2.Hit | recommendation_pb2.Recommendation] = response.hits
    for rank, hit in enumerate(hits, start=1):
        line = {
            "rank": rank,
            "item_id": hit.item_id,
            "score": hit.score,
            "contributions": dict(hit.contributions),
            "payload": MessageToDict(hit.payload),
            "snapshot": response.snapshot,
        }
        # Only hits that were collapsed stand for a group, and only those of a search tell of it.
        size = hit.group_size if isinstance(hit, search_pb2.Hit) else 0
        yield line | {"group_size": size} if size else line


def _hit_table(lines: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> Table:
    fields = fields or [field for field in SHOWN if any(field in line["payload"] for line in lines)]
    shares = any(line["contributions"] for line in lines)
    groups = any("group_size" in line for line in lines)
    reasons = any("reason" in line for line in lines)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("item_id", overflow="fold")
    if groups:
        table.add_column("group", justify="right")
    for field in fields:
        table.add_column(field, justify="right" if field == "price" else "left", overflow="fold")
    if reasons:
        table.add_column("reason", overflow="fold")
    if shares:
        table.add_column("contributions", overflow="fold")
    for line in lines:
        cells = [str(line["rank"]), f"{line['score']:.3f}", line["item_id"]]
        if groups:
            cells.append(str(line.get("group_size", 1)))
        cells += [_cell(_at(line["payload"], field)) for field in fields]
        if reasons:
            cells.append(line["reason"])
        if shares:
            cells.append(_shares(line["contributions"]))
        # Text, because a title may hold what Rich would read as its markup.
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _facet_table(facet: search_pb2.Facet) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(Text(facet.field), overflow="fold")
    table.add_column("count", justify="right")
    for one in facet.values[:VALUES_SHOWN]:
        value = MessageToDict(one.value)
        table.add_row(Text("(none)" if value is None else _cell(value)), str(one.count))
    if len(facet.values) > VALUES_SHOWN:
        table.add_row(Text(f"… and {len(facet.values) - VALUES_SHOWN} more"), "")
    return table


def _at(payload: Mapping[str, Any], path: str) -> Any:
    """Return what stands at a.b.c of a payload, None if nothing does."""
    value: Any = payload
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_cell(entry) for entry in value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _shares(contributions: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {share:+.3f}" for name, share in sorted(contributions.items()))


def _found(response: Response) -> str:
    plan, timings = response.plan, response.timings
    us = timings.total_us or timings.encode_us + timings.plan_us + timings.search_us + timings.score_us
    return (
        f"{len(response.hits)} hits from snapshot {response.snapshot} in {us / 1000:.1f} ms: {plan.strategy}, "
        f"{plan.candidates} candidates, expected recall {plan.expected_recall:.3f}"
    )
