"""`indexer evaluate`: the quality of searches, descriptions and feedback on the user's own data."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from indexer.cli.option_values import to_columns, to_weights
from indexer.cli.shared_options import (
    CATALOGUE,
    AsJsonOption,
    JudgmentsOption,
    QueriesOption,
    ReviewColumnsOption,
    ReviewFilesArgument,
    StoreOption,
)

evaluate = typer.Typer(no_args_is_help=True)


@evaluate.callback()
def _evaluate() -> None:
    """Measure searches, recommendations, feedback or descriptions on your own data."""


@evaluate.command()
def search(
    store: StoreOption,
    queries: QueriesOption = None,
    judgments: JudgmentsOption = None,
    weights: Annotated[
        str, typer.Option(help="Other weights to measure with --judgments, such as image=0.3,text=1.")
    ] = "",
    catalogue: Annotated[
        Path | None,
        typer.Option(
            help="Catalogue to measure on without judgments: do texts and images of its items find each other?",
            rich_help_panel=CATALOGUE,
        ),
    ] = None,
    text: Annotated[
        str, typer.Option(help="Template of the query text for --catalogue.", rich_help_panel=CATALOGUE)
    ] = "{title}",
    most: Annotated[
        int,
        typer.Option(min=2, help="Maximum number of random items for --catalogue.", rich_help_panel=CATALOGUE),
    ] = 1000,
    k: Annotated[int, typer.Option("-k", min=1, help="Number of hits to measure.")] = 10,
    snapshot: Annotated[str | None, typer.Option(help="Snapshot name. Defaults to the published one.")] = None,
    as_json: AsJsonOption = False,
) -> None:
    """Measure search quality on judged queries, or how well items' texts and images find each other."""
    parsed = to_weights(weights, "--weights")
    if queries is not None and judgments is not None and catalogue is None:
        result = _measure_judgments(store, snapshot, queries, judgments, parsed, k)
    elif catalogue is not None and queries is None and judgments is None:
        result = _measure_catalogue(store, snapshot, catalogue, text, most, k)
    else:
        raise typer.BadParameter("expected either --queries with --judgments, or --catalogue", param_hint="--queries")
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, value in result.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {_format_value(part)}" for key, part in value.items())
        typer.echo(f"{name}: {_format_value(value)}")


@evaluate.command()
def describe(
    catalogue: Annotated[
        Path, typer.Argument(help="Catalogue of items with images and attributes. The attributes are hidden.")
    ],
    store: Annotated[
        Path | None, typer.Option(help="Store of items to learn from. By default, only the embedded model is used.")
    ] = None,
    photos: Annotated[
        Path | None, typer.Option(help="File of other images of the items to describe: columns image and item_id.")
    ] = None,
    told: Annotated[
        bool, typer.Option("--told", help="Pass the attributes to the writer instead of hiding them.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, help="Maximum number of random images to describe.")] = 300,
    texts: Annotated[
        Path | None, typer.Option(help="JSON Lines file to write the descriptions and their errors to.")
    ] = None,
    as_json: AsJsonOption = False,
) -> None:
    """Measure descriptions: correct type and colour, contradictions, readable length."""
    from engine.descriptions.describer import DescribeRequest
    from engine.descriptions.writer import WriterOptions, open_writer
    from engine.search.store_searcher import open_searcher
    from indexer.evaluate.description_quality import describe_judged, judge, read_pictures, summarise
    from indexer.progress import Reporter

    shown, words = read_pictures(catalogue, photos, most)
    searcher = None if store is None else open_searcher(store)
    with Reporter() as progress:
        written = list(
            describe_judged(shown, searcher, open_writer(WriterOptions()), DescribeRequest(), told, progress)
        )
    verdicts = [judge(text.text, item.product, words) for text, item in zip(written, shown, strict=True)]
    if texts is not None:
        lines = (
            {"item_id": verdict.item_id, "text": verdict.text, "wrong": verdict.contradictions} for verdict in verdicts
        )
        texts.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    result = summarise(verdicts)
    if as_json:
        typer.echo(json.dumps(result))
        return
    for name, value in result.items():
        typer.echo(f"{name}: {'-' if value is None else value}")


@evaluate.command()
def feedback(
    reviews: ReviewFilesArgument,
    model: Annotated[
        Path | None, typer.Option(help="Model to measure. By default, models are fitted by cross-validation.")
    ] = None,
    columns: ReviewColumnsOption = None,
    as_json: AsJsonOption = False,
) -> None:
    """Measure sentiment on rated reviews, and aspects if a column `aspects` labels what is praised or criticised.

    Without --model, a tf-idf logistic regression is measured on the same reviews. Reviews of an item stay in one fold.
    """
    from indexer.evaluate.feedback_quality import evaluate as run
    from indexer.progress import Reporter

    with Reporter() as progress:
        result = run(reviews, to_columns(columns, "--map"), model, progress)
    if as_json:
        typer.echo(json.dumps(result, ensure_ascii=False))
        return
    for script, methods in result["sentiment"].items():
        for method, metrics in methods.items():
            values = ", ".join(f"{name} {_format_value(value)}" for name, value in metrics.items())
            typer.echo(f"{script}, {method}: {values}")
    for aspect, metrics in result.get("aspects", {}).items():
        values = ", ".join(f"{name} {_format_value(value)}" for name, value in metrics.items() if value is not None)
        typer.echo(f"aspect {aspect}: {values}")


def _measure_judgments(
    store: Path, snapshot: str | None, queries: Path, judgments: Path, weights: Mapping[str, float], k: int
) -> dict[str, Any]:
    from engine.search.store_searcher import open_searcher
    from indexer.evaluate.judgments import read_judged
    from indexer.evaluate.ranking_metrics import confidence_interval
    from indexer.evaluate.search_quality import evaluate as run
    from indexer.evaluate.search_quality import unknown_items

    judged = read_judged(queries, judgments)
    searcher = open_searcher(store, snapshot)
    scores = run(searcher, judged, weights, k)
    result: dict[str, Any] = {
        "snapshot": searcher.snapshot.name,
        "queries": len(judged),
        "unknown_items": unknown_items(searcher, judged),
        **{name: measured.to_json(k) for name, measured in scores.items()},
    }
    if "weights" in scores:
        gains = scores["weights"].ndcg - scores["defaults"].ndcg
        result["gain_interval"] = [round(end, 4) for end in confidence_interval(gains)]
    return result


def _measure_catalogue(
    store: Path, snapshot: str | None, catalogue: Path, text: str, most: int, k: int
) -> dict[str, Any]:
    from engine.search.store_searcher import open_searcher
    from indexer.evaluate.text_image_pairs import evaluate as run
    from indexer.progress import Reporter

    searcher = open_searcher(store, snapshot)
    with Reporter() as progress:
        return {"snapshot": searcher.snapshot.name, **run(searcher, catalogue, text, most, k, progress)}


def _format_value(value: Any) -> str:
    """Return a number or an interval in a readable form."""
    if isinstance(value, list):
        return " to ".join(_format_value(part) for part in value)
    return f"{value:.4f}" if isinstance(value, float) else str(value)
