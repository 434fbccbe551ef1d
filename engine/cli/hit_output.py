"""Hits and facets as tables and as JSON lines."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.v1 import recommendation_pb2, search_pb2

Response = search_pb2.SearchResponse | recommendation_pb2.RecommendResponse

DEFAULT_FIELDS = ("title", "category", "price", "image")
MAX_FACET_VALUES = 10


def to_lines(response: search_pb2.SearchResponse) -> Iterator[dict[str, Any]]:
    """Yield each hit, best first, then each facet, as JSON values. `rank` counts from 1 on each page."""
    yield from _hits(response)
    for facet in response.facets:
        values = [{"value": MessageToDict(entry.value), "count": entry.count} for entry in facet.values]
        yield {"facet": facet.field, "values": values}


def print_tables(response: search_pb2.SearchResponse, fields: Sequence[str] = ()) -> None:
    """Print hits, then the most frequent values of each facet, on stdout, and the query plan on stderr.

    Args:
        response: The response to print.
        fields: Payload fields to show. If empty, those of DEFAULT_FIELDS that a hit has.
    """
    console = _console()
    console.print(_hit_table(list(_hits(response)), fields))
    for facet in response.facets:
        console.print(_facet_table(facet))
    Console(stderr=True).print(Text(_describe_plan(response)), style="dim", soft_wrap=True)


def to_recommended_lines(response: recommendation_pb2.RecommendResponse) -> Iterator[dict[str, Any]]:
    """Yield each recommended item, best first, as JSON values. `rank` counts from 1."""
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
    """Print recommended items with their reasons on stdout, and the query plan on stderr."""
    _console().print(_hit_table(list(to_recommended_lines(response)), fields))
    Console(stderr=True).print(Text(_describe_plan(response)), style="dim", soft_wrap=True)


NO_MATCH = "Nothing in this catalogue matches the query text; showing the nearest items."


def print_no_match(response: search_pb2.SearchResponse) -> None:
    """Print a notice on stderr if no hit is a good match."""
    if response.no_good_match:
        Console(stderr=True).print(Text(NO_MATCH), style="yellow", soft_wrap=True)


def print_next_page(response: search_pb2.SearchResponse) -> None:
    """Print the token of the next page on stderr, if there is one."""
    if response.next_page_token:
        Console(stderr=True).print(Text(f"next page: --page-token {response.next_page_token}"), soft_wrap=True)


def _console() -> Console:
    console = Console()
    # A pipe has no width, and rich's default of 80 columns would break every title.
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
        # Only collapsed hits have a group, and only search responses report its size.
        size = hit.group_size if isinstance(hit, search_pb2.Hit) else 0
        yield line | {"group_size": size} if size else line


def _hit_table(lines: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> Table:
    fields = fields or [field for field in DEFAULT_FIELDS if any(field in line["payload"] for line in lines)]
    has_contributions = any(line["contributions"] for line in lines)
    has_groups = any("group_size" in line for line in lines)
    has_reasons = any("reason" in line for line in lines)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("item_id", overflow="fold")
    if has_groups:
        table.add_column("group", justify="right")
    for field in fields:
        table.add_column(field, justify="right" if field == "price" else "left", overflow="fold")
    if has_reasons:
        table.add_column("reason", overflow="fold")
    if has_contributions:
        table.add_column("contributions", overflow="fold")
    for line in lines:
        cells = [str(line["rank"]), f"{line['score']:.3f}", line["item_id"]]
        if has_groups:
            cells.append(str(line.get("group_size", 1)))
        cells += [_format_cell(_get_path(line["payload"], field)) for field in fields]
        if has_reasons:
            cells.append(line["reason"])
        if has_contributions:
            cells.append(_format_contributions(line["contributions"]))
        # As Text, since rich would interpret markup in a title.
        table.add_row(*(Text(cell) for cell in cells))
    return table


def _facet_table(facet: search_pb2.Facet) -> Table:
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column(Text(facet.field), overflow="fold")
    table.add_column("count", justify="right")
    for entry in facet.values[:MAX_FACET_VALUES]:
        value = MessageToDict(entry.value)
        table.add_row(Text("(none)" if value is None else _format_cell(value)), str(entry.count))
    if len(facet.values) > MAX_FACET_VALUES:
        table.add_row(Text(f"… and {len(facet.values) - MAX_FACET_VALUES} more"), "")
    return table


def _get_path(payload: Mapping[str, Any], path: str) -> Any:
    """Return the value at a.b.c of a payload, None if there is none."""
    value: Any = payload
    for name in path.split("."):
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _format_cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(_format_cell(entry) for entry in value)
    if isinstance(value, float):
        return f"{value:g}"
    return str(value)


def _format_contributions(contributions: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {share:+.3f}" for name, share in sorted(contributions.items()))


def _describe_plan(response: Response) -> str:
    plan, timings = response.plan, response.timings
    us = timings.total_us or timings.encode_us + timings.plan_us + timings.search_us + timings.score_us
    return (
        f"{len(response.hits)} hits from snapshot {response.snapshot} in {us / 1000:.1f} ms: {plan.strategy}, "
        f"{plan.candidates} candidates, expected recall {plan.expected_recall:.3f}"
    )
