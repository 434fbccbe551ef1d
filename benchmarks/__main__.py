"""The benchmarks' command line: one verb a question, a table on stdout, the whole result in a JSON file."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Measure the engine: one verb a question.", no_args_is_help=True, add_completion=False)

Count = Annotated[int, typer.Option("--count", min=100, help="Items of the generated catalogue.")]
Dim = Annotated[int, typer.Option(min=8, help="Dimension of each of its two blocks.")]
Missing = Annotated[float, typer.Option(min=0, max=1, help="Share of its items that lack one block.")]
Seed = Annotated[int, typer.Option(help="Seed of the catalogue.")]
Queries = Annotated[int, typer.Option(min=1, help="Queries for each row of the table.")]
QuerySeed = Annotated[int, typer.Option(help="Seed of the queries.")]
StoreAt = Annotated[Path | None, typer.Option("--store", help="Measure this store and build none.")]
Json = Annotated[Path | None, typer.Option("--json", help="Write the result here, Markdown and picture beside it.")]


@app.command()
def recall(
    count: Count = 100_000,
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 300,
    query_seed: QuerySeed = 5,
    store: StoreAt = None,
    json: Json = None,
) -> None:
    """How much of the true answer is found, by weight, kind of query and policy for missing blocks?"""
    from benchmarks import recall as question
    from benchmarks.datasets import Clustered

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    question.run(made, queries, store, query_seed, json_path=json)


@app.command()
def fusion(
    count: Count = 100_000,
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 200,
    query_seed: QuerySeed = 5,
    baseline: Annotated[str, typer.Option(help="FAISS factory of the two separate indexes; auto: as ours.")] = "auto",
    store: StoreAt = None,
    json: Json = None,
) -> None:
    """What does one fused index find that two lists, merged afterwards, do not?"""
    from benchmarks import fusion as question
    from benchmarks.datasets import Clustered

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    question.run(made, queries, store, query_seed, baseline, json_path=json)


def clusters(count: int) -> int:
    """Return as many clusters as make about a hundred items each."""
    return max(1, count // 100)


def main() -> None:
    """Run the command line: exit code 0 fine, 1 failed, 2 usage."""
    from engine.errors import DiptychError

    try:
        app()
    except DiptychError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
