"""`indexer evaluate recommend`: the quality of recommendations on a shop's own event log."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from engine.models import DEFAULT
from indexer.cli.option_values import to_columns, to_share
from indexer.cli.shared_options import (
    CATALOGUE,
    EVALUATION,
    AsJsonOption,
    EventColumnsOption,
    ModelOption,
    TextModelOption,
    TextTemplateOption,
)

if TYPE_CHECKING:
    from indexer.evaluate.recommendation_quality import NewItems, RecommendationScores


def recommend(
    events: Annotated[Path, typer.Argument(help="JSON Lines, CSV or Parquet file (.gz too) of shoppers' events.")],
    test: Annotated[
        Path | None,
        typer.Option(
            help="Events of other shoppers, who are all tested. EVENTS is then used for learning only.",
        ),
    ] = None,
    columns: EventColumnsOption = None,
    users: Annotated[
        int | None, typer.Option(min=1, help="Number of random shoppers to test.", rich_help_panel=EVALUATION)
    ] = None,
    holdout: Annotated[
        str,
        typer.Option(help="Share of each tested shopper's purchases to hide, the latest.", rich_help_panel=EVALUATION),
    ] = "0.2",
    new_items: Annotated[
        str,
        typer.Option(
            help="Share of items to hide all events of, to measure recommendations of new items.",
            rich_help_panel=EVALUATION,
        ),
    ] = "0",
    k: Annotated[int, typer.Option("-k", min=1, help="Number of items to recommend.", rich_help_panel=EVALUATION)] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the random shoppers and items.", rich_help_panel=EVALUATION)] = 7,
    catalogue: Annotated[
        Path | None,
        typer.Option(
            help="Catalogue of the items, as for `indexer build`. Without it, only their ids are used.",
            rich_help_panel=CATALOGUE,
        ),
    ] = None,
    text: TextTemplateOption = "{title}. {description}",
    model: ModelOption = DEFAULT,
    text_model: TextModelOption = None,
    as_json: AsJsonOption = False,
) -> None:
    """Hide each shopper's last purchases, recommend from the rest, and compare with standard methods."""
    from engine.encoders.encoder import ModelSpec
    from indexer.evaluate.holdout import hold_out, read_events
    from indexer.evaluate.recommendation_quality import EvaluationShop, evaluate, evaluate_new, list_item_ids
    from indexer.progress import Reporter

    mapping = to_columns(columns, "--map")
    files = [read_events(path, mapping) for path in (events, test) if path is not None]
    for path, read in zip((events, test), files, strict=False):
        if read.rejects:
            typer.echo(f"{path}: {read.rejects} invalid rows skipped", err=True)
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
        result: dict[str, Any] = {
            "k": k,
            "shoppers": len(held.cases),
            "items": len(shop.item_ids),
            "ways": {scores.name: scores.to_json() for scores in measured},
        }
        typer.echo(json.dumps(result if new is None else {**result, "new_items": new.to_json()}))
        return
    _print_scores(measured, k)
    if new is not None:
        _print_new_items(new, k)


def _print_scores(measured: "list[RecommendationScores]", k: int) -> None:
    from rich.console import Console
    from rich.table import Table

    counts = f"{len(measured[0].repeat_hit)} shoppers, {len(measured[0].unseen_hit)} of them with unseen items"
    table = Table(title=counts, title_justify="left")
    table.add_column("method")
    for name in (f"nDCG@{k}", "95 %", f"hit@{k}", f"unseen nDCG@{k}", f"unseen hit@{k}", "95 %"):
        table.add_column(name, justify="right")
    for scores in measured:
        values = scores.to_json()
        table.add_row(
            scores.name,
            *_to_cells(values, "repeat_ndcg"),
            _format_number(values["repeat_hit"]),
            _format_number(values["unseen_ndcg"]),
            *_to_cells(values, "unseen_hit"),
        )
    console = Console()
    Console(width=None if console.is_terminal else 160).print(table)


def _print_new_items(new: "NewItems", k: int) -> None:
    values = new.to_json()
    typer.echo(
        f"{values['items']} items that nobody has bought yet, wanted by {values['shoppers']} shoppers: hit@{k} among "
        f"all items {_format_number(values['hit_among_all'])}, among new items "
        f"{_format_number(values['hit_among_new'])}, by chance {_format_number(values['hit_among_new_by_chance'])}; "
        "a method that uses only purchases has 0"
    )


def _to_cells(values: dict[str, Any], name: str) -> tuple[str, str]:
    ends = values[f"{name}_interval"]
    return _format_number(values[name]), "" if ends is None else " to ".join(map(_format_number, ends))


def _format_number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
