"""`engine describe`: a product description, from a store in this process or from a server."""

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
    from engine.descriptions.describer import Description
    from engine.v1 import catalog_pb2

TEXT = "Text"


def describe(
    item: Annotated[str | None, typer.Argument(help="item_id of the product.", show_default=False)] = None,
    image: Annotated[Path | None, typer.Option(help="Image file to describe instead of an item.")] = None,
    style: Annotated[str, typer.Option(help="short, long or bullets.", rich_help_panel=TEXT)] = "long",
    audience: Annotated[str, typer.Option(help="Target audience, such as parents.", rich_help_panel=TEXT)] = "",
    max_words: Annotated[
        int,
        typer.Option(
            min=0, max=1000, help="Maximum number of words. 0 uses the limit of the style.", rich_help_panel=TEXT
        ),
    ] = 0,
    as_json: AsJsonOption = False,
    store: StoreOption = None,
    address: AddressOption = None,
    timeout_s: TimeoutOption = 60.0,
) -> None:
    """Write a description of a product or an image, checked against the known facts."""
    from engine.cli.rpc_call import call
    from engine.descriptions.writer import Style
    from engine.server.codec.description_messages import from_response, to_request

    if (item is None) == (image is None):
        raise typer.BadParameter("expected one of ITEM and --image")
    check_store_or_address(store, address)
    styles = [known.value for known in Style]
    if style not in styles:
        raise typer.BadParameter(f"expected short, long or bullets, got {style!r}", param_hint="--style")
    request = to_request(item, None if image is None else image.read_bytes(), Style(style), audience, max_words)
    if store is not None:
        description = describe_from_store(store, request)
    else:
        rpc = "engine.v1.CatalogService/DescribeItem"
        description = from_response(call(address or DEFAULT_ADDRESS, rpc, request, timeout_s))
    if as_json:
        line = {
            "description": description.text,
            "model": description.model,
            "agreement": round(description.agreement, 3),
            "corrected_fields": description.corrected_fields,
            "generated": True,
        }
        typer.echo(json.dumps(line, ensure_ascii=False))
        return
    typer.echo(description.text)
    corrected = f", corrected: {', '.join(description.corrected_fields)}" if description.corrected_fields else ""
    typer.echo(f"by {description.model}, agreement {description.agreement:+.2f}{corrected}", err=True)


def describe_from_store(root: Path, request: "catalog_pb2.DescribeItemRequest") -> "Description":
    """Return the description that the embedded writer gives for a store's current snapshot.

    Raises the errors that a server would return.
    """
    from engine.descriptions.subjects import SnapshotDescribers, get_item_subject, get_picture_subjects
    from engine.descriptions.writer import WriterOptions, open_writer
    from engine.encoders.images import decode
    from engine.search.store_searcher import open_searcher
    from engine.server.codec.description_messages import from_request
    from engine.server.codec.validation import check

    check(request)
    searcher = open_searcher(root, device="auto")
    is_image = request.WhichOneof("subject") == "image"
    if is_image:
        subjects = get_picture_subjects(searcher, [decode(request.image)], [request.image])
    else:
        subjects = [get_item_subject(searcher, request.item_id)]
    describer = SnapshotDescribers(open_writer(WriterOptions())).of(searcher, pictures=is_image)
    return describer.describe(subjects, from_request(request))[0]
