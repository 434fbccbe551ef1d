"""The command line of the benchmarks: one command for each, tables on stdout, the whole result in a JSON file."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from engine.models import DEFAULT

app = typer.Typer(help="Measure the engine.", no_args_is_help=True, add_completion=False)

Count = Annotated[int, typer.Option("--count", min=100, help="Number of items in the generated catalogue.")]
Dim = Annotated[int, typer.Option(min=8, help="Dimension of each of its two blocks.")]
Missing = Annotated[float, typer.Option(min=0, max=1, help="Share of items that lack one block.")]
Seed = Annotated[int, typer.Option(help="Seed of the catalogue.")]
Queries = Annotated[int, typer.Option(min=1, help="Number of queries for each row of the table.")]
QuerySeed = Annotated[int, typer.Option(help="Seed of the queries.")]
StoreAt = Annotated[Path | None, typer.Option("--store", help="Existing store to measure instead of building one.")]
Json = Annotated[
    Path | None, typer.Option("--json", help="JSON file for the result. Markdown and charts are written next to it.")
]


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
    """Measure recall@10 by block weight, kind of query and policy for missing blocks."""
    from benchmarks import recall as benchmark
    from benchmarks.datasets import Clustered

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    benchmark.run(made, queries, store, query_seed, json_path=json)


@app.command()
def fusion(
    count: Count = 100_000,
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 200,
    query_seed: QuerySeed = 5,
    baseline: Annotated[
        str, typer.Option(help="FAISS factory of the two separate indexes. auto uses that of our index.")
    ] = "auto",
    store: StoreAt = None,
    json: Json = None,
) -> None:
    """Compare one fused index with separate indexes whose results are merged."""
    from benchmarks import fusion as benchmark
    from benchmarks.datasets import Clustered

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    benchmark.run(made, queries, store, query_seed, baseline, json_path=json)


@app.command()
def latency(
    count: Count = 100_000,
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 400,
    query_seed: QuerySeed = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 5,
    requests: Annotated[int, typer.Option(min=10, help="Requests of each measurement in a round.")] = 2_000,
    callers: Annotated[str, typer.Option(help="Comma-separated numbers of callers of the closed loops.")] = "1,4,16",
    rates: Annotated[str, typer.Option(help="Comma-separated rates of the open loops in requests/s.")] = "100,300",
    catalogue: Annotated[Path | None, typer.Option(help="Catalogue or folder whose titles are the queries.")] = None,
    model: Annotated[str, typer.Option(help="Model of the store.")] = DEFAULT,
    store: StoreAt = None,
    json: Json = None,
) -> None:
    """Measure what the server adds to raw FAISS and to a bare gRPC echo."""
    from benchmarks import latency as benchmark
    from benchmarks.datasets import Clustered, real
    from engine.encoders.encoder import ModelSpec

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    effort = benchmark.Effort(rounds, requests, numbers(callers, int), numbers(rates, float))
    if catalogue is None:
        benchmark.run(made, queries, effort, store, query_seed, json_path=json)
    else:
        path = real(catalogue) if catalogue.is_dir() else catalogue
        benchmark.run(made, queries, effort, store, query_seed, path, ModelSpec(model, None), json)


@app.command()
def relevance(
    data: Annotated[Path, typer.Option(help="Folder of a catalogue, queries.csv and judgments.csv.")] = Path(
        "bench-data/icecat_search"
    ),
    text_model: Annotated[str | None, typer.Option(help="Sentence model. Defaults to the MiniLM of a package.")] = None,
    model: Annotated[str, typer.Option(help="Model for texts and images.")] = DEFAULT,
    json: Json = None,
) -> None:
    """Measure the ranking of queries that people judged."""
    from benchmarks import relevance as benchmark
    from engine.encoders.encoder import ModelSpec

    sentence = None if text_model is None else ModelSpec(text_model, encoder="sentence")
    benchmark.run(data, sentence, json, model=model)


@app.command()
def catalogues(
    data: Annotated[Path, typer.Option(help="Folder of the real catalogues.")] = Path("bench-data"),
    names: Annotated[str, typer.Option("--catalogues", help="Comma-separated catalogues. Defaults to all.")] = "",
    model: Annotated[str, typer.Option(help="Model of the stores. Defaults to that of `indexer build`.")] = "",
    stores: Annotated[Path | None, typer.Option(help="Folder of the stores; existing ones keep their caches.")] = None,
    json: Json = None,
) -> None:
    """Measure on real catalogues, with default settings, whether images and texts find their own items."""
    from benchmarks import catalogues as benchmark
    from benchmarks.datasets import DATA
    from engine.encoders.encoder import ModelSpec
    from indexer.cli.build_command import build

    chosen = tuple(names.split(",")) if names else benchmark.CATALOGUES
    default = signature(build).parameters["model"].default
    benchmark.run(data, ModelSpec(model or default), chosen, json, stores or DATA / "catalogues")


@app.command()
def peers(
    count: Count = 100_000,
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 400,
    query_seed: QuerySeed = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 5,
    names: Annotated[str, typer.Option("--peers", help="Comma-separated peers. Defaults to all.")] = "",
    tune: Annotated[bool, typer.Option(help="Choose the peers' settings again.")] = False,
    target: Annotated[float, typer.Option(min=0, max=1, help="Recall@10 that peers must reach.")] = 0.99,
    json: Json = None,
) -> None:
    """Compare speed and recall with other libraries and databases on the same data."""
    from benchmarks.datasets import Clustered
    from benchmarks.peers import comparison as benchmark

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    effort = benchmark.Effort(rounds, queries, tune, target)
    benchmark.run(made, effort, benchmark.named(names), query_seed, json)


@app.command()
def filters(
    count: Count = 100_000,
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 100,
    query_seed: QuerySeed = 5,
    peers: Annotated[bool, typer.Option(help="Also measure the peers that support filters.")] = False,
    json: Json = None,
) -> None:
    """Measure recall and latency of filters by selectivity and by where the matching items lie."""
    from benchmarks import filters as benchmark
    from benchmarks.datasets import Clustered
    from benchmarks.peers.filtered import PEERS

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    benchmark.run(made, queries, peers=PEERS if peers else (), seed=query_seed, json_path=json)


@app.command()
def scale(
    counts: Annotated[str, typer.Option(help="Comma-separated numbers of items.")] = "10000,100000,1000000",
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 200,
    query_seed: QuerySeed = 5,
    requests: Annotated[int, typer.Option(min=10, help="Requests over gRPC before memory is measured.")] = 2_000,
    rebuild: Annotated[bool, typer.Option(help="Build existing stores again.")] = False,
    json: Json = None,
) -> None:
    """Measure how time, memory and disk grow with the number of items."""
    from benchmarks import scale as benchmark
    from benchmarks.datasets import Clustered

    made = Clustered(1, dim, missing=missing, seed=seed)
    benchmark.run(made, numbers(counts, int), queries, requests, rebuild, query_seed, json)


@app.command()
def encoders(
    model: Annotated[
        str, typer.Option(help="Architecture (with random weights), base, mini or a directory.")
    ] = "ViT-B-32",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each encoder.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds for single inputs.")] = 40,
    inputs: Annotated[int, typer.Option(min=8, help="Number of texts whose vectors are compared with stock.")] = 200,
    pictures: Annotated[Path | None, typer.Option(help="Folder of images. Defaults to generated ones.")] = None,
    json: Json = None,
) -> None:
    """Compare the speed and the vectors of the encoders with stock open_clip."""
    from benchmarks import encoders as benchmark
    from engine.encoders.encoder import ModelSpec

    benchmark.run(ModelSpec(model), benchmark.Effort(threads, rounds, inputs), pictures, json)


@app.command()
def events(
    users: Annotated[int, typer.Option(min=1, help="Number of users in the log beforehand.")] = 5_000,
    history: Annotated[int, typer.Option(min=1, help="Number of events of each.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 3,
    json: Json = None,
) -> None:
    """Measure how many events per second are written durably, and how fast a shopper's history is read."""
    from benchmarks import events as benchmark

    benchmark.run(benchmark.Effort(users, history, rounds), json_path=json)


