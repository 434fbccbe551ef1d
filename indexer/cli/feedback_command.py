"""What reviews say: learning it from the shop's own rated reviews, and telling it of others."""

import json
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.events_command import to_columns
from indexer.cli.shared_options import AsJson

feedback = typer.Typer(help="Learn from rated reviews, and score reviews.", no_args_is_help=True)

Map = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="text=body: the column's name; may be repeated."),
]


@feedback.command()
def fit(
    reviews: Annotated[
        list[Path], typer.Argument(metavar="REVIEWS...", help="JSON Lines, CSV or Parquet files (.gz too).")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model.", show_default=False)],
    columns: Map = None,
    as_json: AsJson = False,
) -> None:
    """Learn sentiment and aspects from reviews that have a rating (1 to 5) or a label (0 or 1), in any language.

    Columns: text, title, rating, label, item_id, category, brand, time, review_id, verified, helpful; all but a text
    and a rating or label may be missing.
    """
    from indexer.progress import Reporter
    from indexer.reviews.feedback_fit import fit as run
    from indexer.reviews.snapshot_reviews import read_all

    named = to_columns(columns, "--map")
    with Reporter() as progress:
        read = [read_all(path, named, progress) for path in reviews]
        fitted = run((review for good, _ in read for review in good), progress)
        manifest = fitted.save(out)
    rejects = sum(len(bad) for _, bad in read)
    if as_json:
        told = {name: record.model_dump(mode="json", exclude={"bias"}) for name, record in manifest.experts.items()}
        typer.echo(
            json.dumps({"rejects": rejects, "discovered": sorted(manifest.discovered), **told}, ensure_ascii=False)
        )
        return
    typer.echo(f"Learnt from {len(fitted.rated)} rated reviews{f', {rejects} rejected' if rejects else ''}: {out}")
    for name, record in manifest.experts.items():
        typer.echo(
            f"  {name}: {record.reviews} reviews; on reviews not seen accuracy {record.accuracy:.3f}, "
            f"balanced {record.balanced_accuracy:.3f}, AUC {record.auc:.3f}"
        )
    if manifest.discovered:
        typer.echo(f"  aspects discovered: {', '.join(manifest.discovered)}")


@feedback.command()
def score(
    reviews: Annotated[Path, typer.Argument(help="JSON Lines, CSV or Parquet file (.gz too).")],
    model: Annotated[Path, typer.Option(help="Folder of the model.", show_default=False)],
    out: Annotated[Path, typer.Option(help="JSON Lines file to write.", show_default=False)],
    columns: Map = None,
    as_json: AsJson = False,
) -> None:
    """Write one JSON line for each review in the order read: its id or line, its sentiment and what it says of aspects.

    A row that is no review goes to OUT.rejects.jsonl with its line and the reason. Reviews in a language that the
    model has not learnt are refused if they are half of the file, else there is a warning.
    """
    from indexer.progress import Reporter
    from indexer.reviews.review_scoring import rejects_path
    from indexer.reviews.review_scoring import score as run

    with Reporter() as progress:
        done = run(reviews, to_columns(columns, "--map"), model, out, progress)
    if as_json:
        told = {"reviews": done.reviews, "rejects": done.rejects, "seconds": round(done.seconds, 3)}
        typer.echo(json.dumps({**told, "warning": done.warning}))
        return
    rejected = f", {done.rejects} rejected (see {rejects_path(out)})" if done.rejects else ""
    typer.echo(f"{done.reviews} reviews scored{rejected}: {out}")
    if done.warning:
        typer.echo(f"  warning: {done.warning}", err=True)
