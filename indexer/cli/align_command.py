"""`indexer align`: how the embedded model `base` was made."""

from pathlib import Path
from typing import Annotated

import typer


def align(
    recipe: Annotated[Path, typer.Argument(help="TOML file of settings, such as engine/models/base/recipe.toml.")],
    packages: Annotated[Path, typer.Option(help="Folder of the downloaded packages that contain the two towers.")],
    clothing: Annotated[Path, typer.Option(help="Folder of clothing photos: train/CLASS/*.jpg.")],
    grocery: Annotated[Path, typer.Option(help="Folder of grocery photos: train/…/*.jpg and classes.csv.")],
    out: Annotated[Path, typer.Option(help="Folder for the model.")],
    work: Annotated[Path, typer.Option(help="Folder for files kept between runs.")] = Path("build/align"),
) -> None:
    """Join an image classifier and a sentence model into one model, as was done for the embedded model `base`.

    An interrupted run resumes, since features and heads are kept in --work.
    """
    from indexer.progress import Reporter
    from indexer.train.alignment.alignment import align as run
    from indexer.train.alignment.alignment import read_config

    config = read_config(recipe, packages=packages, clothing=clothing, grocery=grocery, out=out, work=work)
    with Reporter() as report:
        result = run(config, report)
    typer.echo(f"{result.out}: {result.pictures:,} images, {result.trained} heads trained in this run")
