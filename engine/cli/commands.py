"""The verbs of `engine`: serve a store, ask it, and look whether this machine can do either.

Progress and trouble go to stderr, data to stdout. Exit codes: 0 fine, 1 failed, 2 wrong usage. Whatever is heavy is
imported by the verb that needs it, so that --help answers at once.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from engine.cli.feedback_command import feedback
from engine.cli.profile_command import profile
from engine.cli.recommend_command import recommend
from engine.cli.sheet_command import sheet

app = typer.Typer(
    help="Serve search over a product catalogue, and ask it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.command()
def serve(
    store: Annotated[Path | None, typer.Option(help="Folder of the store.", show_default=False)] = None,
    address: Annotated[str | None, typer.Option(help="HOST:PORT; port 0 takes a free one. [127.0.0.1:50051]")] = None,
    device: Annotated[str | None, typer.Option(help="Where index and encoder run: cpu or cuda. [cpu]")] = None,
    config: Annotated[Path | None, typer.Option(help="TOML file of settings; flags and DIPTYCH_… win.")] = None,
    print_config: Annotated[bool, typer.Option("--print-config", help="Print the settings as TOML and exit.")] = False,
    address_file: Annotated[
        Path | None, typer.Option(help="File to write the address into once the server answers.")
    ] = None,
    search_threads: Annotated[int | None, typer.Option(help="Queries searched at once.")] = None,
    encoder_threads: Annotated[int | None, typer.Option(help="Queries with words or pictures at once.")] = None,
    runtime: Annotated[str | None, typer.Option(help="What computes the models: auto, torch or openvino.")] = None,
    max_batch: Annotated[int | None, typer.Option(help="Texts or pictures that go through a model at once.")] = None,
    max_wait_ms: Annotated[float | None, typer.Option(help="How long a batch may wait for company.")] = None,
    encoder_cache_bytes: Annotated[
        int | None, typer.Option(help="Memory for vectors of what was asked before.")
    ] = None,
    waiting_limit: Annotated[int | None, typer.Option(help="Calls that may wait before others are refused.")] = None,
    message_bytes: Annotated[int | None, typer.Option(help="Largest request.")] = None,
    poll_s: Annotated[float | None, typer.Option(help="How often to look for a newly published snapshot.")] = None,
    grace_s: Annotated[float | None, typer.Option(help="How long calls may take to finish after SIGTERM.")] = None,
    metrics_address: Annotated[
        str | None, typer.Option(help="HOST:PORT for Prometheus to fetch metrics from; empty is nowhere. []")
    ] = None,
    recall_sample: Annotated[
        float | None, typer.Option(help="Share of searches that are checked against exact ones. [0.001]")
    ] = None,
    events_url: Annotated[
        str | None,
        typer.Option(help="Database that keeps events, postgresql://USER@HOST/DATABASE; empty: a file of the store."),
    ] = None,
    writer: Annotated[str | None, typer.Option(help="Who writes descriptions: coca, chat or module:Class.")] = None,
    writer_url: Annotated[str | None, typer.Option(help="OpenAI-compatible address of the writer chat.")] = None,
    writer_model: Annotated[str | None, typer.Option(help="Its model; its key is DIPTYCH_WRITER_KEY.")] = None,
    writer_timeout_s: Annotated[float | None, typer.Option(help="Seconds that it may take to answer.")] = None,
    writer_images: Annotated[bool | None, typer.Option(help="Whether its model looks at pictures.")] = None,
    describe_threads: Annotated[int | None, typer.Option(help="Descriptions written at once.")] = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Serve the store's current snapshot over gRPC, and whatever is published after it, until SIGTERM."""
    from engine.server.settings import load, render

    flags = {
        "store": store,
        "address": address,
        "device": device,
        "search_threads": search_threads,
        "encoder_threads": encoder_threads,
        "runtime": runtime,
        "max_batch": max_batch,
        "max_wait_ms": max_wait_ms,
        "encoder_cache_bytes": encoder_cache_bytes,
        "waiting_limit": waiting_limit,
        "message_bytes": message_bytes,
        "poll_s": poll_s,
        "grace_s": grace_s,
        "metrics_address": metrics_address,
        "recall_sample": recall_sample,
        "events_url": events_url,
        "writer": writer,
        "writer_url": writer_url,
        "writer_model": writer_model,
        "writer_timeout_s": writer_timeout_s,
        "writer_images": writer_images,
        "describe_threads": describe_threads,
        "log_level": log_level,
    }
    with _wrong_settings_are_wrong_usage():
        settings = load(flags, config)
    if print_config:
        typer.echo(render(settings), nl=False)
        return
    import asyncio

    from engine.server.log_format import log_to_stderr
    from engine.server.serving import serve as run

    log_to_stderr(settings.log_level)
    asyncio.run(run(settings, address_file))


