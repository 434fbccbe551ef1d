"""`engine query`: search a store in this process, or on a server."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.shared_options import (
    DEFAULT_ADDRESS,
    FILTERING,
    OUTPUT,
    RANKING,
    AddressOption,
    CollapseByOption,
    DiversityOption,
    EventsUrlOption,
    ExcludeOption,
    FieldsOption,
    FilterOption,
    ModalityOption,
    RecallTargetOption,
    StoreOption,
    TimeoutOption,
    check_store_or_address,
    invalid_settings_as_usage_errors,
)

if TYPE_CHECKING:
    from engine.v1 import search_pb2

QUERY = "Query"


def query(
    words: Annotated[list[str] | None, typer.Argument(help="Query text.", show_default=False)] = None,
    text: Annotated[list[str] | None, typer.Option(help="Query text. Repeatable.", rich_help_panel=QUERY)] = None,
    image: Annotated[
        list[Path] | None, typer.Option(help="Query image file. Repeatable.", rich_help_panel=QUERY)
    ] = None,
    item: Annotated[
        list[str] | None,
        typer.Option("--item", "--like", help="item_id to search by. Repeatable.", rich_help_panel=QUERY),
    ] = None,
    user: Annotated[
        list[str] | None,
        typer.Option(help="user_id of a shopper to personalise for. Repeatable.", rich_help_panel=QUERY),
    ] = None,
    change: Annotated[
        str | None,
        typer.Option(help="How hits differ from --image or --item, such as 'in red'.", rich_help_panel=QUERY),
    ] = None,
    weight: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=W",
            help="Weight of query parts, such as text=0.7. Repeat it to weight each part of a kind, in order.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    modality: ModalityOption = None,
    boost: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=W",
            help="Add a signal or a numeric field to the score, such as rating=0.3; see above. Repeatable.",
            rich_help_panel=RANKING,
        ),
    ] = None,
    missing: Annotated[
        str,
        typer.Option(
            help="How to score items without a block: renormalize, neutral, or drop to exclude them.",
            rich_help_panel=RANKING,
        ),
    ] = "renormalize",
    pin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ITEM@RANK", help="Show an item at this rank, counted from 1. Repeatable.", rich_help_panel=RANKING
        ),
    ] = None,
    diversity: DiversityOption = None,
    recall_target: RecallTargetOption = None,
    budget_ms: Annotated[
        float | None,
        typer.Option(
            help="Time budget in milliseconds. A search that would exceed it examines fewer candidates.",
            rich_help_panel=RANKING,
        ),
    ] = None,
    expression: FilterOption = None,
    exclude: ExcludeOption = None,
    collapse_by: CollapseByOption = None,
    min_score: Annotated[float | None, typer.Option(help="Minimum score of a hit.", rich_help_panel=FILTERING)] = None,
    facet: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD",
            help="Count the values of this field over all matching items. Repeatable.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    fields: FieldsOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of hits.", rich_help_panel=OUTPUT)] = 10,
    page_token: Annotated[
        str | None,
        typer.Option(
            help="Token of the next page, printed with the previous one. Keep the other options unchanged.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the contribution of each block and boost.", rich_help_panel=OUTPUT)
    ] = False,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", help="Print one JSON line for each hit, then one for each facet.", rich_help_panel=OUTPUT
        ),
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write the hits with their pictures as one HTML file.", rich_help_panel=OUTPUT),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the pictures for --html. Defaults to that of the catalogue of --store.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    store: StoreOption = None,
    events_url: EventsUrlOption = "",
    address: AddressOption = None,
    timeout_s: TimeoutOption = 30.0,
) -> None:
    """Search by text, images, items, shoppers or any mix of them.

    --boost FIELD=W adds W times a signal or numeric field; FIELD:log1p=W adds W times ln(1 + value);
    FIELD:exp_decay(ORIGIN,SCALE)=W adds W where the value is ORIGIN, falling to W/e at a distance of SCALE.

    If nothing in the catalogue matches the text, the nearest items are shown, with a notice on stderr.
    """
    from engine.cli.hit_output import print_next_page, print_no_match, print_tables, to_lines
    from engine.cli.hits_page import image_folder, render_hits
    from engine.cli.option_values import to_boosts, to_names, to_pins, to_weights
    from engine.cli.query_request import MISSING, SearchOptions, to_request
    from engine.cli.rpc_call import call

    check_store_or_address(store, address)
    if missing not in MISSING:
        raise typer.BadParameter(f"expected {', '.join(MISSING)}, got {missing!r}", param_hint="--missing")
    texts = ([" ".join(words)] if words else []) + (text or [])
    if not (texts or image or item or user or boost):
        raise typer.BadParameter("expected words, --text, --image, --item, --user or --boost, got none of them")
    options = SearchOptions(
        modality_weights=dict(to_weights(modality, "--modality")),
        boosts=to_boosts(boost),
        pins=list(to_pins(pin)),
        facets=facet or (),
        fields=to_names(fields, "--fields"),
        missing=missing,
        filter=expression or "",
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
    with invalid_settings_as_usage_errors():
        request = to_request(texts, image or [], item or [], to_weights(weight, "--weight"), options, user or [])
    if store is not None:
        response = search_store(store, request, events_url)
    else:
        response = call(address or DEFAULT_ADDRESS, "engine.v1.SearchService/Search", request, timeout_s)
    if html is not None:
        folder = pictures or (None if store is None else image_folder(store))
        html.write_text(render_hits(request, response, image or [], folder, options.fields), encoding="utf-8")
    if as_json:
        for line in to_lines(response):
            typer.echo(json.dumps(line, ensure_ascii=False))
    else:
        print_tables(response, options.fields)
    print_no_match(response)
    print_next_page(response)


def search_store(root: Path, request: "search_pb2.SearchRequest", events_url: str = "") -> "search_pb2.SearchResponse":
    """Return the response from a store's current snapshot. Raises the errors that a server would return."""
    from engine.composition.query_rewriter import QueryRewriter
    from engine.search.store_searcher import open_searcher
    from engine.server.codec.search_request import to_query
    from engine.server.codec.search_response import to_response
    from engine.server.lazy_event_log import LazyEventLog
    from engine.server.shopper_recommender import ShopperRecommender
    from engine.snapshot.store import Store

    query = to_query(request, Store(root).require_current())
    searcher = open_searcher(root, with_models=query.needs_encoder, device="auto")
    events = LazyEventLog(root, events_url)
    try:
        query = ShopperRecommender(events).with_user_vectors(searcher, query)
    finally:
        events.close()
    query = QueryRewriter().rewrite(searcher, query)
    return to_response(request, query, searcher.search(query))
