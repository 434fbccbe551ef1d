"""The `indexer` command: everything offline, from a drawn catalogue to a served snapshot.

Progress goes to stderr, data to stdout. Exit codes: 0 fine, 1 failed, 2 wrong usage. Whatever is heavy is imported
by the verb that needs it, so that --help answers at once.
"""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from engine.manifest import Manifest
    from engine.store import Store

app = typer.Typer(
    help="Build, check and publish search indexes of product catalogues.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Stored = Annotated[Path, typer.Option("--store", help="Folder of the store.", show_default=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a program instead of text for a person.")]


@app.command()
def sample(
    directory: Annotated[Path, typer.Argument(help="Folder to write into; made if it is not there.")],
    items: Annotated[int, typer.Option(help="How many products.")] = 2000,
    seed: Annotated[int, typer.Option(help="The same seed draws the same catalogue.")] = 7,
) -> None:
    """Draw a demo catalogue: pictures, texts, prices, reviews and shoppers' events."""
    from functools import partial

    from indexer.progress import Reporter
    from indexer.sample import write

    with Reporter() as progress:
        summary = write(directory, items, seed, partial(progress, "draw"))
    typer.echo(
        f"{summary.items} items, {summary.reviews} reviews and {summary.events} events of {summary.shoppers} shoppers "
        f"in {directory}: catalog.jsonl, reviews.jsonl, events.jsonl, contact_sheet.png"
    )