@app.command()
def shoppers(
    count: Count = 100_000,
    dim: Dim = 128,
    missing: Missing = 0.2,
    seed: Seed = 1,
    users: Annotated[int, typer.Option(min=20, help="Number of shoppers with events.")] = 5_000,
    history: Annotated[int, typer.Option(min=1, help="Number of events of each.")] = 50,
    asked: Annotated[int, typer.Option(min=1, help="Number of shoppers to recommend to.")] = 400,
    query_seed: QuerySeed = 5,
    rounds: Annotated[int, typer.Option(min=1, help="Number of rounds.")] = 5,
    requests: Annotated[int, typer.Option(min=10, help="Requests of each measurement in a round.")] = 1_000,
    callers: Annotated[str, typer.Option(help="Comma-separated numbers of callers of the closed loops.")] = "1,16",
    store: StoreAt = None,
    json: Json = None,
) -> None:
    """Measure the latency and recall of recommendations."""
    from benchmarks import shoppers as benchmark
    from benchmarks.datasets import Clustered

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    crowd = benchmark.Crowd(users, history)
    effort = benchmark.Effort(asked, rounds, requests, numbers(callers, int))
    benchmark.run(made, crowd, effort, store, query_seed, json)


@app.command()
def recommend(
    data: Annotated[Path, typer.Argument(help="Folder with online_retail and complete_journey.")] = Path("bench-data"),
    json: Json = None,
) -> None:
    """Compare recommendations with standard methods on the logs of real shops."""
    from benchmarks import recommend as benchmark

    benchmark.run(data, json)


