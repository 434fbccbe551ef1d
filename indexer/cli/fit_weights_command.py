"""`indexer fit-weights`: default weights and boosts learned from judgments or events."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.shared_options import (
    EVENTS,
    AsJsonOption,
    EventsUrlOption,
    JudgmentsOption,
    QueriesOption,
    StoreOption,
)

if TYPE_CHECKING:
    from engine.search.searcher import Searcher
    from indexer.weights.training_case import TrainingCase


def fit_weights(
    store: StoreOption,
    queries: QueriesOption = None,
    judgments: JudgmentsOption = None,
    signal: Annotated[list[str] | None, typer.Option(help="Learn boosts for this signal only. Repeatable.")] = None,
    folds: Annotated[int, typer.Option(min=2, help="Number of cross-validation folds.")] = 5,
    no_publish: Annotated[
        bool, typer.Option("--no-publish", help="Keep better weights for later builds, but do not serve them yet.")
    ] = False,
    events: Annotated[
        bool,
        typer.Option(
            "--events", help="Learn from shoppers' next purchases in the store's event log.", rich_help_panel=EVENTS
        ),
    ] = False,
    events_url: EventsUrlOption = "",
    as_json: AsJsonOption = False,
) -> None:
    """Learn default block weights and signal boosts. They are kept only if they improve held-out cases."""
    if (queries is None) != (judgments is None) or events == (queries is not None):
        raise typer.BadParameter("expected either --queries with --judgments, or --events", param_hint="--queries")
    from engine.errors import UnknownBlock
    from engine.search.store_searcher import open_searcher
    from engine.snapshot.store import Store
    from indexer.build.default_weights import publish_with_weights, save
    from indexer.progress import Reporter
    from indexer.weights.decision import decide, learnable_signals

    searcher = open_searcher(store)
    known = searcher.snapshot.signals
    for name in signal or ():
        if name not in known:
            raise UnknownBlock(name, known, noun="signal")
    if queries is None or judgments is None:
        source, cases = _read_events(searcher, store, events_url)
    else:
        source, cases = _read_judgments(queries, judgments)
    with Reporter() as progress:
        decided = decide(
            searcher, cases, learnable_signals(signal or known) if events else signal or known, progress, folds
        )
    result: dict[str, Any] = {
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
            result["published"] = None if published is None else published.snapshot
    if as_json:
        typer.echo(json.dumps(result))
        return
    low, high = decided.gain_interval
    typer.echo(
        f"nDCG@10 of {len(cases)} held-out cases: {decided.before.mean():.4f} before, {decided.after.mean():.4f} with "
        f"learned weights; gain {low:+.4f} to {high:+.4f} (95 %)"
    )
    _print_weights(result, store, no_publish)


def _print_weights(result: dict[str, Any], store: Path, no_publish: bool) -> None:
    for name, weight in {**result["modality_weights"], **result["boosts"]}.items():
        typer.echo(f"  {'boost ' if name in result['boosts'] else ''}{name}: {weight:.3f}")
    if not result["wins"]:
        typer.echo("The gain is not significant: the weights stay as they are")
        return
    published = result.get("published")
    typer.echo(f"Kept in {store}/weights.json" + (f"; published {published}" if published else ""))
    if not no_publish and published is None:
        typer.echo(f"Not published: {result['snapshot']}, which they were learned on, is no longer served; build again")


def _read_judgments(queries: Path, judgments: Path) -> "tuple[dict[str, Any], list[TrainingCase]]":
    from indexer.evaluate.judgments import read_judged
    from indexer.weights.training_case import cases_from_judgments

    return {"queries": queries.name, "judgments": judgments.name}, cases_from_judgments(read_judged(queries, judgments))


def _read_events(searcher: "Searcher", store: Path, url: str) -> "tuple[dict[str, Any], list[TrainingCase]]":
    from engine.errors import InvalidCatalogue
    from engine.events.event_log import open_event_log
    from indexer.weights.training_case import cases_from_events

    log = open_event_log(store, url)
    if log is None:
        raise InvalidCatalogue(f"expected events in {store}, got none; run `indexer events import` to import some")
    with log:
        return {"events": log.count()}, cases_from_events(searcher, log)
