"""What reviews say of an item, a brand or a category, from a store or a server, for a person or a program."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from engine.v1 import catalog_pb2


def feedback(
    item: Annotated[str | None, typer.Option(help="An item_id.")] = None,
    brand: Annotated[str | None, typer.Option(help="All items of a brand.")] = None,
    category: Annotated[str | None, typer.Option(help="All items of a category.")] = None,
    store: Annotated[Path | None, typer.Option(help="Folder of a store; no server is needed.")] = None,
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a server to ask. [127.0.0.1:50051]")] = None,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for the server.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program instead.")] = False,
) -> None:
    """Show what reviews praise and criticise, what changed, and what to fix first, in the reviewers' own words."""
    from engine.cli.query_client import call
    from engine.server.codec.feedback_messages import to_line
    from engine.v1 import catalog_pb2

    if store is not None and address is not None:
        raise typer.BadParameter("expected one of --store and --address, got both")
    if sum(bool(one) for one in (item, brand, category)) != 1:
        raise typer.BadParameter("expected exactly one of --item, --brand and --category", param_hint="--item")
    request = catalog_pb2.GetFeedbackRequest(item_id=item or "", brand=brand or "", category=category or "")
    rpc = "engine.v1.CatalogService/GetFeedback"
    response = (
        ask_store(store, request) if store is not None else call(address or "127.0.0.1:50051", rpc, request, timeout_s)
    )
    if as_json:
        typer.echo(json.dumps(to_line(response.feedback), ensure_ascii=False))
    else:
        print_feedback(response.feedback)


def ask_store(root: Path, request: "catalog_pb2.GetFeedbackRequest") -> "catalog_pb2.GetFeedbackResponse":
    """Return the feedback from a store's current snapshot. Raises what a server would refuse with."""
    from engine.cli.query_client import open_searcher
    from engine.reviews.feedback import build_feedback
    from engine.server.codec.feedback_messages import to_response, to_subject
    from engine.server.codec.validation import check

    check(request)
    return to_response(build_feedback(open_searcher(root, with_models=False).view, *to_subject(request)))


def print_feedback(feedback: "catalog_pb2.Feedback") -> None:
    """Print feedback on stdout: a summary, then tables of aspects, periods, changes and what to fix first."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        # A pipe has no width of its own, and 80 columns would break every quote.
        console = Console(width=160)
    subject = feedback.title or feedback.item_id or feedback.brand or feedback.category
    console.print(Text(subject), style="bold", soft_wrap=True)
    console.print(Text(feedback.summary or "no reviews"))
    aspects = Table("aspect", "praise", "criticise", "in their words", box=box.SIMPLE_HEAD)
    for aspect in feedback.aspects:
        aspects.add_row(
            Text(_plain(aspect.name)),
            str(aspect.positive_count),
            str(aspect.negative_count),
            Text("\n".join(aspect.quotes)),
        )
    periods = Table("from", "reviews", "sentiment", "stars", box=box.SIMPLE_HEAD)
    for period in feedback.periods:
        sentiment = f"{period.sentiment:.2f}" if period.HasField("sentiment") else "–"
        stars = f"{period.mean_rating:.1f}" if period.HasField("mean_rating") else "–"
        periods.add_row(f"{period.start_time.ToDatetime():%Y-%m}", str(period.review_count), sentiment, stars)
    changes = Table("what changed", "since", "praise before", "after", box=box.SIMPLE_HEAD)
    for change in feedback.changes:
        since = f"{change.since.ToDatetime():%Y-%m}"
        changes.add_row(Text(_plain(change.aspect) or "all"), since, f"{change.before:.0%}", f"{change.after:.0%}")
    fixes = Table("fix first", "why", "in their words", box=box.SIMPLE_HEAD)
    for fix in feedback.fixes:
        fixes.add_row(Text(_plain(fix.aspect)), Text(fix.reason), Text("\n".join(fix.quotes)))
    for table in (aspects, periods, changes, fixes):
        if table.row_count:
            console.print(table)


def _plain(aspect: str) -> str:
    return aspect.replace("_", " ")
