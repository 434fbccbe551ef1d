"""A feedback digest as tables."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.v1 import catalog_pb2


def print_feedback(feedback: catalog_pb2.Feedback) -> None:
    """Print feedback on stdout: the summary, then tables of aspects, periods, changes and fixes."""
    console = Console()
    if not console.is_terminal:
        # A pipe has no width, and rich's default of 80 columns would break every quote.
        console = Console(width=160)
    subject = feedback.title or feedback.item_id or feedback.brand or feedback.category
    console.print(Text(subject), style="bold", soft_wrap=True)
    console.print(Text(feedback.summary or "no reviews"))
    for table in (_aspect_table(feedback), _period_table(feedback), _change_table(feedback), _fix_table(feedback)):
        if table.row_count:
            console.print(table)


def _aspect_table(feedback: catalog_pb2.Feedback) -> Table:
    table = Table("aspect", "positive", "negative", "quotes", box=box.SIMPLE_HEAD)
    for aspect in feedback.aspects:
        counts = str(aspect.positive_count), str(aspect.negative_count)
        table.add_row(Text(_to_words(aspect.name)), *counts, Text("\n".join(aspect.quotes)))
    return table


def _period_table(feedback: catalog_pb2.Feedback) -> Table:
    table = Table("from", "reviews", "sentiment", "stars", box=box.SIMPLE_HEAD)
    for period in feedback.periods:
        sentiment = f"{period.sentiment:.2f}" if period.HasField("sentiment") else "–"
        stars = f"{period.mean_rating:.1f}" if period.HasField("mean_rating") else "–"
        table.add_row(f"{period.start_time.ToDatetime():%Y-%m}", str(period.review_count), sentiment, stars)
    return table


def _change_table(feedback: catalog_pb2.Feedback) -> Table:
    table = Table("change", "since", "positive before", "after", box=box.SIMPLE_HEAD)
    for change in feedback.changes:
        since = f"{change.since.ToDatetime():%Y-%m}"
        table.add_row(Text(_to_words(change.aspect) or "all"), since, f"{change.before:.0%}", f"{change.after:.0%}")
    return table


def _fix_table(feedback: catalog_pb2.Feedback) -> Table:
    table = Table("fix first", "reason", "quotes", box=box.SIMPLE_HEAD)
    for fix in feedback.fixes:
        table.add_row(Text(_to_words(fix.aspect)), Text(fix.reason), Text("\n".join(fix.quotes)))
    return table


def _to_words(aspect: str) -> str:
    return aspect.replace("_", " ")
