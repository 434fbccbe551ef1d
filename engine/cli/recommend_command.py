"""`engine recommend`: items for a shopper or a session, asked of a store in this process or of a server."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from engine.v1 import recommendation_pb2

MODES = ("mixed", "repeat", "discover")


def recommend(
    user: Annotated[
        str | None, typer.Argument(help="A shopper's id; without one it is a session.", show_default=False)
    ] = None,
    like: Annotated[list[str] | None, typer.Option(help="An item that the session likes; may be repeated.")] = None,
    dislike: Annotated[
        list[str] | None, typer.Option(help="An item that the session dislikes; may be repeated.")
    ] = None,
    image: Annotated[Path | None, typer.Option(help="A picture's file: like this, in the shopper's taste.")] = None,
    mode: Annotated[str, typer.Option(help="mixed; repeat: what they bought; discover: what they did not.")] = "mixed",
    only: Annotated[
        str | None,
        typer.Option("--filter", help="Which items may answer, as for `engine query`.", metavar="EXPR"),
    ] = None,
    exclude: Annotated[
        list[str] | None, typer.Option(metavar="ITEM", help="An item_id that is not recommended; may be repeated.")
    ] = None,
    boost: Annotated[list[str] | None, typer.Option(help="rating=0.3, as for `engine query`; may be repeated.")] = None,
    diversity: Annotated[float | None, typer.Option(min=0, max=1, help="Vary the hits, as for `engine query`.")] = None,
    collapse_by: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Show only the best of the items with the same value.")
    ] = None,
    fields: Annotated[str | None, typer.Option(metavar="A,B", help="Which fields of the items to show.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many items.")] = 10,
    recall_target: Annotated[float | None, typer.Option(help="The recall to reach.")] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what each block, signal and boost gave.")] = False,
    store: Annotated[Path | None, typer.Option(help="Folder of a store; no server is needed.")] = None,
    events_url: Annotated[
        str, typer.Option(envvar="DIPTYCH_EVENTS_URL", help="Database of the events, if not a file of the store.")
    ] = "",
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a server to ask. [127.0.0.1:50051]")] = None,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for the server.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON line for each item.")] = False,
) -> None:
    """Recommend products to a shopper, from what they did, or to a session, from what it likes, and say why."""
    from engine.cli.output import print_recommended, to_recommended_lines
    from engine.cli.query_options import to_boosts, to_names

    if store is not None and address is not None:
        raise typer.BadParameter("expected one of --store and --address, got both")
    if user is not None and (like or dislike):
        raise typer.BadParameter("expected a USER, or --like and --dislike of a session, got both")
    if mode not in MODES:
        raise typer.BadParameter(f"expected {', '.join(MODES)}, got {mode!r}", param_hint="--mode")
    from engine.cli.query_client import to_boost
    from engine.v1 import recommendation_pb2

    asked: dict[str, Any] = {
        "mode": recommendation_pb2.RecommendRequest.Mode.Value(f"MODE_{mode.upper()}"),
        "filter": only or "",
        "boosts": [to_boost(one) for one in to_boosts(boost)],
        "collapse_by": collapse_by or "",
        "page_size": limit,
        "explain": explain,
        "recall_target": recall_target,
        "exclude_item_ids": exclude or [],
    }
    picture = image.read_bytes() if image is not None else b""
    if user is not None:
        request = recommendation_pb2.RecommendRequest(user_id=user, image=picture, **asked)
    else:
        session = recommendation_pb2.Session(liked_item_ids=like, disliked_item_ids=dislike, image=picture)
        request = recommendation_pb2.RecommendRequest(session=session, **asked)
    if diversity is not None:
        # Its name is a word of Python's own.
        setattr(request.diversity, "lambda", diversity)
    shown = to_names(fields, "--fields")
    if store is not None:
        response = ask_store(store, request, events_url)
    else:
        response = ask_server(address or "127.0.0.1:50051", request, timeout_s)
    if as_json:
        for line in to_recommended_lines(response):
            typer.echo(json.dumps(line, ensure_ascii=False))
    else:
        print_recommended(response, shown)


def ask_store(
    root: Path, request: "recommendation_pb2.RecommendRequest", events_url: str = ""
) -> "recommendation_pb2.RecommendResponse":
    """Return what the store's current snapshot recommends. Raises what a server would refuse with."""
    from engine.cli.query_client import open_searcher
    from engine.server.codec.recommend_messages import from_request, to_response
    from engine.server.lazy_event_log import LazyEventLog
    from engine.server.shopper_recommender import ShopperRecommender

    wish = from_request(request)
    searcher = open_searcher(root, bool(wish.image))
    events = LazyEventLog(root, events_url)
    try:
        return to_response(ShopperRecommender(events).recommend(searcher, request.user_id, wish))
    finally:
        events.close()


def ask_server(
    address: str, request: "recommendation_pb2.RecommendRequest", timeout_s: float
) -> "recommendation_pb2.RecommendResponse":
    """Return what a server recommends. Raises Refused."""
    from engine.cli.query_client import call

    response: recommendation_pb2.RecommendResponse = call(
        address, "engine.v1.RecommendationService/Recommend", request, timeout_s
    )
    return response