@app.command()
def finetune(
    data: Annotated[
        Path, typer.Option(help="Folder of a catalogue with titles and images, which may be in tar files.")
    ] = Path("bench-data/fashion_products"),
    model: Annotated[str, typer.Option(help="Model to start from: base, mini or local-dir:DIR.")] = "mini",
    steps: Annotated[int, typer.Option(min=1, help="Number of training steps.")] = 120,
    seed: Annotated[int, typer.Option(help="Seed of the split and of the training.")] = 0,
    json: Json = None,
) -> None:
    """Measure what fine-tuning on a shop's own catalogue gains, on held-out products."""
    from benchmarks import finetune as benchmark

    benchmark.run(data, model, steps, seed, json)


@app.command()
def model(
    data: Annotated[Path, typer.Option(help="Folder of the real catalogues, one folder each.")] = Path("bench-data"),
    name: Annotated[str, typer.Option("--model", help="base, mini or local-dir:DIR.")] = DEFAULT,
    json: Json = None,
) -> None:
    """Measure a model on real products, each block by itself."""
    from benchmarks import model as benchmark

    benchmark.run(data, name, json)


@app.command()
def misfiled(
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH:FIELD,FIELD", help="Catalogue or its folder, and its category columns. Repeatable."),
    ] = None,
    model: Annotated[str, typer.Option(help="Model of the store.")] = DEFAULT,
    json: Json = None,
) -> None:
    """Measure whether items in the wrong category are found."""
    from benchmarks import misfiled as benchmark

    named = data or ["bench-data/fashion_products:article_type,sub_category,category"]
    parts = [one.rpartition(":") for one in named]
    subjects = [benchmark.Subject(Path(path), tuple(fields.split(","))) for path, _, fields in parts]
    benchmark.run(subjects, model, json_path=json)


@app.command()
def no_match(
    data: Annotated[Path, typer.Argument(help="Folder of the real catalogues and of search_queries.")] = Path(
        "bench-data"
    ),
    model: Annotated[str, typer.Option(help="Model of the stores.")] = DEFAULT,
    most: Annotated[int, typer.Option(min=100, help="Maximum number of items of a catalogue.")] = 1500,
    seed: Seed = 5,
    json: Json = None,
) -> None:
    """Measure whether searches without a match are reported, and only those."""
    from benchmarks import no_match as benchmark
    from engine.encoders.encoder import ModelSpec

    benchmark.run(data, ModelSpec(model), most, seed, json_path=json)


