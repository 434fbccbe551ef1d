"""The verb that makes the embedded model `base`."""

from pathlib import Path
from typing import Annotated

import typer


def align(
    recipe: Annotated[Path, typer.Argument(help="TOML file of settings, such as engine/models/base/recipe.toml.")],
    packages: Annotated[Path, typer.Option(help="Folder of the downloaded packages with the two towers.")],
    clothing: Annotated[Path, typer.Option(help="Unpacked clothing photos: train/CLASS/*.jpg.")],
    grocery: Annotated[Path, typer.Option(help="Unpacked grocery photos: train/…/*.jpg and classes.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    work: Annotated[Path, typer.Option(help="Folder for what is kept between runs.")] = Path("build/align"),
) -> None:
    """Join an image classifier and a sentence model into one model, as the embedded model `base` was made.

    A run that was stopped goes on where it was: features and heads are kept in --work.
    """
    from indexer.progress import Reporter
    from indexer.train.alignment.alignment import align as run
    from indexer.train.alignment.alignment import read_config

    config = read_config(recipe, packages=packages, clothing=clothing, grocery=grocery, out=out, work=work)
    with Reporter() as report:
        done = run(config, report)
    typer.echo(f"{done.out}: {done.pictures:,} pictures, {done.trained} heads trained now")
