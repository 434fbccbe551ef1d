"""`indexer evaluate recommend`: what recommendations would have been worth, on a shop's own log."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.models import DEFAULT
from indexer.cli.events_command import to_columns
from indexer.cli.shared_options import AsJson, to_share

if TYPE_CHECKING:
    from indexer.evaluate.recommendation_quality import NewItems, RecommendationScores


def recommend(
    events: Annotated[Path, typer.Argument(help="JSON Lines, CSV or Parquet file (.gz too) of what shoppers did.")],
    test: Annotated[
        Path | None,
        typer.Option(help="Events of other shoppers: all of them are tested, and EVENTS is only learnt from."),
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="The items, as for `indexer build`; without it only their ids are known.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="user_id=household_id: the column's name; may be repeated."),
    ] = None,
    users: Annotated[int | None, typer.Option(min=1, help="Test so many shoppers, drawn at random.")] = None,
    holdout: Annotated[
        str, typer.Option(help="The share of each tested shopper's purchases to hide, the latest.")
    ] = "0.2",
    new_items: Annotated[
        str, typer.Option(help="Take all events of this share of items away too: are they recommended nevertheless?")
    ] = "0",
    k: Annotated[int, typer.Option("-k", min=1, help="How many items are recommended.")] = 20,
    seed: Annotated[int, typer.Option(help="Which shoppers, and which items, are drawn.")] = 7,
    text: Annotated[str, typer.Option(help="What is embedded of the catalogue's columns.")] = "{title}. {description}",
    model: Annotated[str, typer.Option(help="As for `indexer build`.")] = DEFAULT,
    text_model: Annotated[str | None, typer.Option(help="As for `indexer build`.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hide each shopper's last purchases, recommend from the rest, and measure ours beside the usual methods."""
    from engine.encoders.encoder import ModelSpec
    from indexer.evaluate.holdout import hold_out, read_events
    from indexer.evaluate.recommendation_quality import EvaluationShop, evaluate, evaluate_new, list_item_ids
    from indexer.progress import Reporter

    given = to_columns(columns, "--map")
    files = [read_events(path, given) for path in (events, test) if path is not None]
    for path, read in zip((events, test), files, strict=False):
        if read.rejects:
            typer.echo(f"{path}: {read.rejects} bad rows were left out", err=True)
    known = files[0].events
    tested = None if test is None else files[1].events
    held = hold_out(known, to_share(holdout, "--holdout"), users, tested, seed)
    share = to_share(new_items, "--new-items")
    shop = EvaluationShop(
        list_item_ids(catalogue, held),
        catalogue,
        ModelSpec(model),
        None if text_model is None else ModelSpec(text_model, encoder="sentence"),
        text,
    )
    with Reporter() as progress:
        measured = evaluate(held, shop, progress, k)
        new = evaluate_new(held, shop, share, progress, k, seed) if share else None
    if as_json:
        told: dict[str, Any] = {
            "k": k,
            "shoppers": len(held.cases),
            "items": len(shop.item_ids),
            "ways": {one.name: one.to_json() for one in measured},
        }
        typer.echo(json.dumps(told if new is None else {**told, "new_items": new.to_json()}))
        return
    _show(measured, new, k)


def _show(measured: "list[RecommendationScores]", new: "NewItems | None", k: int) -> None:
    from rich.console import Console
    from rich.table import Table

    counts = f"{len(measured[0].repeat_hit)} shoppers, {len(measured[0].unseen_hit)} of them with unseen items"
    drawn = Table(title=counts, title_justify="left")
    drawn.add_column("way")
    for name in (f"nDCG@{k}", "95 %", f"hit@{k}", f"unseen nDCG@{k}", f"unseen hit@{k}", "95 %"):
        drawn.add_column(name, justify="right")
    for one in measured:
        told = one.to_json()
        drawn.add_row(
            one.name,
            *_cells(told, "repeat_ndcg"),
            _number(told["repeat_hit"]),
            _number(told["unseen_ndcg"]),
            *_cells(told, "unseen_hit"),
        )
    console = Console()
    Console(width=None if console.is_terminal else 160).print(drawn)
    if new is not None:
        told = new.to_json()
        typer.echo(
            f"{told['items']} items that nobody bought yet, wanted by {told['shoppers']} shoppers: hit@{k} among all "
            f"{_number(told['hit_among_all'])}, among such items alone {_number(told['hit_among_new'])}, there by "
            f"chance {_number(told['hit_among_new_by_chance'])}; a method that knows purchases alone has 0"
        )


def _cells(told: dict[str, Any], name: str) -> tuple[str, str]:
    ends = told[f"{name}_interval"]
    return _number(told[name]), "" if ends is None else " to ".join(map(_number, ends))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
