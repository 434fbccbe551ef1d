"""The benchmarks' command line: one verb a question, a table on stdout, the whole result in a JSON file."""

from collections.abc import Callable
from inspect import signature
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from engine.models import DEFAULT

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


@app.command()
def latency(
    count: Count = 100_000,
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 400,
    query_seed: QuerySeed = 5,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured, by turns.")] = 5,
    requests: Annotated[int, typer.Option(min=10, help="Requests of each measurement in a round.")] = 2_000,
    callers: Annotated[str, typer.Option(help="Callers of the closed loops, with commas.")] = "1,4,16",
    rates: Annotated[str, typer.Option(help="Requests a second of the open loops, with commas.")] = "100,300",
    catalogue: Annotated[Path | None, typer.Option(help="Ask for the titles of this catalogue or folder.")] = None,
    model: Annotated[str, typer.Option(help="The model that embeds it.")] = DEFAULT,
    store: StoreAt = None,
    json: Json = None,
) -> None:
    """What does the server add to raw FAISS and a bare echo?"""
    from benchmarks import latency as question
    from benchmarks.datasets import Clustered, real
    from engine.encoders.encoder import ModelSpec

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    effort = question.Effort(rounds, requests, numbers(callers, int), numbers(rates, float))
    if catalogue is None:
        question.run(made, queries, effort, store, query_seed, json_path=json)
    else:
        path = real(catalogue) if catalogue.is_dir() else catalogue
        question.run(made, queries, effort, store, query_seed, path, ModelSpec(model, None), json)


@app.command()
def relevance(
    data: Annotated[Path, typer.Option(help="Folder of a catalogue, queries.csv and judgments.csv.")] = Path(
        "bench-data/icecat_search"
    ),
    text_model: Annotated[str | None, typer.Option(help="Sentence model; the package's MiniLM if left out.")] = None,
    model: Annotated[str, typer.Option(help="The model that embeds texts and pictures.")] = DEFAULT,
    json: Json = None,
) -> None:
    """Do the best answers come first, as people judged them?"""
    from benchmarks import relevance as question
    from engine.encoders.encoder import ModelSpec

    sentence = None if text_model is None else ModelSpec(text_model, encoder="sentence")
    question.run(data, sentence, json, model=model)


@app.command()
def catalogues(
    data: Annotated[Path, typer.Option(help="Folder of the real catalogues.")] = Path("bench-data"),
    names: Annotated[str, typer.Option("--catalogues", help="These alone, with commas; empty: all.")] = "",
    model: Annotated[str, typer.Option(help="The model that embeds them; empty: the build's default.")] = "",
    stores: Annotated[Path | None, typer.Option(help="Folder of the stores; one that stands keeps its cache.")] = None,
    json: Json = None,
) -> None:
    """Do pictures and texts find their own items on real catalogues, with no flags?"""
    from benchmarks import catalogues as question
    from benchmarks.datasets import DATA
    from engine.encoders.encoder import ModelSpec
    from indexer.cli.build_command import build

    chosen = tuple(names.split(",")) if names else question.CATALOGUES
    default = signature(build).parameters["model"].default
    question.run(data, ModelSpec(model or default), chosen, json, stores or DATA / "catalogues")


@app.command()
def peers(
    count: Count = 100_000,
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 400,
    query_seed: QuerySeed = 5,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured, by turns.")] = 5,
    names: Annotated[str, typer.Option("--peers", help="Compare with these alone, with commas; empty: with all.")] = "",
    tune: Annotated[bool, typer.Option(help="Choose the peers' settings anew.")] = False,
    target: Annotated[float, typer.Option(min=0, max=1, help="The recall@10 that peers have to reach.")] = 0.99,
    json: Json = None,
) -> None:
    """How fast are other libraries and databases at the same work, and what do they find?"""
    from benchmarks.datasets import Clustered
    from benchmarks.peers import comparison as question

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    effort = question.Effort(rounds, queries, tune, target)
    question.run(made, effort, question.named(names), query_seed, json)


@app.command()
def filters(
    count: Count = 100_000,
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 100,
    query_seed: QuerySeed = 5,
    peers: Annotated[bool, typer.Option(help="Measure the peers that know filters beside it.")] = False,
    json: Json = None,
) -> None:
    """Does a filter cost answers or time, however few items it keeps and wherever they lie?"""
    from benchmarks import filters as question
    from benchmarks.datasets import Clustered
    from benchmarks.peers.filtered import PEERS

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    question.run(made, queries, peers=PEERS if peers else (), seed=query_seed, json_path=json)


