"""`indexer profiles`: the profiles of all shoppers."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from indexer.cli.shared_options import OUTPUT, AsJsonOption, EventsUrlOption, StoreOption

profiles = typer.Typer(help="Export shoppers' profiles.", no_args_is_help=True)


@profiles.callback()
def _profiles() -> None:
    """Export shoppers' profiles."""


@profiles.command("export")
def export(
    store: StoreOption,
    out: Annotated[
        Path | None,
        typer.Option(
            help="JSON Lines file to write to. Defaults to stdout.", show_default=False, rich_help_panel=OUTPUT
        ),
    ] = None,
    picture: Annotated[
        Path | None,
        typer.Option(help="PNG file to draw the segments to.", show_default=False, rich_help_panel=OUTPUT),
    ] = None,
    events_url: EventsUrlOption = "",
    as_json: AsJsonOption = False,
) -> None:
    """Write the profile of every shopper as a JSON line, and draw the segments."""
    from engine.errors import UserNotFound
    from engine.events.event_log import open_event_log
    from engine.profiles.population import open_population
    from engine.search.store_searcher import open_searcher
    from indexer.output_file import open_output
    from indexer.progress import Reporter
    from indexer.shoppers.profile_export import export_profiles, place_shoppers
    from indexer.shoppers.segment_picture import draw_segments

    if as_json and out is None:
        raise typer.BadParameter(
            "expected --out with --json, since profiles go to stdout without it", param_hint="--json"
        )
    view = open_searcher(store, with_models=False).view
    population = open_population(view.snapshot)
    with ExitStack() as stack:
        log = open_event_log(store, events_url)
        if log is None or log.get_last_time_s() is None:
            raise UserNotFound(
                message=f"expected events in {store}, got none; run `indexer events import` to import some"
            )
        stack.enter_context(log)
        progress = stack.enter_context(Reporter())
        count = 0
        lines = stack.enter_context(open_output(out))
        for profile in export_profiles(log, view, population, progress):
            count += 1
            lines.write(json.dumps(profile, ensure_ascii=False) + "\n")
        placement = place_shoppers(log, view, population) if picture is not None else None
    if picture is not None and placement is not None:
        draw_segments(placement, picture)
    if as_json:
        segments = [
            {"name": segment.name, "share": segment.share, "description": segment.description}
            for segment in population.segments
        ]
        typer.echo(json.dumps({"profiles": count, "segments": segments}, ensure_ascii=False))
    elif out is not None:
        typer.echo(f"{count} profiles in {out}")
        for segment in population.segments:
            typer.echo(f"  {segment.name}: {segment.description}")
    if picture is not None and placement is None:
        typer.echo(f"no picture: {store} was built with too few shoppers for segments", err=True)
