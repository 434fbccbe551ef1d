"""`engine profile`: a shopper's profile, from a store in this process or from a server."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.shared_options import (
    DEFAULT_ADDRESS,
    AddressOption,
    AsJsonOption,
    EventsUrlOption,
    StoreOption,
    TimeoutOption,
    check_store_or_address,
)

if TYPE_CHECKING:
    from engine.v1 import recommendation_pb2


def profile(
    user: Annotated[str, typer.Argument(help="user_id of the shopper.")],
    as_json: AsJsonOption = False,
    store: StoreOption = None,
    events_url: EventsUrlOption = "",
    address: AddressOption = None,
    timeout_s: TimeoutOption = 30.0,
) -> None:
    """Show a shopper's profile: interests, preferences, price range and segment."""
    from engine.cli.profile_output import print_profile
    from engine.cli.rpc_call import call
    from engine.server.codec.profile_messages import to_line
    from engine.v1 import recommendation_pb2

    check_store_or_address(store, address)
    request = recommendation_pb2.GetProfileRequest(user_id=user)
    if store is not None:
        response = profile_from_store(store, request, events_url)
    else:
        response = call(address or DEFAULT_ADDRESS, "engine.v1.RecommendationService/GetProfile", request, timeout_s)
    if as_json:
        typer.echo(json.dumps(to_line(response.profile), ensure_ascii=False))
    else:
        print_profile(response.profile)


def profile_from_store(
    root: Path, request: "recommendation_pb2.GetProfileRequest", events_url: str = ""
) -> "recommendation_pb2.GetProfileResponse":
    """Return the response from a store's event log and current snapshot. Raises the errors that a server would."""
    from engine.errors import UserNotFound
    from engine.events.event_log import open_event_log
    from engine.profiles.population import open_population
    from engine.profiles.profile_builder import load_profile
    from engine.search.store_searcher import open_searcher
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
