"""`engine feedback`: a digest of reviews, from a store in this process or from a server."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.cli.shared_options import (
    DEFAULT_ADDRESS,
    AddressOption,
    AsJsonOption,
    StoreOption,
    TimeoutOption,
    check_store_or_address,
)

if TYPE_CHECKING:
    from engine.v1 import catalog_pb2

SUBJECT = "Subject"


def feedback(
    item: Annotated[str | None, typer.Option(help="item_id of an item.", rich_help_panel=SUBJECT)] = None,
    brand: Annotated[str | None, typer.Option(help="Brand, for all its items.", rich_help_panel=SUBJECT)] = None,
    category: Annotated[str | None, typer.Option(help="Category, for all its items.", rich_help_panel=SUBJECT)] = None,
    as_json: AsJsonOption = False,
    store: StoreOption = None,
    address: AddressOption = None,
    timeout_s: TimeoutOption = 30.0,
) -> None:
    """Summarise reviews: praise, criticism, changes over time and what to fix first, with quotes."""
    from engine.cli.feedback_output import print_feedback
    from engine.cli.rpc_call import call
    from engine.server.codec.feedback_messages import to_line
    from engine.v1 import catalog_pb2

    check_store_or_address(store, address)
    if sum(map(bool, (item, brand, category))) != 1:
        raise typer.BadParameter("expected exactly one of --item, --brand and --category", param_hint="--item")
    request = catalog_pb2.GetFeedbackRequest(item_id=item or "", brand=brand or "", category=category or "")
    if store is not None:
        response = feedback_from_store(store, request)
    else:
        response = call(address or DEFAULT_ADDRESS, "engine.v1.CatalogService/GetFeedback", request, timeout_s)
    if as_json:
        typer.echo(json.dumps(to_line(response.feedback), ensure_ascii=False))
    else:
        print_feedback(response.feedback)


def feedback_from_store(root: Path, request: "catalog_pb2.GetFeedbackRequest") -> "catalog_pb2.GetFeedbackResponse":
    """Return the response from a store's current snapshot. Raises the errors that a server would return."""
    from engine.reviews.feedback import build_feedback
    from engine.search.store_searcher import open_searcher
    from engine.server.codec.feedback_messages import to_response, to_subject
    from engine.server.codec.validation import check

    check(request)
    return to_response(build_feedback(open_searcher(root, with_models=False).view, *to_subject(request)))
