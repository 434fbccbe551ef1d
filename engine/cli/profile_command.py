"""What is known of one shopper, from a store or a server, for a person or a program."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from engine.v1 import recommendation_pb2


def profile(
    user: Annotated[str, typer.Argument(help="The shopper's id.")],
    store: Annotated[Path | None, typer.Option(help="Folder of a store; no server is needed.")] = None,
    events_url: Annotated[
        str, typer.Option(envvar="DIPTYCH_EVENTS_URL", help="Database of the events, if not a file of the store.")
    ] = "",
    address: Annotated[str | None, typer.Option(help="HOST:PORT of a server to ask. [127.0.0.1:50051]")] = None,
    timeout_s: Annotated[float, typer.Option(help="How long to wait for the server.")] = 30.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a program instead.")] = False,
) -> None:
    """Tell what is known of a shopper: interests, preferences, prices, the kind of shopper they are."""
    from engine.cli.query_client import call
    from engine.server.codec.profile_messages import to_line
    from engine.v1 import recommendation_pb2

    if store is not None and address is not None:
        raise typer.BadParameter("expected one of --store and --address, got both")
    request = recommendation_pb2.GetProfileRequest(user_id=user)
    rpc = "engine.v1.RecommendationService/GetProfile"
    response = (
        ask_store(store, request, events_url)
        if store is not None
        else call(address or "127.0.0.1:50051", rpc, request, timeout_s)
    )
    if as_json:
        typer.echo(json.dumps(to_line(response.profile), ensure_ascii=False))
    else:
        print_profile(response.profile)


def ask_store(
    root: Path, request: "recommendation_pb2.GetProfileRequest", events_url: str = ""
) -> "recommendation_pb2.GetProfileResponse":
    """Return the profile from a store's log and its current snapshot. Raises what a server would refuse with."""
    from engine.cli.query_client import open_searcher
    from engine.errors import UserNotFound
    from engine.events.event_log import open_event_log
    from engine.profiles.population import open_population
    from engine.profiles.profile_builder import load_profile
    from engine.server.codec.profile_messages import to_response
    from engine.server.codec.validation import check

    check(request)
    view = open_searcher(root, with_models=False).view
    log = open_event_log(root, events_url)
    if log is None:
        raise UserNotFound
    with log:
        now_s = log.find_now_s() or 0.0
        found = load_profile(log, request.user_id, view, open_population(view.snapshot), now_s)
    if found is None:
        raise UserNotFound
    return to_response(found)


def print_profile(profile: "recommendation_pb2.Profile") -> None:
    """Print a profile on stdout: a summary, the segment, then a table of interests and one of preferences."""
    from google.protobuf.json_format import MessageToDict
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(Text(profile.user_id), style="bold", soft_wrap=True)
    console.print(Text(profile.summary))
    if profile.HasField("segment"):
        console.print(Text(f"\nSegment: {profile.segment.name}"), style="bold")
        console.print(Text(profile.segment.description))
    interests = Table("interest", "share", "items that stand for it", box=box.SIMPLE_HEAD)
    for one in profile.interests:
        interests.add_row(Text(one.label or "–"), f"{one.share:.0%}", Text(", ".join(one.item_ids)))
    preferences = Table("prefers", "", "share", "as often as others", box=box.SIMPLE_HEAD)
    for affinity in profile.affinities:
        value = Text(str(MessageToDict(affinity.value)))
        preferences.add_row(
            Text(affinity.field), value, f"{affinity.share:.0%}", f"{affinity.lift:.1f} x" if affinity.lift else "–"
        )
    for table in (interests, preferences):
        if table.row_count:
            console.print(table)