@app.command()
def query(
    words: Annotated[list[str] | None, typer.Argument(help="What is wished for, in words.", show_default=False)] = None,
    text: Annotated[list[str] | None, typer.Option(help="The same; may be repeated.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="A picture's file; may be repeated.")] = None,
    item: Annotated[list[str] | None, typer.Option("--item", "--like", help="An item_id; may be repeated.")] = None,
    user: Annotated[list[str] | None, typer.Option(help="A shopper's id: what they like; may be repeated.")] = None,
    change: Annotated[
        str | None, typer.Option(help="'in red': what is to be different from the --image or --item.")
    ] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="text=0.7: how much the texts count; repeated, one after the other.")
    ] = None,
    modality: Annotated[
        list[str] | None, typer.Option(help="image=0.3: how much a block counts; words stay on unless lexical=0.")
    ] = None,
    boost: Annotated[
        list[str] | None,
        typer.Option(help="rating=0.3: add a signal or a number to the score, see above; may be repeated."),
    ] = None,
    missing: Annotated[str, typer.Option(help="renormalize, neutral or drop items without a block.")] = "renormalize",
    only: Annotated[
        str | None,
        typer.Option(
            "--filter", help="""Which items may answer: 'category = "shoes" AND price < 50'.""", metavar="EXPR"
        ),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="ITEM", help="An item_id that may not answer; may be repeated.")
    ] = None,
    pin: Annotated[
        list[str] | None, typer.Option(help="ITEM@RANK: show an item at this rank, 1 for the first; may be repeated.")
    ] = None,
    diversity: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="Vary the hits: how much the score counts, 0.7 for example; 1 varies nothing."),
    ] = None,
    collapse_by: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Show only the best of the items with the same value.")
    ] = None,
    facet: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD", help="Count the values of a field over all that may answer; may be repeated."),
    ] = None,
    min_score: Annotated[float | None, typer.Option(help="The least score of a hit.")] = None,
    fields: Annotated[
        str | None, typer.Option(metavar="A,B", help="Which fields of the items to show: title,attributes.color")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many hits.")] = 10,
    page_token: Annotated[
        str | None, typer.Option(help="What the page before said on stderr; all else as it was then.")
    ] = None,
    recall_target: Annotated[float | None, typer.Option(help="The recall@10 to reach.")] = None,
    budget_ms: Annotated[
        float | None, typer.Option(help="How long the search may take; looks less deep if it has to.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each block and boost gave.")] = False,
    store: Annotated[Path | None, typer.Option(help="Folder of a store; no server is needed.")] = None,
    events_url: Annotated[
        str, typer.Option(envvar="DIPTYCH_EVENTS_URL", help="Database of the events, if not a file of the store.")
    ] = "",
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a server to ask. [127.0.0.1:50051]")] = None,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for the server.")] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line for each hit, and one for each facet.")
    ] = False,
) -> None:
    """Ask for products by words, pictures, other products, or any mix of them.

    --boost FIELD=W adds W times a signal, or a number of the items; FIELD:log1p=W adds W times ln(1 + number);
    FIELD:exp_decay(ORIGIN,SCALE)=W adds W where the number is ORIGIN, and falls to W/e where it is SCALE away.

    Where nothing in the catalogue matches the words, a line on stderr says so, and the nearest items are shown.
    """
    from engine.cli.output import print_next_page, print_no_match, print_tables, to_lines
    from engine.cli.query_client import MISSING, SearchOptions, ask_server, ask_store, to_request
    from engine.cli.query_options import to_boosts, to_names, to_pins, to_weights

    if store is not None and address is not None:
        raise typer.BadParameter("expected one of --store and --address, got both")
    if missing not in MISSING:
        raise typer.BadParameter(f"expected {', '.join(MISSING)}, got {missing!r}", param_hint="--missing")
    texts = ([" ".join(words)] if words else []) + (text or [])
    if not (texts or image or item or user or boost):
        raise typer.BadParameter("expected words, --text, --image, --item, --user or --boost, got none of them")
    wishes = SearchOptions(
        modality_weights=dict(to_weights(modality, "--modality")),
        boosts=to_boosts(boost),
        pins=list(to_pins(pin)),
        facets=facet or (),
        fields=to_names(fields, "--fields"),
        missing=missing,
        filter=only or "",
        diversity=diversity,
        collapse_by=collapse_by or "",
        min_score=min_score,
        recall_target=recall_target,
        budget_ms=budget_ms,
        limit=limit,
        page_token=page_token or "",
        explain=explain,
        change=change,
        exclude=exclude or (),
    )
    with _wrong_settings_are_wrong_usage():
        request = to_request(texts, image or [], item or [], to_weights(weight, "--weight"), wishes, user or [])
    if store is not None:
        response = ask_store(store, request, events_url)
    else:
        response = ask_server(address or "127.0.0.1:50051", request, timeout_s)
    if as_json:
        for line in to_lines(response):
            typer.echo(json.dumps(line, ensure_ascii=False))
    else:
        print_tables(response, wishes.fields)
    print_no_match(response)
    print_next_page(response)