@app.command()
def scale(
    counts: Annotated[str, typer.Option(help="Items of each catalogue, with commas.")] = "10000,100000,1000000",
    dim: Dim = 256,
    missing: Missing = 0.2,
    seed: Seed = 1,
    queries: Queries = 200,
    query_seed: QuerySeed = 5,
    requests: Annotated[int, typer.Option(min=10, help="Requests over gRPC before memory is measured.")] = 2_000,
    rebuild: Annotated[bool, typer.Option(help="Build stores anew that an earlier run built.")] = False,
    json: Json = None,
) -> None:
    """How do time, memory and disk grow with the number of items?"""
    from benchmarks import scale as question
    from benchmarks.datasets import Clustered

    made = Clustered(1, dim, missing=missing, seed=seed)
    question.run(made, numbers(counts, int), queries, requests, rebuild, query_seed, json)


@app.command()
def encoders(
    model: Annotated[
        str, typer.Option(help="Architecture (weights drawn at random), base, mini or a directory.")
    ] = "ViT-B-32",
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of each way.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="How often single inputs are measured, by turns.")] = 40,
    inputs: Annotated[int, typer.Option(min=8, help="Texts whose cosine to stock is taken.")] = 200,
    pictures: Annotated[Path | None, typer.Option(help="Folder of pictures, else generated ones.")] = None,
    json: Json = None,
) -> None:
    """What does a text or a picture cost beside stock open_clip, and how near is its vector?"""
    from benchmarks import encoders as question
    from engine.encoders.encoder import ModelSpec

    question.run(ModelSpec(model), question.Effort(threads, rounds, inputs), pictures, json)


@app.command()
def events(
    users: Annotated[int, typer.Option(min=1, help="Users that the log knows before.")] = 5_000,
    history: Annotated[int, typer.Option(min=1, help="Events of each of them.")] = 50,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured, by turns.")] = 3,
    json: Json = None,
) -> None:
    """How many events a second are on disk, and how fast is a shopper's history read?"""
    from benchmarks import events as question

    question.run(question.Effort(users, history, rounds), json_path=json)


@app.command()
def shoppers(
    count: Count = 100_000,
    dim: Dim = 128,
    missing: Missing = 0.2,
    seed: Seed = 1,
    users: Annotated[int, typer.Option(min=20, help="Shoppers of whom events are recorded.")] = 5_000,
    history: Annotated[int, typer.Option(min=1, help="Events of each.")] = 50,
    asked: Annotated[int, typer.Option(min=1, help="Shoppers that are recommended to.")] = 400,
    query_seed: QuerySeed = 5,
    rounds: Annotated[int, typer.Option(min=1, help="How often everything is measured, by turns.")] = 5,
    requests: Annotated[int, typer.Option(min=10, help="Requests of each measurement in a round.")] = 1_000,
    callers: Annotated[str, typer.Option(help="Callers of the closed loops, with commas.")] = "1,16",
    store: StoreAt = None,
    json: Json = None,
) -> None:
    """What does a recommendation cost, and how much of the exact answer does it find?"""
    from benchmarks import shoppers as question
    from benchmarks.datasets import Clustered

    made = Clustered(count, dim, missing=missing, seed=seed, clusters=clusters(count))
    crowd = question.Crowd(users, history)
    effort = question.Effort(asked, rounds, requests, numbers(callers, int))
    question.run(made, crowd, effort, store, query_seed, json)


@app.command()
def recommend(
    data: Annotated[Path, typer.Argument(help="Folder with online_retail and complete_journey.")] = Path("bench-data"),
    json: Json = None,
) -> None:
    """Do shoppers buy what is recommended, and more so than by the usual methods?"""
    from benchmarks import recommend as question

    question.run(data, json)


@app.command()
def finetune(
    data: Annotated[
        Path, typer.Option(help="Folder of a catalogue with titles and pictures, or with them in tars.")
    ] = Path("bench-data/fashion_products"),
    model: Annotated[str, typer.Option(help="Where training starts: base, mini or local-dir:DIR.")] = "mini",
    steps: Annotated[int, typer.Option(min=1, help="Steps of training.")] = 120,
    seed: Annotated[int, typer.Option(help="Seed of the parting and of the training.")] = 0,
    json: Json = None,
) -> None:
    """What does fine-tuning on a shop's own catalogue give, on products that it never saw?"""
    from benchmarks import finetune as question

    question.run(data, model, steps, seed, json)


@app.command()
def model(
    data: Annotated[Path, typer.Option(help="Folder of the real catalogues, one folder each.")] = Path("bench-data"),
    name: Annotated[str, typer.Option("--model", help="base, mini or local-dir:DIR.")] = DEFAULT,
    json: Json = None,
) -> None:
    """What does a model know of real products, each block by itself?"""
    from benchmarks import model as question

    question.run(data, name, json)


