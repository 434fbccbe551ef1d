"""What searches, recommendations and models are worth on data of the user's own: `indexer evaluate …`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from indexer.cli.events_command import to_columns
from indexer.cli.shared_options import AsJson, Stored, to_weights

evaluate = typer.Typer(no_args_is_help=True)


@evaluate.callback()
def measure() -> None:
    """Measure searches, recommendations, feedback or descriptions on your own data."""


@evaluate.command()
def search(
    store: Stored,
    queries: Annotated[
        Path | None, typer.Option(help="CSV or JSON Lines: query_id and query, image (a file beside it) or item_id.")
    ] = None,
    judgments: Annotated[
        Path | None, typer.Option(help="CSV or JSON Lines: query_id, item_id, rating (0 is irrelevant).")
    ] = None,
    catalogue: Annotated[
        Path | None,
        typer.Option(help="Without judgments: a catalogue of items in the store; does each find its own picture?"),
    ] = None,
    weights: Annotated[
        str, typer.Option(help="With --judgments: measure these weights too, such as image=0.3,text=1.")
    ] = "",
    text: Annotated[str, typer.Option(help="With --catalogue: what is asked of its columns.")] = "{title}",
    most: Annotated[int, typer.Option(min=2, help="With --catalogue: ask for so many items, drawn at random.")] = 1000,
    k: Annotated[int, typer.Option("-k", min=1, help="How much of each list is measured.")] = 10,
    snapshot: Annotated[str | None, typer.Option(help="A snapshot's name; the served one if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure a store's answers: to judged queries, or whether items' texts and pictures find each other."""
    asked = to_weights(weights, "--weights")
    if queries is not None and judgments is not None and catalogue is None:
        told = _on_judgments(store, snapshot, queries, judgments, asked, k)
    elif catalogue is not None and queries is None and judgments is None:
        told = _on_catalogue(store, snapshot, catalogue, text, most, k)
    else:
        raise typer.BadParameter("expected either --queries with --judgments, or --catalogue", param_hint="--queries")
    if as_json:
        typer.echo(json.dumps(told))
        return
    for name, value in told.items():
        shown = ", ".join(f"{key} {_plain(part)}" for key, part in value.items()) if isinstance(value, dict) else value
        typer.echo(f"{name}: {_plain(shown)}")


@evaluate.command()
def describe(
    catalogue: Annotated[Path, typer.Argument(help="Items with pictures and attributes, which are hidden.")],
    store: Annotated[
        Path | None, typer.Option(help="A store of items to learn from; the embedded model alone if left out.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="Other pictures of the items (columns image, item_id) to describe instead.")
    ] = None,
    told: Annotated[bool, typer.Option("--told", help="Hide nothing: tell the writer the attributes.")] = False,
    most: Annotated[int, typer.Option(min=1, help="Describe so many pictures, drawn at random.")] = 300,
    texts: Annotated[Path | None, typer.Option(help="File for the texts and what was wrong, JSON Lines.")] = None,
    as_json: AsJson = False,
) -> None:
    """Measure descriptions: right type, right colour, contradictions, readable length."""
    from engine.descriptions.describer import DescribeRequest
    from engine.descriptions.writer import WriterOptions, open_writer
    from indexer.evaluate.description_quality import describe_judged, judge, read_pictures, summarise
    from indexer.evaluate.store_searcher import open_searcher
    from indexer.progress import Reporter

    shown, words = read_pictures(catalogue, photos, most)
    searcher = None if store is None else open_searcher(store)
    with Reporter() as progress:
        written = list(
            describe_judged(shown, searcher, open_writer(WriterOptions()), DescribeRequest(), told, progress)
        )
    verdicts = [judge(one.text, item.product, words) for one, item in zip(written, shown, strict=True)]
    if texts is not None:
        lines = ({"item_id": one.item_id, "text": one.text, "wrong": one.contradictions} for one in verdicts)
        texts.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    found = summarise(verdicts)
    if as_json:
        typer.echo(json.dumps(found))
        return
    for name, value in found.items():
        typer.echo(f"{name}: {'-' if value is None else value}")


@evaluate.command()
def feedback(
    reviews: Annotated[
        list[Path], typer.Argument(metavar="REVIEWS...", help="JSON Lines, CSV or Parquet files (.gz too).")
    ],
    model: Annotated[
        Path | None, typer.Option(help="Ask this model as it is; if left out, models are fitted by cross-validation.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="text=body: the column's name; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure sentiment on rated reviews, and aspects where a column `aspects` says what each is praised or blamed for.

    Without --model a tf-idf logistic regression is measured on the same reviews, and those of an item stay together.
    """
    from indexer.evaluate.feedback_quality import evaluate as run
    from indexer.progress import Reporter

    with Reporter() as progress:
        told = run(reviews, to_columns(columns, "--map"), model, progress)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    for writing, ways in told["sentiment"].items():
        for way, found in ways.items():
            typer.echo(f"{writing}, {way}: " + ", ".join(f"{name} {_plain(value)}" for name, value in found.items()))
    for aspect, found in told.get("aspects", {}).items():
        values = ((name, value) for name, value in found.items() if value is not None)
        typer.echo(f"aspect {aspect}: " + ", ".join(f"{name} {_plain(value)}" for name, value in values))


def _on_judgments(
    store: Path, snapshot: str | None, queries: Path, judgments: Path, weights: Mapping[str, float], k: int
) -> dict[str, Any]:
    from indexer.evaluate.judgments import read_judged
    from indexer.evaluate.ranking_metrics import confidence_interval
    from indexer.evaluate.search_quality import evaluate as run
    from indexer.evaluate.search_quality import unknown_items
    from indexer.evaluate.store_searcher import open_searcher

    judged = read_judged(queries, judgments)
    searcher = open_searcher(store, snapshot)
    ways = run(searcher, judged, weights, k)
    told: dict[str, Any] = {
        "snapshot": searcher.snapshot.name,
        "queries": len(judged),
        "unknown_items": unknown_items(searcher, judged),
        **{name: measured.to_json(k) for name, measured in ways.items()},
    }
    if "weights" in ways:
        gains = ways["weights"].ndcg - ways["defaults"].ndcg
        told["gain_interval"] = [round(end, 4) for end in confidence_interval(gains)]
    return told


def _on_catalogue(store: Path, snapshot: str | None, catalogue: Path, text: str, most: int, k: int) -> dict[str, Any]:
    from indexer.evaluate.store_searcher import open_searcher
    from indexer.evaluate.text_image_pairs import evaluate as run
    from indexer.progress import Reporter

    searcher = open_searcher(store, snapshot)
    with Reporter() as progress:
        return {"snapshot": searcher.snapshot.name, **run(searcher, catalogue, text, most, k, progress)}


def _plain(value: Any) -> str:
    """Return a number or an interval as a person reads it."""
    if isinstance(value, list):
        return " to ".join(_plain(part) for part in value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)