app.command()(profile)
app.command()(feedback)
app.command()(recommend)
app.command()(sheet)


@app.command()
def describe(
    item: Annotated[str | None, typer.Argument(help="An item_id.", show_default=False)] = None,
    image: Annotated[Path | None, typer.Option(help="A picture's file instead.")] = None,
    style: Annotated[str, typer.Option(help="short, long or bullets.")] = "long",
    audience: Annotated[str, typer.Option(help="Whom it is written for, such as parents.")] = "",
    max_words: Annotated[int, typer.Option(min=0, max=1000, help="Words at most; 0 is what the style takes.")] = 0,
    store: Annotated[Path | None, typer.Option(help="Folder of a store to ask in this process.")] = None,
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a server. [127.0.0.1:50051]")] = None,
    timeout_s: Annotated[float, typer.Option(help="Seconds that a server may take.")] = 60.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line with all that is told.")] = False,
) -> None:
    """Describe a product, or what a picture shows, in words that were held against what is known of it."""
    from engine.cli.describe_command import ask_server, ask_store
    from engine.descriptions.writer import Style
    from engine.server.codec.description_messages import to_request

    if (item is None) == (image is None):
        raise typer.BadParameter("expected one of ITEM and --image")
    if store is not None and address is not None:
        raise typer.BadParameter("expected one of --store and --address, got both")
    if style not in [one.value for one in Style]:
        raise typer.BadParameter(f"expected short, long or bullets, got {style!r}", param_hint="--style")
    request = to_request(item, None if image is None else image.read_bytes(), Style(style), audience, max_words)
    found = (
        ask_store(store, request) if store is not None else ask_server(address or "127.0.0.1:50051", request, timeout_s)
    )
    if as_json:
        told = {
            "description": found.text,
            "model": found.model,
            "agreement": round(found.agreement, 3),
            "corrected_fields": found.corrected_fields,
            "generated": True,
        }
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    typer.echo(found.text)
    put_right = f", put right: {', '.join(found.corrected_fields)}" if found.corrected_fields else ""
    typer.echo(f"by {found.model}, agreement {found.agreement:+.2f}{put_right}", err=True)


@app.command()
def doctor(
    store: Annotated[Path | None, typer.Option(help="Folder of a store to look into as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line for each finding.")] = False,
) -> None:
    """Look whether the libraries, the model, the GPU and a store are as they should be."""
    from engine.cli.doctor import examine

    fine = True
    for finding in examine(store):
        fine &= finding.fine
        if as_json:
            typer.echo(json.dumps({"what": finding.what, "fine": finding.fine, "found": finding.found}))
        else:
            typer.echo(f"{'ok ' if finding.fine else 'BAD'}  {finding.what}: {finding.found}")
    if not fine:
        raise typer.Exit(1)


@contextmanager
def _wrong_settings_are_wrong_usage() -> Iterator[None]:
    """End with one line on stderr and exit code 2 where an option, or what stands for one, has no meaning."""
    from engine.errors import InvalidSetting

    try:
        yield
    except InvalidSetting as error:
        typer.echo(f"engine: {error}", err=True)
        raise typer.Exit(2) from error


def main() -> None:
    """Run the command line; a refusal is one line on stderr and exit code 1."""
    from engine.errors import DiptychError

    try:
        app()
    except (DiptychError, OSError) as error:
        field = getattr(error, "field", "")
        typer.echo(f"engine: {field}: {error}" if field else f"engine: {error}", err=True)
        sys.exit(1)