@app.command()
def misfiled(
    data: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH:FIELD,FIELD", help="A catalogue or its folder, and what files it; repeatable."),
    ] = None,
    model: Annotated[str, typer.Option(help="The model that embeds it.")] = DEFAULT,
    json: Json = None,
) -> None:
    """Are items that were filed in the wrong category found?"""
    from benchmarks import misfiled as question

    named = data or ["bench-data/fashion_products:article_type,sub_category,category"]
    parts = [one.rpartition(":") for one in named]
    subjects = [question.Subject(Path(path), tuple(fields.split(","))) for path, _, fields in parts]
    question.run(subjects, model, json_path=json)


@app.command()
def no_match(
    data: Annotated[Path, typer.Argument(help="Folder of the real catalogues and of search_queries.")] = Path(
        "bench-data"
    ),
    model: Annotated[str, typer.Option(help="The model that embeds them.")] = DEFAULT,
    most: Annotated[int, typer.Option(min=100, help="Items of a catalogue at most.")] = 1500,
    seed: Seed = 5,
    json: Json = None,
) -> None:
    """Does a search say when the shop has no such thing, and only then?"""
    from benchmarks import no_match as question
    from engine.encoders.encoder import ModelSpec

    question.run(data, ModelSpec(model), most, seed, json_path=json)


@app.command()
def describe(
    products: Annotated[int, typer.Option(min=20, help="Generated products described, and photos at most.")] = 300,
    others: Annotated[int, typer.Option(min=100, help="Products of the store that knows none of them.")] = 1500,
    seed: Seed = 7,
    other_seed: Annotated[int, typer.Option(help="Seed of the others.")] = 11,
    grocery: Annotated[Path | None, typer.Option(help="Folder of catalog.csv and photos.csv of groceries.")] = None,
    json: Json = None,
) -> None:
    """Do descriptions name the right type and colour, and contradict nothing?"""
    from benchmarks import describe as question

    question.run(products, others, seed, other_seed, grocery, json)


@app.command()
def descriptions(
    rubric: Annotated[Path, typer.Argument(help="Texts to rate: JSON of [{id, facts, text}].")],
    key: Annotated[Path, typer.Argument(help="Which text is of which version and shop: JSON by id.")],
    ratings: Annotated[list[Path], typer.Argument(help="One file a rater: JSON of [{id, true, complete, ...}].")],
    grocery: Annotated[Path, typer.Option(help="Folder of catalog.csv of groceries, for examples.")],
    before: Annotated[str, typer.Option(help="The commit that wrote the texts before.")],
    after: Annotated[str, typer.Option(help="The commit that wrote the texts after.")],
    seed: Seed = 23,
    json: Json = None,
) -> None:
    """Would a merchant publish the descriptions? Blind ratings of two versions, and ten examples."""
    from benchmarks import descriptions as question

    question.run(rubric, key, ratings, grocery, (before, after), seed, json)


@app.command()
def composed(
    items: Annotated[int, typer.Option(min=200, help="Generated goods of the store.")] = 2000,
    seed: Annotated[int, typer.Option(help="Seed of the goods; none that a model was trained on.")] = 2102,
    stranger_seed: Annotated[int, typer.Option(help="Seed of goods that the store does not hold.")] = 2103,
    count: Annotated[int, typer.Option(min=10, help="References of each kind.")] = 200,
    fashion: Annotated[Path | None, typer.Option(help="Folder of a fashion catalogue with pictures.")] = None,
    model: Annotated[str, typer.Option(help="The model that embeds both.")] = DEFAULT,
    json: Json = None,
) -> None:
    """Does "this, but in red" find it, and by which way of asking?"""
    from benchmarks import composed as question

    question.run(items, seed, stranger_seed, count, fashion, model, json)


@app.command()
def feedback(
    data: Annotated[Path, typer.Argument(help="Folder with reviews_zh and reviews_en.")] = Path("bench-data"),
    json: Json = None,
) -> None:
    """Does sentiment tell praise from blame, and are aspects found and judged as people judged them?"""
    from benchmarks import feedback as question

    question.run(data, json)


@app.command()
def digest(
    data: Annotated[Path, typer.Argument(help="Folder with reviews_en.")] = Path("bench-data"),
    json: Json = None,
) -> None:
    """Are the aspects of single clauses found, and judged as labellers judged them?"""
    from benchmarks import digest as question

    question.run(data, json)


Number = TypeVar("Number", int, float)


def numbers(text: str, kind: Callable[[str], Number]) -> tuple[Number, ...]:
    """Return the numbers above 0 of a list with commas. Raises typer.BadParameter."""
    try:
        found = tuple(kind(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"expected numbers with commas between, got {text!r}") from error
    if min(found) <= 0:
        raise typer.BadParameter(f"expected numbers above 0, got {text!r}")
    return found


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