@app.command()
def describe(
    products: Annotated[
        int, typer.Option(min=20, help="Number of generated products to describe, and maximum number of photos.")
    ] = 300,
    others: Annotated[int, typer.Option(min=100, help="Number of products in the store that has none of them.")] = 1500,
    seed: Seed = 7,
    other_seed: Annotated[int, typer.Option(help="Seed of the products in that store.")] = 11,
    grocery: Annotated[Path | None, typer.Option(help="Folder of catalog.csv and photos.csv of groceries.")] = None,
    json: Json = None,
) -> None:
    """Measure whether descriptions name the correct type and colour, and contradict nothing."""
    from benchmarks import describe as benchmark

    benchmark.run(products, others, seed, other_seed, grocery, json)


@app.command()
def descriptions(
    rubric: Annotated[Path, typer.Argument(help="Texts to rate: JSON of [{id, facts, text}].")],
    key: Annotated[Path, typer.Argument(help="Version and shop of each text: JSON by id.")],
    ratings: Annotated[list[Path], typer.Argument(help="One JSON file for each rater: [{id, true, complete, ...}].")],
    grocery: Annotated[Path, typer.Option(help="Folder of catalog.csv of groceries, for examples.")],
    before: Annotated[str, typer.Option(help="Commit that wrote the texts before.")],
    after: Annotated[str, typer.Option(help="Commit that wrote the texts after.")],
    seed: Seed = 23,
    json: Json = None,
) -> None:
    """Evaluate blind ratings of the descriptions of two versions, and show ten examples."""
    from benchmarks import descriptions as benchmark

    benchmark.run(rubric, key, ratings, grocery, (before, after), seed, json)


@app.command()
def composed(
    items: Annotated[int, typer.Option(min=200, help="Number of generated goods in the store.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the goods; not one that a model was trained on.")] = 2102,
    stranger_seed: Annotated[int, typer.Option(help="Seed of goods that are not in the store.")] = 2103,
    count: Annotated[int, typer.Option(min=10, help="Number of references of each kind.")] = 200,
    fashion: Annotated[Path | None, typer.Option(help="Folder of a fashion catalogue with images.")] = None,
    model: Annotated[str, typer.Option(help="Model of the stores.")] = DEFAULT,
    json: Json = None,
) -> None:
    """Compare ways to search for a reference with a change, such as "this, but in red"."""
    from benchmarks import composed as benchmark

    benchmark.run(items, seed, stranger_seed, count, fashion, model, json)


@app.command()
def feedback(
    data: Annotated[Path, typer.Argument(help="Folder with reviews_zh and reviews_en.")] = Path("bench-data"),
    json: Json = None,
) -> None:
    """Measure sentiment and aspects of reviews against labels."""
    from benchmarks import feedback as benchmark

    benchmark.run(data, json)


@app.command()
def digest(
    data: Annotated[Path, typer.Argument(help="Folder with reviews_en.")] = Path("bench-data"),
    json: Json = None,
) -> None:
    """Measure the aspects of single clauses against labels."""
    from benchmarks import digest as benchmark

    benchmark.run(data, json)


Number = TypeVar("Number", int, float)


def numbers(text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """Parse comma-separated numbers above 0. Raises typer.BadParameter."""
    try:
        found = tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"expected comma-separated numbers, got {text!r}") from error
    if min(found) <= 0:
        raise typer.BadParameter(f"expected numbers above 0, got {text!r}")
    return found


def clusters(count: int) -> int:
    """Return the number of clusters that gives each about a hundred items."""
    return max(1, count // 100)


def main() -> None:
    """Run the command line. Exit codes: 0 success, 1 failure, 2 wrong usage."""
    from engine.errors import DiptychError

    try:
        app()
    except DiptychError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
