"""What shoppers did: recording files of it, looking at it, forgetting a shopper."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.shared_options import AsJson, Stored, to_share

if TYPE_CHECKING:
    from engine.events.event import Event

events = typer.Typer(help="Record, show and forget what shoppers did.", no_args_is_help=True)

_URL = "The database that keeps events, postgresql://USER@HOST/DATABASE; a file of the store if left out."
_VARIABLE = "DIPTYCH_EVENTS_URL"

Url = Annotated[str, typer.Option("--url", envvar=_VARIABLE, show_default=False, help=_URL)]
EventsUrl = Annotated[str, typer.Option("--events-url", envvar=_VARIABLE, show_default=False, help=_URL)]


@events.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="JSON Lines, CSV or Parquet file (.gz too).")],
    store: Stored,
    url: Url = "",
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="user_id=household_id: the column's name; may be repeated."),
    ] = None,
    type_default: Annotated[str, typer.Option(help="The type of events that name none.")] = "purchase",
    max_rejects: Annotated[str, typer.Option(help="Share of bad rows above which nothing is recorded.")] = "5%",
    as_json: AsJson = False,
) -> None:
    """Record the events of a file; those that were recorded before are kept once.

    Columns: user_id, item_id, time (or timestamp), and if they are there event_id, type and quantity.
    """
    from engine.events.event import EventType
    from engine.events.event_log import open_or_create_event_log
    from indexer.events.event_import import REJECTS_FILE, EventFile, import_events
    from indexer.progress import Reporter

    types = {kind.value: kind for kind in EventType}
    if type_default not in types:
        raise typer.BadParameter(
            f"expected one of {', '.join(types)}, got {type_default!r}", param_hint="--type-default"
        )
    given = EventFile(file, to_columns(columns, "--map"), types[type_default], to_share(max_rejects, "--max-rejects"))
    store.mkdir(parents=True, exist_ok=True)
    with open_or_create_event_log(store, url) as log, Reporter() as progress:
        done = import_events(given, log, store, progress)
    if as_json:
        counts = {"accepted": done.accepted, "duplicates": done.duplicates, "rejects": done.rejects}
        typer.echo(json.dumps(counts))
        return
    refused = f" (see {store / REJECTS_FILE})" if done.rejects else ""
    typer.echo(f"{done.accepted} events recorded, {done.duplicates} known before, {done.rejects} rejected{refused}")


@events.command()
def show(
    store: Stored,
    user: Annotated[str | None, typer.Option(help="Show the events of this shopper, newest first.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of them.")] = 50,
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Show how many events there are, or what one shopper did."""
    from engine.errors import InvalidSetting
    from engine.events.event_log import open_event_log

    opened = open_event_log(store, url)
    if opened is None:
        raise InvalidSetting(f"expected events in {store}, got none; `indexer events import` records a file of them")
    with opened as log:
        if user is not None:
            for event in log.history(user, limit):
                typer.echo(_line(event, as_json))
            return
        newest = log.get_last_time_s()
        counts = {
            "events": log.count(),
            "users": len(log.user_ids()),
            "newest": None if newest is None else _time(newest),
        }
    if as_json:
        typer.echo(json.dumps(counts))
    else:
        typer.echo(f"{counts['events']} events of {counts['users']} users, the newest of {counts['newest']}")


@events.command()
def erase(
    user: Annotated[str, typer.Argument(help="The shopper's id.")],
    store: Stored,
    url: Url = "",
    as_json: AsJson = False,
) -> None:
    """Forget a shopper, and say what was forgotten; one of whom nothing is known is no error."""
    from engine.errors import InvalidSetting
    from engine.events.event_log import open_event_log

    if not store.is_dir():
        raise InvalidSetting(f"expected the folder of a store, got {store}")
    erased: dict[str, int] = {}
    opened = open_event_log(store, url)
    if opened is not None:
        with opened as log:
            erased = {kind.value: count for kind, count in log.erase(user).items()}
    if as_json:
        typer.echo(json.dumps({"events": sum(erased.values()), "by_type": erased}))
        return
    parts = ", ".join(f"{count} {kind}" for kind, count in erased.items())
    typer.echo(f"{sum(erased.values())} events erased{f': {parts}' if parts else ''}")


def to_columns(pairs: list[str] | None, option: str) -> dict[str, str]:
    """Return "user_id=household_id" and the like as columns by field. Raises BadParameter for what has another form."""
    columns: dict[str, str] = {}
    for pair in pairs or ():
        name, _, column = pair.partition("=")
        if not name or not column:
            raise typer.BadParameter(f"expected FIELD=COLUMN, got {pair!r}", param_hint=option)
        columns[name.strip()] = column.strip()
    return columns


def _line(event: "Event", as_json: bool) -> str:
    if as_json:
        kept = event._asdict()
        return json.dumps(
            {"type": kept.pop("type").value, "time": _time(kept.pop("time_s")), **kept}, ensure_ascii=False
        )
    return f"{_time(event.time_s)}  {event.type.value:<8}  {event.quantity:>4}  {event.item_id}"


def _time(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
