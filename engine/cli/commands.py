"""The verbs of `engine`: serve a store, ask it, and look whether this machine can do either.

Progress and trouble go to stderr, data to stdout. Exit codes: 0 fine, 1 failed, 2 wrong usage. Whatever is heavy is
imported by the verb that needs it, so that --help answers at once.
"""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Serve search over a product catalogue, and ask it.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

MISSING = {"renormalize": 1, "neutral": 2, "drop": 3}


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
    encoder_threads: Annotated[int | None, typer.Option(help="Queries encoded at once.")] = None,
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
        "waiting_limit": waiting_limit,
        "message_bytes": message_bytes,
        "poll_s": poll_s,
        "grace_s": grace_s,
        "metrics_address": metrics_address,
        "recall_sample": recall_sample,
        "log_level": log_level,
    }
    settings = load(flags, config)
    if print_config:
        typer.echo(render(settings), nl=False)
        return
    import asyncio

    from engine.server.logs import log_to_stderr
    from engine.server.serving import serve as run

    log_to_stderr(settings.log_level)
    asyncio.run(run(settings, address_file))


@app.command()
def query(
    words: Annotated[list[str] | None, typer.Argument(help="What is wished for, in words.", show_default=False)] = None,
    text: Annotated[list[str] | None, typer.Option(help="The same; may be repeated.")] = None,
    image: Annotated[list[Path] | None, typer.Option(help="A picture's file; may be repeated.")] = None,
    item: Annotated[list[str] | None, typer.Option("--item", "--like", help="An item_id; may be repeated.")] = None,
    weight: Annotated[
        list[str] | None, typer.Option(help="text=0.7: how much the texts count; repeated, one after the other.")
    ] = None,
    modality: Annotated[list[str] | None, typer.Option(help="image=0.3: how much a block counts.")] = None,
    boost: Annotated[list[str] | None, typer.Option(help="rating=0.3: add a signal to the score.")] = None,
    missing: Annotated[str, typer.Option(help="renormalize, neutral or drop items without a block.")] = "renormalize",
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many hits.")] = 10,
    recall_target: Annotated[float | None, typer.Option(help="The recall@10 to reach.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each block and boost gave.")] = False,
    store: Annotated[Path | None, typer.Option(help="Folder of a store; no server is needed.")] = None,
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a server to ask. [127.0.0.1:50051]")] = None,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for the server.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line for each hit.")] = False,
) -> None:
    """Ask for products by words, pictures, other products, or any mix of them."""
    from engine.cli.asking import ask_server, ask_store, to_request
    from engine.cli.printing import print_table, to_lines

    if store is not None and address is not None:
        raise typer.BadParameter("expected one of --store and --address, got both")
    if missing not in MISSING:
        raise typer.BadParameter(f"expected {', '.join(MISSING)}, got {missing!r}", param_hint="--missing")
    texts = ([" ".join(words)] if words else []) + (text or [])
    if not (texts or image or item):
        raise typer.BadParameter("expected words, --text, --image or --item, got none of them")
    request = to_request(
        texts=texts,
        images=image or [],
        item_ids=item or [],
        weights=to_weights(weight, "--weight"),
        modality_weights=dict(to_weights(modality, "--modality")),
        boosts=to_weights(boost, "--boost"),
    )
    request.missing_modality = MISSING[missing]  # type: ignore[assignment]
    request.page_size = limit
    request.explain = explain
    if recall_target is not None:
        request.recall_target = recall_target
    response = (
        ask_store(store, request) if store is not None else ask_server(address or "127.0.0.1:50051", request, timeout_s)
    )
    if as_json:
        for line in to_lines(response):
            typer.echo(json.dumps(line, ensure_ascii=False))
    else:
        print_table(response)


@app.command()
def doctor(
    store: Annotated[Path | None, typer.Option(help="Folder of a store to look into as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line for each finding.")] = False,
) -> None:
    """Look whether the libraries, the model, the GPU and a store are as they should be."""
    from engine.cli.findings import examine

    fine = True
    for finding in examine(store):
        fine &= finding.fine
        if as_json:
            typer.echo(json.dumps({"what": finding.what, "fine": finding.fine, "found": finding.found}))
        else:
            typer.echo(f"{'ok ' if finding.fine else 'BAD'}  {finding.what}: {finding.found}")
    if not fine:
        raise typer.Exit(1)


def to_weights(pairs: list[str] | None, option: str) -> list[tuple[str, float]]:
    """Return "image=0.3" as ("image", .3), in the order given. Raises BadParameter."""
    weights = []
    for pair in pairs or []:
        name, equals, value = pair.rpartition("=")
        try:
            weights.append((name, float(value)))
        except ValueError:
            equals = ""
        if not equals or not name:
            raise typer.BadParameter(f"expected NAME=NUMBER, got {pair!r}", param_hint=option)
    return weights


def main() -> None:
    """Run the command line; a refusal is one line on stderr and exit code 1."""
    from engine.errors import DiptychError

    try:
        app()
    except (DiptychError, OSError) as error:
        typer.echo(f"engine: {error}", err=True)
        sys.exit(1)
