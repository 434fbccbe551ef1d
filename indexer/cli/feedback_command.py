"""`indexer feedback`: learn sentiment and aspects from rated reviews, and score reviews."""

import json
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.option_values import to_columns
from indexer.cli.shared_options import AsJsonOption, ReviewColumnsOption, ReviewFilesArgument

feedback = typer.Typer(help="Learn from rated reviews, and score reviews.", no_args_is_help=True)


@feedback.command()
def fit(
    reviews: ReviewFilesArgument,
    out: Annotated[Path, typer.Option(help="Folder for the model.", show_default=False)],
    columns: ReviewColumnsOption = None,
    as_json: AsJsonOption = False,
) -> None:
    """Learn sentiment and aspects from reviews with a rating (1 to 5) or a label (0 or 1), in any language.

    Columns: text and rating or label; optionally title, item_id, category, brand, time, review_id, verified and
    helpful.
    """
    from indexer.progress import Reporter
    from indexer.reviews.feedback_fit import fit as run
    from indexer.reviews.snapshot_reviews import read_all

    mapping = to_columns(columns, "--map")
    with Reporter() as progress:
        read = [read_all(path, mapping, progress) for path in reviews]
        fitted = run((review for good, _ in read for review in good), progress)
        manifest = fitted.save(out)
    rejects = sum(len(bad) for _, bad in read)
    if as_json:
        records = {name: record.model_dump(mode="json", exclude={"bias"}) for name, record in manifest.experts.items()}
        head = {"rejects": rejects, "discovered": sorted(manifest.discovered)}
        typer.echo(json.dumps({**head, **records}, ensure_ascii=False))
        return
    typer.echo(f"Learned from {len(fitted.rated)} rated reviews{f', {rejects} rejected' if rejects else ''}: {out}")
    for name, record in manifest.experts.items():
        typer.echo(
            f"  {name}: {record.reviews} reviews; held-out accuracy {record.accuracy:.3f}, "
            f"balanced {record.balanced_accuracy:.3f}, AUC {record.auc:.3f}"
        )
    if manifest.discovered:
        typer.echo(f"  aspects discovered: {', '.join(manifest.discovered)}")


@feedback.command()
def score(
    reviews: Annotated[Path, typer.Argument(help="JSON Lines, CSV or Parquet file (.gz too).")],
    model: Annotated[Path, typer.Option(help="Folder of the model.", show_default=False)],
    out: Annotated[Path, typer.Option(help="JSON Lines file to write to.", show_default=False)],
    columns: ReviewColumnsOption = None,
    as_json: AsJsonOption = False,
) -> None:
    """Score reviews in input order: a JSON line for each, with its id or line number, sentiment and aspects.

    Invalid rows go to OUT.rejects.jsonl with their line and the reason. Reviews in a language that the model has not
    learned cause a warning, or an error if they are half of the file or more.
    """
    from indexer.progress import Reporter
    from indexer.reviews.review_scoring import rejects_path
    from indexer.reviews.review_scoring import score as run

    with Reporter() as progress:
        result = run(reviews, to_columns(columns, "--map"), model, out, progress)
    if as_json:
        counts = {"reviews": result.reviews, "rejects": result.rejects, "seconds": round(result.seconds, 3)}
        typer.echo(json.dumps({**counts, "warning": result.warning}))
        return
    rejected = f", {result.rejects} rejected (see {rejects_path(out)})" if result.rejects else ""
    typer.echo(f"{result.reviews} reviews scored{rejected}: {out}")
    if result.warning:
        typer.echo(f"  warning: {result.warning}", err=True)
