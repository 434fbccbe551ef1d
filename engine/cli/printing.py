"""Hits for a person, and hits for a program."""

from collections.abc import Iterator, Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.v1 import search_pb2

SHOWN = ("title", "category", "price", "image")


def to_lines(response: search_pb2.SearchResponse) -> Iterator[dict[str, Any]]:
    """Give each hit as values that JSON holds, best first; `rank` counts from 1."""
    for rank, hit in enumerate(response.hits, start=1):
        yield {
            "rank": rank,
            "item_id": hit.item_id,
            "score": hit.score,
            "contributions": dict(hit.contributions),
            "payload": MessageToDict(hit.payload),
            "snapshot": response.snapshot,
        }


def print_table(response: search_pb2.SearchResponse) -> None:
    """Print the hits on stdout, one a line, and how they were found on stderr."""
    lines = list(to_lines(response))
    fields = [field for field in SHOWN if any(field in line["payload"] for line in lines)]
    shares = any(line["contributions"] for line in lines)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("rank", justify="right")
    table.add_column("score", justify="right")
    table.add_column("item_id", overflow="fold")
    for field in fields:
        table.add_column(field, justify="right" if field == "price" else "left", overflow="fold")
    if shares:
        table.add_column("contributions", overflow="fold")
    for line in lines:
        cells = [str(line["rank"]), f"{line['score']:.3f}", line["item_id"]]
        cells += [_cell(line["payload"].get(field)) for field in fields]
        if shares:
            cells.append(_shares(line["contributions"]))
        # Text, because a title may hold what Rich would read as its markup.
        table.add_row(*(Text(cell) for cell in cells))
    console = Console()
    if not console.is_terminal:
        # A pipe has no width of its own, and 80 columns would break every title.
        console = Console(width=200)
    console.print(table)
    Console(stderr=True).print(Text(_found(response)), style="dim", soft_wrap=True)


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


def _found(response: search_pb2.SearchResponse) -> str:
    plan, timings = response.plan, response.timings
    us = timings.total_us or timings.encode_us + timings.plan_us + timings.search_us + timings.score_us
    return (
        f"{len(response.hits)} hits from snapshot {response.snapshot} in {us / 1000:.1f} ms: {plan.strategy}, "
        f"{plan.candidates} candidates, expected recall {plan.expected_recall:.3f}"
    )
