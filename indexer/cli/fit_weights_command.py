"""Weights and boosts learnt from judgments or events: `indexer fit-weights`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.events_command import EventsUrl
from indexer.cli.shared_options import AsJson, Stored

if TYPE_CHECKING:
    from engine.search.searcher import Searcher
    from indexer.weights.training_case import TrainingCase


def fit_weights(
    store: Stored,
    queries: Annotated[
        Path | None, typer.Option(help="CSV or JSON Lines: query_id and query, image (a file beside it) or item_id.")
    ] = None,
    judgments: Annotated[
        Path | None, typer.Option(help="CSV or JSON Lines: query_id, item_id, rating (0 is irrelevant).")
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="Learn from what shoppers of the store's event log bought next.")
    ] = False,
    events_url: EventsUrl = "",
    signal: Annotated[
        list[str] | None, typer.Option(help="Learn boosts on these signals alone; may be repeated.")
    ] = None,
    folds: Annotated[int, typer.Option(min=2, help="Parts of the cases that are held out in turn.")] = 5,
    no_publish: Annotated[
        bool, typer.Option("--no-publish", help="Keep what wins for later builds, but go on serving as before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Learn what blocks weigh and signals add by default; they change only if they win on cases held out."""
    if (queries is None) != (judgments is None) or events == (queries is not None):
        raise typer.BadParameter("expected either --queries with --judgments, or --events", param_hint="--queries")
    from engine.errors import UnknownBlock
    from engine.snapshot.store import Store
    from indexer.build.default_weights import publish_with_weights, save
    from indexer.evaluate.store_searcher import open_searcher
    from indexer.progress import Reporter
    from indexer.weights.decision import decide, learnable_signals

    searcher = open_searcher(store)
    known = searcher.snapshot.signals
    for name in signal or ():
        if name not in known:
            raise UnknownBlock(name, known, noun="signal")
    source, cases = (
        _of_events(searcher, store, events_url) if queries is None or judgments is None
        else _of_judgments(queries, judgments)
    )  # fmt: skip
    with Reporter() as progress:
        decided = decide(
            searcher, cases, learnable_signals(signal or known) if events else signal or known, progress, folds
        )
    told: dict[str, Any] = {
        "snapshot": searcher.snapshot.name,
        **decided.to_json(),
        "modality_weights": dict(decided.learnt.blocks),
        "boosts": {name: weight for name, weight in decided.learnt.boosts.items() if weight},
        "wins": decided.wins,
    }
    if decided.wins:
        save(store, searcher.snapshot.manifest, decided.learnt, {**source, **decided.to_json()})
        if not no_publish:
            published = publish_with_weights(Store(store), searcher.snapshot.name, decided.learnt)
            told["published"] = None if published is None else published.snapshot
    if as_json:
        typer.echo(json.dumps(told))
        return
    low, high = decided.gain_interval
    typer.echo(
        f"nDCG@10 of {len(cases)} cases held out: {decided.before.mean():.4f}, learnt {decided.after.mean():.4f}; "
        f"the gain is {low:+.4f} to {high:+.4f} (95 %)"
    )
    for name, weight in {**told["modality_weights"], **told["boosts"]}.items():
        typer.echo(f"  {'boost ' if name in told['boosts'] else ''}{name}: {weight:.3f}")
    if not decided.wins:
        typer.echo("No more than chance: everything stays as it was")
        return
    typer.echo(f"Kept in {store}/weights.json" + (f"; published {told['published']}" if told.get("published") else ""))
    if not no_publish and told["published"] is None:
        typer.echo(
            f"Not published: {told['snapshot']}, with which they were learnt, is not served any more; build anew"
        )


def _of_judgments(queries: Path, judgments: Path) -> "tuple[dict[str, Any], list[TrainingCase]]":
    from indexer.evaluate.judgments import read_judged
    from indexer.weights.training_case import cases_from_judgments

    return {"queries": queries.name, "judgments": judgments.name}, cases_from_judgments(read_judged(queries, judgments))


def _of_events(searcher: "Searcher", store: Path, url: str) -> "tuple[dict[str, Any], list[TrainingCase]]":
    from engine.errors import InvalidCatalogue
    from engine.events.event_log import open_event_log
    from indexer.weights.training_case import cases_from_events

    log = open_event_log(store, url)
    if log is None:
        raise InvalidCatalogue(f"expected events recorded in {store}, got none: see `indexer events import`")
    with log:
        return {"events": log.count()}, cases_from_events(searcher, log)
