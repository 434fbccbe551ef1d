"""`indexer train`: an open_clip model trained on catalogues."""

from pathlib import Path
from typing import Annotated

import typer

DATA = "Training data"
MODEL = "Model"


def train(
    catalogs: Annotated[
        list[Path], typer.Argument(metavar="CATALOG...", help="CSV or JSON Lines files of titles and images.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model, in open_clip's format.", show_default=False)],
    photos: Annotated[
        list[Path] | None,
        typer.Option(help="Files of more images, of items (item_id) or of labels (category).", rich_help_panel=DATA),
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(
            help="File of queries and relevant items: query or query_image, item_id, and rating, clicks or rank.",
            rich_help_panel=DATA,
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="coca-mini (from scratch, the default), base or mini (embedded), a model_cfg file, "
            "an open_clip architecture, local-dir:… or hf-hub:…",
            rich_help_panel=MODEL,
        ),
    ] = None,
    pretrained: Annotated[
        str | None, typer.Option(help="Weights to start from: an open_clip tag or a file.", rich_help_panel=MODEL)
    ] = None,
    recipe: Annotated[
        Path | None,
        typer.Option(help="TOML file of settings of `indexer.train.TrainConfig`.", rich_help_panel=MODEL),
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="One setting, with its value in TOML. Overrides the recipe. Repeatable.",
            rich_help_panel=MODEL,
        ),
    ] = None,
) -> None:
    """Train an open_clip model on catalogues. An interrupted run resumes from its last checkpoint."""
    from indexer.progress import Reporter
    from indexer.train import train as run
    from indexer.train.recipe import to_config

    given = {
        "catalogs": catalogs,
        "out": out,
        "photos": photos,
        "pairs": pairs,
        "model": model,
        "pretrained": pretrained,
    }
    config = to_config(recipe, setting or [], given)
    with Reporter() as report:
        result = run(config, lambda now: report(now.stage, now.done, now.total))
    resumed = f", resumed at step {result.resumed_at}" if result.resumed_at else ""
    typer.echo(f"Trained {result.steps} steps in {result.seconds:.0f} s{resumed}: {result.out}")
    for name, value in result.metrics.items():
        typer.echo(f"  {name}: {value:.3f}")
