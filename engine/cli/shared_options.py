"""Options that several commands of `engine` share, and the checks on them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_ADDRESS = "127.0.0.1:50051"
"""Address of a server that was started with the default settings."""

FILTERING = "Filtering"
RANKING = "Ranking"
OUTPUT = "Output"
CONNECTION = "Connection"

StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store", help="Folder of a store to read in this process, without a server.", rich_help_panel=CONNECTION
    ),
]
EventsUrlOption = Annotated[
    str,
    typer.Option(
        "--events-url",
        envvar="DIPTYCH_EVENTS_URL",
        help="Event database for --store. Defaults to a file in the store.",
        show_default=False,
        rich_help_panel=CONNECTION,
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option("--address", help="HOST:PORT of a server.", show_default=DEFAULT_ADDRESS, rich_help_panel=CONNECTION),
]
TimeoutOption = Annotated[
    float, typer.Option("--timeout-s", help="Timeout for the server in seconds.", rich_help_panel=CONNECTION)
]
AsJsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.", rich_help_panel=OUTPUT)]
FilterOption = Annotated[
    str | None,
    typer.Option(
        "--filter",
        metavar="EXPR",
        help="""Filter expression, such as 'category = "shoes" AND price < 50'.""",
        rich_help_panel=FILTERING,
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="ITEM", help="item_id to exclude. Repeatable.", rich_help_panel=FILTERING),
]
CollapseByOption = Annotated[
    str | None,
    typer.Option(
        "--collapse-by",
        metavar="FIELD",
        help="Return only the best hit for each value of this field.",
        rich_help_panel=FILTERING,
    ),
]
ModalityOption = Annotated[
    list[str] | None,
    typer.Option(
        "--modality",
        metavar="BLOCK=W",
        help="Weight of a block, such as image=0.3. Keyword search stays on unless lexical=0. Repeatable.",
        rich_help_panel=RANKING,
    ),
]
DiversityOption = Annotated[
    float | None,
    typer.Option(
        "--diversity",
        min=0,
        max=1,
        help="Diversify the hits: weight of the score against dissimilarity, such as 0.7. 1 orders by score alone.",
        rich_help_panel=RANKING,
    ),
]
RecallTargetOption = Annotated[
    float | None, typer.Option("--recall-target", help="Target recall@10.", rich_help_panel=RANKING)
]
FieldsOption = Annotated[
    str | None,
    typer.Option(
        "--fields",
        metavar="A,B",
        help="Payload fields to show, such as title,attributes.color.",
        rich_help_panel=OUTPUT,
    ),
]


def check_store_or_address(store: Path | None, address: str | None) -> None:
    """Raise BadParameter if both a store and a server are named."""
    if store is not None and address is not None:
        raise typer.BadParameter("expected one of --store and --address, got both")


@contextmanager
def invalid_settings_as_usage_errors() -> Iterator[None]:
    """Print an InvalidSetting as one line on stderr and exit with code 2."""
    from engine.errors import InvalidSetting

    try:
        yield
    except InvalidSetting as error:
        typer.echo(f"engine: {error}", err=True)
        raise typer.Exit(2) from error
