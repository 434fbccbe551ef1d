"""`engine recommend`: recommendations for a shopper or a session, from a store in this process or from a server."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.shared_options import (
    DEFAULT_ADDRESS,
    OUTPUT,
    RANKING,
    AddressOption,
    CollapseByOption,
    DiversityOption,
    EventsUrlOption,
    ExcludeOption,
    FieldsOption,
    FilterOption,
    RecallTargetOption,
    StoreOption,
    TimeoutOption,
    check_store_or_address,
)

if TYPE_CHECKING:
    from engine.v1 import recommendation_pb2

MODES = ("mixed", "repeat", "discover")
SHOPPER = "Shopper"


def recommend(
    user: Annotated[
        str | None,
        typer.Argument(
            help="user_id of a shopper. Without one, --like and --dislike form a session.", show_default=False
        ),
    ] = None,
    like: Annotated[
        list[str] | None, typer.Option(help="item_id that the session likes. Repeatable.", rich_help_panel=SHOPPER)
    ] = None,
    dislike: Annotated[
        list[str] | None, typer.Option(help="item_id that the session dislikes. Repeatable.", rich_help_panel=SHOPPER)
    ] = None,
    image: Annotated[
        Path | None,
        typer.Option(help="Image file: recommend similar items that suit the shopper.", rich_help_panel=SHOPPER),
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            help="repeat: items bought before; discover: items not bought before; mixed: both.", rich_help_panel=SHOPPER
        ),
    ] = "mixed",
    boost: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=W",
            help="Add a signal or a numeric field to the score, as in `engine query`. Repeatable.",
            rich_help_panel=RANKING,
        ),
    ] = None,
    diversity: DiversityOption = None,
    recall_target: RecallTargetOption = None,
    expression: FilterOption = None,
    exclude: ExcludeOption = None,
    collapse_by: CollapseByOption = None,
    fields: FieldsOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of items.", rich_help_panel=OUTPUT)] = 10,
    explain: Annotated[
        bool,
        typer.Option(
            "--explain", help="Show the contribution of each block, signal and boost.", rich_help_panel=OUTPUT
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON line for each item.", rich_help_panel=OUTPUT)
    ] = False,
    store: StoreOption = None,
    events_url: EventsUrlOption = "",
    address: AddressOption = None,
    timeout_s: TimeoutOption = 30.0,
) -> None:
    """Recommend items to a shopper or a session, with a reason for each."""
    from engine.cli.hit_output import print_recommended, to_recommended_lines
    from engine.cli.option_values import to_boosts, to_names
    from engine.cli.query_request import to_boost
    from engine.cli.rpc_call import call
    from engine.v1 import recommendation_pb2

    check_store_or_address(store, address)
    if user is not None and (like or dislike):
        raise typer.BadParameter("expected a USER, or --like and --dislike of a session, got both")
    if mode not in MODES:
        raise typer.BadParameter(f"expected {', '.join(MODES)}, got {mode!r}", param_hint="--mode")
    request = recommendation_pb2.RecommendRequest(
        mode=recommendation_pb2.RecommendRequest.Mode.Value(f"MODE_{mode.upper()}"),
        filter=expression or "",
        boosts=[to_boost(parsed) for parsed in to_boosts(boost)],
        collapse_by=collapse_by or "",
        page_size=limit,
        explain=explain,
        recall_target=recall_target,
        exclude_item_ids=exclude or [],
    )
    image_bytes = image.read_bytes() if image is not None else b""
    if user is not None:
        request.user_id, request.image = user, image_bytes
    else:
        session = recommendation_pb2.Session(liked_item_ids=like, disliked_item_ids=dislike, image=image_bytes)
        request.session.CopyFrom(session)
    if diversity is not None:
        # setattr, since `lambda` is a keyword in Python.
        setattr(request.diversity, "lambda", diversity)
    shown = to_names(fields, "--fields")
    if store is not None:
        response = recommend_from_store(store, request, events_url)
    else:
        response = call(address or DEFAULT_ADDRESS, "engine.v1.RecommendationService/Recommend", request, timeout_s)
    if as_json:
        for line in to_recommended_lines(response):
            typer.echo(json.dumps(line, ensure_ascii=False))
    else:
        print_recommended(response, shown)


def recommend_from_store(
    root: Path, request: "recommendation_pb2.RecommendRequest", events_url: str = ""
) -> "recommendation_pb2.RecommendResponse":
    """Return the response from a store's current snapshot. Raises the errors that a server would return."""
    from engine.search.store_searcher import open_searcher
    from engine.server.codec.recommend_messages import from_request, to_response
    from engine.server.lazy_event_log import LazyEventLog
    from engine.server.shopper_recommender import ShopperRecommender

    parsed = from_request(request)
    searcher = open_searcher(root, with_models=bool(parsed.image), device="auto")
    events = LazyEventLog(root, events_url)
    try:
        return to_response(ShopperRecommender(events).recommend(searcher, request.user_id, parsed))
    finally:
        events.close()
