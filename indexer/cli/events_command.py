"""`indexer events`: import, show and erase shoppers' events."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from indexer.cli.option_values import to_columns, to_share
from indexer.cli.shared_options import AsJsonOption, EventColumnsOption, StoreOption, UrlOption

if TYPE_CHECKING:
    from engine.events.event import Event

events = typer.Typer(help="Import, show and erase shoppers' events.", no_args_is_help=True)


@events.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="JSON Lines, CSV or Parquet file (.gz too).")],
    store: StoreOption,
    url: UrlOption = "",
    columns: EventColumnsOption = None,
    type_default: Annotated[str, typer.Option(help="Type of events without one.")] = "purchase",
    max_rejects: Annotated[
        str, typer.Option(help="Maximum share of rejected rows. If it is exceeded, nothing is imported.")
    ] = "5%",
    as_json: AsJsonOption = False,
) -> None:
    """Import the events of a file. Events that were imported before are skipped.

    Columns: user_id, item_id, time (or timestamp); optionally event_id, type and quantity.
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
        result = import_events(given, log, store, progress)
    if as_json:
        counts = {"accepted": result.accepted, "duplicates": result.duplicates, "rejects": result.rejects}
        typer.echo(json.dumps(counts))
        return
    rejects = f" (see {store / REJECTS_FILE})" if result.rejects else ""
    typer.echo(f"{result.accepted} events imported, {result.duplicates} duplicates, {result.rejects} rejected{rejects}")


@events.command()
def show(
    store: StoreOption,
    user: Annotated[str | None, typer.Option(help="user_id of the shopper to show, newest events first.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number of events to show with --user.")] = 50,
    url: UrlOption = "",
    as_json: AsJsonOption = False,
) -> None:
    """Show the number of events, or the events of one shopper."""
    from engine.errors import InvalidSetting
    from engine.events.event_log import open_event_log

    opened = open_event_log(store, url)
    if opened is None:
        raise InvalidSetting(f"expected events in {store}, got none; run `indexer events import` to import some")
    with opened as log:
        if user is not None:
            for event in log.history(user, limit):
                typer.echo(_to_line(event, as_json))
            return
        newest = log.get_last_time_s()
        counts = {
            "events": log.count(),
            "users": len(log.user_ids()),
            "newest": None if newest is None else _format_time(newest),
        }
    if as_json:
        typer.echo(json.dumps(counts))
    else:
        typer.echo(f"{counts['events']} events of {counts['users']} users, the newest of {counts['newest']}")


@events.command()
def erase(
    user: Annotated[str, typer.Argument(help="user_id of the shopper.")],
    store: StoreOption,
    url: UrlOption = "",
    as_json: AsJsonOption = False,
) -> None:
    """Erase all events of a shopper, and print how many. An unknown shopper is no error."""
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
    counts = ", ".join(f"{count} {kind}" for kind, count in erased.items())
    typer.echo(f"{sum(erased.values())} events erased{f': {counts}' if counts else ''}")


def _to_line(event: "Event", as_json: bool) -> str:
    if as_json:
        fields = event._asdict()
        head = {"type": fields.pop("type").value, "time": _format_time(fields.pop("time_s"))}
        return json.dumps({**head, **fields}, ensure_ascii=False)
    return f"{_format_time(event.time_s)}  {event.type.value:<8}  {event.quantity:>4}  {event.item_id}"


def _format_time(time_s: float) -> str:
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
