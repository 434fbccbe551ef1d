"""What is known of all shoppers: `indexer profiles`."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.events_command import EventsUrl
from indexer.cli.shared_options import AsJson, Stored

profiles = typer.Typer(help="Tell what is known of all shoppers.", no_args_is_help=True)


@profiles.callback()
def _profiles() -> None:
    """Tell what is known of all shoppers."""


@profiles.command("export")
def export(
    store: Stored,
    out: Annotated[
        Path | None, typer.Option(help="JSON Lines file to write; stdout if left out.", show_default=False)
    ] = None,
    picture: Annotated[
        Path | None, typer.Option(help="PNG file to draw the segments into.", show_default=False)
    ] = None,
    events_url: EventsUrl = "",
    as_json: AsJson = False,
) -> None:
    """Write the profile of every shopper, one JSON line each, and draw the segments they are in."""
    from engine.cli.query_client import open_searcher
    from engine.errors import UserNotFound
    from engine.events.event_log import open_event_log
    from engine.profiles.population import open_population
    from indexer.output_file import open_output
    from indexer.progress import Reporter
    from indexer.shoppers.profile_export import export_profiles, place_shoppers
    from indexer.shoppers.segment_picture import draw_segments

    if as_json and out is None:
        raise typer.BadParameter(
            "expected --out with --json, for profiles go to stdout without it", param_hint="--json"
        )
    view = open_searcher(store, with_models=False).view
    usual = open_population(view.snapshot)
    with ExitStack() as stack:
        log = open_event_log(store, events_url)
        if log is None or log.get_last_time_s() is None:
            raise UserNotFound(message=f"expected events in {store}, got none; `indexer events import` records some")
        stack.enter_context(log)
        progress = stack.enter_context(Reporter())
        count = 0
        lines = stack.enter_context(open_output(out))
        for profile in export_profiles(log, view, usual, progress):
            count += 1
            lines.write(json.dumps(profile, ensure_ascii=False) + "\n")
        among = place_shoppers(log, view, usual) if picture is not None else None
    if picture is not None and among is not None:
        draw_segments(among, picture)
    if as_json:
        segments = [{"name": one.name, "share": one.share, "description": one.description} for one in usual.segments]
        typer.echo(json.dumps({"profiles": count, "segments": segments}, ensure_ascii=False))
    elif out is not None:
        typer.echo(f"{count} profiles in {out}")
        for segment in usual.segments:
            typer.echo(f"  {segment.name}: {segment.description}")
    if picture is not None and among is None:
        typer.echo(f"no picture: {store} was built with too few shoppers for segments", err=True)
