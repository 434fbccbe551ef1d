"""The commands on the snapshots of a store: list, report, verify, publish, roll back and prune."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.shared_options import OUTPUT, AsJsonOption, NewStoreOption, StoreOption
from indexer.cli.snapshot_summary import summarise

if TYPE_CHECKING:
    from engine.snapshot.store import Store


def list_snapshots(store: StoreOption, as_json: AsJsonOption = False) -> None:
    """List the snapshots of a store, oldest first."""
    from engine.errors import CorruptSnapshot
    from engine.snapshot.store import Store

    opened = Store(store)
    current = _find_current(opened)
    rows: list[dict[str, Any]] = []
    for name in opened.names():
        try:
            rows.append(summarise(opened.manifest(name), served=name == current))
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


def report(
    snapshot: Annotated[
        str | None, typer.Argument(help="Snapshot name, or the folder of a store. Defaults to the published one.")
    ] = None,
    store: NewStoreOption = None,
    html: Annotated[
        Path | None,
        typer.Option(
            help="Write the report of the build as one HTML file: sample items, their nearest items with pictures, "
            "columns, rejects, gates and recall curve.",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    as_json: AsJsonOption = False,
) -> None:
    """Show a snapshot's block weights, block accuracy, gates, model and calibration."""
    from engine.snapshot.store import Store
    from indexer.build.html_report import report_path
    from indexer.build.report import report as run
    from indexer.build.report import to_lines
    from indexer.output_file import open_output

    if store is None:
        if snapshot is None or not Path(snapshot).is_dir():
            raise typer.BadParameter("expected the folder of a store, got none", param_hint="--store")
        store, snapshot = Path(snapshot), None
    opened = Store(store)
    manifest = opened.manifest(snapshot or opened.require_current())
    page = report_path(store, manifest.snapshot)
    if html is not None:
        if not page.is_file():
            raise typer.BadParameter(f"{manifest.snapshot} was built without a report", param_hint="--html")
        with open_output(html) as file:
            file.write(page.read_text(encoding="utf-8"))
    if as_json:
        typer.echo(json.dumps(run(manifest)))
        return
    for line in to_lines(manifest):
        typer.echo(line)
    if page.is_file():
        typer.echo(f"with pictures: {page}")


def verify(
    store: StoreOption,
    snapshot: Annotated[str | None, typer.Argument(help="Snapshot name. Defaults to all snapshots.")] = None,
) -> None:
    """Compare every byte of snapshots with their manifests. Prints damaged files, and exits with 1 if there are any."""
    from engine.errors import CorruptSnapshot, SnapshotNotFound
    from engine.snapshot.store import CURRENT_FILE, Store
    from indexer.build.publish import verify as find_damage

    opened = Store(store)
    if not opened.names():
        raise SnapshotNotFound(f"expected snapshots in {store}, got none")
    is_damaged = False
    try:
        if opened.current() is None:
            typer.echo(f"{store / CURRENT_FILE}: missing, so no snapshot is published")
    except CorruptSnapshot as error:
        is_damaged = True
        typer.echo(str(error))
    for name in [snapshot] if snapshot else opened.names():
        try:
            damages = find_damage(opened, name)
        except CorruptSnapshot as error:
            damages = [str(error)]
        is_damaged |= bool(damages)
        for damage in damages:
            typer.echo(damage)
        if not damages:
            typer.echo(f"{name}: ok")
    if is_damaged:
        raise typer.Exit(1)


def publish(snapshot: Annotated[str, typer.Argument(help="Snapshot name.")], store: StoreOption) -> None:
    """Publish a snapshot, such as one built with --no-publish."""
    from engine.snapshot.store import Store
    from indexer.build.publish import publish as run

    run(Store(store), snapshot)
    typer.echo(f"Published {snapshot}")


def rollback(store: StoreOption) -> None:
    """Publish the snapshot that was built before the published one."""
    from engine.snapshot.store import Store
    from indexer.build.publish import rollback as run

    typer.echo(f"Published {run(Store(store))}")


def prune(
    store: StoreOption, keep: Annotated[int, typer.Option(help="Number of newest snapshots to keep.")] = 3
) -> None:
    """Delete old snapshots, but never the published one."""
    from engine.snapshot.store import Store
    from indexer.build.publish import prune as run

    deleted = run(Store(store), keep)
    typer.echo(f"Deleted {len(deleted)}: {', '.join(deleted)}" if deleted else "Nothing to delete")


def _find_current(store: "Store") -> str | None:
    """Return the name of the published snapshot, None with a warning if it cannot be read."""
    from engine.errors import CorruptSnapshot

    try:
        return store.current()
    except CorruptSnapshot as error:
        typer.echo(f"warning: {error}", err=True)
        return None
