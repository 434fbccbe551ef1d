"""Options that several commands of `indexer` share."""

from pathlib import Path
from typing import Annotated

import typer

CATALOGUE = "Catalogue"
MODELS = "Models"
EVENTS = "Events"
OUTPUT = "Output"
EVALUATION = "Evaluation"

_EVENTS_VARIABLE = "DIPTYCH_EVENTS_URL"
_EVENTS_HELP = "Event database, postgresql://USER@HOST/DATABASE. Defaults to a file in the store."

DEFAULT_STORE = Path("store")

StoreOption = Annotated[Path, typer.Option("--store", help="Folder of the store.", show_default=False)]
NewStoreOption = Annotated[
    Path | None, typer.Option("--store", help="Folder of the store.", show_default=str(DEFAULT_STORE))
]
AsJsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.", rich_help_panel=OUTPUT)]
EventsUrlOption = Annotated[
    str,
    typer.Option(
        "--events-url", envvar=_EVENTS_VARIABLE, show_default=False, help=_EVENTS_HELP, rich_help_panel=EVENTS
    ),
]
UrlOption = Annotated[str, typer.Option("--url", envvar=_EVENTS_VARIABLE, show_default=False, help=_EVENTS_HELP)]
EventColumnsOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Column of a field, such as user_id=household_id. Repeatable."),
]
ReviewColumnsOption = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Column of a field, such as text=body. Repeatable."),
]
ReviewFilesArgument = Annotated[
    list[Path], typer.Argument(metavar="REVIEWS...", help="JSON Lines, CSV or Parquet files (.gz too).")
]
QueriesOption = Annotated[
    Path | None,
    typer.Option(
        "--queries",
        help="CSV or JSON Lines file of query_id and query, image (a path relative to the file) or item_id.",
    ),
]
JudgmentsOption = Annotated[
    Path | None,
    typer.Option("--judgments", help="CSV or JSON Lines file of query_id, item_id and rating; 0 is irrelevant."),
]
TextTemplateOption = Annotated[
    str,
    typer.Option("--text", help="Template of the text to embed, with the names of columns.", rich_help_panel=CATALOGUE),
]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        help="base or mini (embedded), a directory, local-dir:…, hf-hub:…, or an open_clip architecture.",
        rich_help_panel=MODELS,
    ),
]
TextModelOption = Annotated[
    str | None,
    typer.Option(
        "--text-model",
        help="Sentence model for texts, beside --model for images: a directory or a name.",
        rich_help_panel=MODELS,
    ),
]