@app.command()
def build(
    catalogue: Annotated[
        Path, typer.Argument(help="JSON Lines, CSV or Parquet file (.gz too), or a folder of pictures.")
    ],
    store: Stored,
    model: Annotated[
        str, typer.Option(help="mini, a directory, local-dir:…, hf-hub:…, or an open_clip architecture.")
    ] = "mini",
    pretrained: Annotated[str | None, typer.Option(help="Weights of an open_clip architecture: tag or file.")] = None,
    text_model: Annotated[
        str | None, typer.Option(help="Sentence model for the texts, beside --model for pictures: a directory or name.")
    ] = None,
    lexical: Annotated[
        bool | None, typer.Option(help="Index the words of texts too; if left out, where a model embeds them.")
    ] = None,
    text: Annotated[str, typer.Option(help="What is embedded of a row's columns.")] = "{title}. {description}",
    signal: Annotated[list[str] | None, typer.Option(help="Numeric column usable in boosts; may be repeated.")] = None,
    index: Annotated[
        str, typer.Option(help="auto, or a FAISS factory string for the largest group of items with the same blocks.")
    ] = "auto",
    device: Annotated[str, typer.Option(help="cpu, or cuda to train and fill the index on a GPU.")] = "cpu",
    recall_target: Annotated[float, typer.Option(help="Recall@10 that searches should reach.")] = 0.99,
    max_rejects: Annotated[str, typer.Option(help="Share of bad rows above which nothing is published.")] = "5%",
    max_drift: Annotated[str, typer.Option(help="Share of known items that may change beyond recognition.")] = "50%",
    no_publish: Annotated[bool, typer.Option("--no-publish", help="Write the snapshot, but do not serve it.")] = False,
    exported_at: Annotated[
        datetime | None,
        typer.Option(help="When the catalogue was exported, in UTC; live changes made before are not laid over it."),
    ] = None,
    forget_changes: Annotated[
        bool,
        typer.Option("--forget-changes", help="Forget live changes made before this build began, once it is served."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Embed a catalogue, build its index, measure it, and publish it if it passes."""
    from engine.cli.findings import exact_classes
    from engine.encoder import ModelSpec
    from indexer.build import BuildConfig
    from indexer.build import build as run
    from indexer.progress import Reporter

    config = BuildConfig(
        catalogue=catalogue,
        store=store,
        model=ModelSpec(model, pretrained),
        text_model=None if text_model is None else ModelSpec(text_model, encoder="sentence"),
        lexical=lexical,
        text_template=text,
        signals=tuple(signal or ()),
        index=index,
        device=device,
        recall_target=recall_target,
        max_rejects=to_share(max_rejects, "--max-rejects"),
        max_drift=to_share(max_drift, "--max-drift"),
        publish=not no_publish,
        exported_at=None if exported_at is None else exported_at.replace(tzinfo=UTC),
        forget_changes=forget_changes,
    )
    with Reporter() as progress:
        manifest = run(config, progress)
    if as_json:
        typer.echo(json.dumps(_summary(manifest, served=config.publish)))
        return
    rejects = manifest.catalogue.rejects
    typer.echo(
        f"{'Published' if config.publish else 'Built'} {manifest.snapshot}: {manifest.item_count} items, "
        f"{rejects} rejected{f' (see {store}/rejects.jsonl)' if rejects else ''}, "
        + ", ".join(f"{stratum.count} x {'+'.join(stratum.blocks)} in {stratum.factory}" for stratum in manifest.strata)
    )
    for gate in manifest.gates:
        typer.echo(f"  {gate.name}: {gate.value:g} (limit {gate.limit:g}){'' if gate.passed else ' FAILED'}")
    for sentence in exact_classes(manifest):
        typer.echo(f"  notice: {sentence}")


@app.command()
def train(
    catalogs: Annotated[
        list[Path], typer.Argument(metavar="CATALOG...", help="CSV or JSON Lines with titles and pictures.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model, in open_clip's own format.", show_default=False)],
    photos: Annotated[
        list[Path] | None, typer.Option(help="Further pictures of items (item_id) or of labels (category).")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="coca-mini (the default), a model_cfg file, an open_clip architecture, local-dir:… or hf-hub:…"
        ),
    ] = None,
    pretrained: Annotated[str | None, typer.Option(help="Weights to start from: open_clip's tag or a file.")] = None,
    recipe: Annotated[
        Path | None, typer.Option(help="TOML file of any setting of `indexer.train.TrainConfig`.")
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="One setting as name=value, in TOML; stronger than the recipe.")
    ] = None,
) -> None:
    """Train an open_clip model on catalogues; a run that was killed goes on where its last checkpoint was."""
    from indexer.progress import Reporter
    from indexer.train import train as run
    from indexer.train.recipe import to_config

    given = {"catalogs": catalogs, "out": out, "photos": photos, "model": model, "pretrained": pretrained}
    config = to_config(recipe, setting or [], given)
    with Reporter() as report:
        done = run(config, lambda now: report(now.stage, now.done, now.total))
    resumed = f", resumed at step {done.resumed_at}" if done.resumed_at else ""
    typer.echo(f"Trained {done.steps} steps in {done.seconds:.0f} s{resumed}: {done.out}")
    for name, value in done.metrics.items():
        typer.echo(f"  {name}: {value:.3f}")


@app.command("list")
def list_snapshots(store: Stored, as_json: AsJson = False) -> None:
    """Show the snapshots of a store, oldest first."""
    from engine.errors import CorruptSnapshot
    from engine.store import Store

    opened = Store(store)
    current = _current(opened)
    rows: list[dict[str, Any]] = []
    for name in opened.names():
        try:
            rows.append(_summary(opened.manifest(name), served=name == current))
        except CorruptSnapshot as error:
            rows.append({"snapshot": name, "served": name == current, "damage": str(error)})
    if as_json:
        for row in rows:
            typer.echo(json.dumps(row))
        return
    if not rows:
        typer.echo(f"no snapshots in {store}")
    for row in rows:
        mark = "*" if row["served"] else " "
        if "damage" in row:
            typer.echo(f"{mark} {row['snapshot']}  DAMAGED: {row['damage']}")
        else:
            gates = "" if row["passed"] else "  gates failed"
            typer.echo(
                f"{mark} {row['snapshot']}  {row['create_time']}  {row['items']:>9,} items  "
                f"{row['size_bytes'] / 2**20:>8,.1f} MiB  {row['model'] or 'own vectors'}{gates}"
            )


@app.command()
def verify(
    store: Stored,
    snapshot: Annotated[str | None, typer.Argument(help="Name; all of them if left out.")] = None,
) -> None:
    """Compare every byte of snapshots with their manifests; exit code 1 names each damaged file."""
    from engine.errors import CorruptSnapshot, SnapshotNotFound
    from engine.store import CURRENT_FILE, Store
    from indexer.publish import verify as damages

    opened = Store(store)
    if not opened.names():
        raise SnapshotNotFound(f"expected snapshots in {store}, got none")
    damaged = 0
    try:
        if opened.current() is None:
            typer.echo(f"{store / CURRENT_FILE}: not there, so nothing is served")
    except CorruptSnapshot as error:
        damaged += 1
        typer.echo(str(error))
    for name in [snapshot] if snapshot else opened.names():
        try:
            found = damages(opened, name)
        except CorruptSnapshot as error:
            found = [str(error)]
        damaged += bool(found)
        for sentence in found:
            typer.echo(sentence)
        if not found:
            typer.echo(f"{name}: whole")
    if damaged:
        raise typer.Exit(1)


@app.command()
def publish(snapshot: Annotated[str, typer.Argument(help="Name of a snapshot.")], store: Stored) -> None:
    """Serve a snapshot that was built with --no-publish, or any other one."""
    from engine.store import Store
    from indexer.publish import publish as run

    run(Store(store), snapshot)
    typer.echo(f"Published {snapshot}")


@app.command()
def rollback(store: Stored) -> None:
    """Serve the snapshot that was built before the served one."""
    from engine.store import Store
    from indexer.publish import rollback as run

    typer.echo(f"Published {run(Store(store))}")


@app.command()
def prune(
    store: Stored, keep: Annotated[int, typer.Option(help="How many of the newest snapshots to keep.")] = 3
) -> None:
    """Delete old snapshots; the served one always stays."""
    from engine.store import Store
    from indexer.publish import prune as run

    deleted = run(Store(store), keep)
    typer.echo(f"Deleted {len(deleted)}: {', '.join(deleted)}" if deleted else "Nothing to delete")


def to_share(text: str, option: str) -> float:
    """Return "5%" or "0.05" as .05. Raises BadParameter for anything that is not from 0 to 1."""
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:
        raise typer.BadParameter(f"expected a share such as 5% or 0.05, got {text!r}", param_hint=option)
    return share


def _current(store: "Store") -> str | None:
    from engine.errors import CorruptSnapshot

    try:
        return store.current()
    except CorruptSnapshot as error:
        typer.echo(f"warning: {error}", err=True)
        return None


def _summary(manifest: "Manifest", served: bool) -> dict[str, Any]:
    return {
        "snapshot": manifest.snapshot,
        "served": served,
        "passed": all(gate.passed for gate in manifest.gates),
        "create_time": manifest.create_time,
        "parent": manifest.parent,
        "items": manifest.item_count,
        "rejects": manifest.catalogue.rejects,
        "size_bytes": manifest.size_bytes,
        "model": manifest.model.model if manifest.model else None,
        "text_model": manifest.text_model.model if manifest.text_model else None,
        "lexical": manifest.lexical.item_count if manifest.lexical else None,
        "blocks": {block.name: block.item_count for block in manifest.blocks},
        "gates": {gate.name: gate.value for gate in manifest.gates},
    }


def main() -> None:
    """Run the command line; a refusal is one line on stderr and exit code 1."""
    from engine.errors import DiptychError

    try:
        app()
    except (DiptychError, OSError) as error:
        typer.echo(f"indexer: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
