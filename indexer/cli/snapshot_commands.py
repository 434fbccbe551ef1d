"""The snapshots of a store: looking at them, serving another, deleting old ones."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from indexer.cli.shared_options import AsJson, Stored
from indexer.cli.snapshot_summary import summary

if TYPE_CHECKING:
    from engine.snapshot.store import Store


def list_snapshots(store: Stored, as_json: AsJson = False) -> None:
    """Show the snapshots of a store, oldest first."""
    from engine.errors import CorruptSnapshot
    from engine.snapshot.store import Store

    opened = Store(store)
    current = _current(opened)
    rows: list[dict[str, Any]] = []
    for name in opened.names():
        try:
            rows.append(summary(opened.manifest(name), served=name == current))
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
    store: Stored,
    snapshot: Annotated[str | None, typer.Argument(help="Name; the served one if left out.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what blocks weigh for each kind of query, how well each tells, gates, model and calibration."""
    from engine.errors import SnapshotNotFound
    from engine.snapshot.store import Store
    from indexer.build.report import report as run
    from indexer.build.report import to_lines

    opened = Store(store)
    name = snapshot or opened.current()
    if name is None:
        raise SnapshotNotFound(f"expected a published snapshot in {store}, got none")
    manifest = opened.manifest(name)
    if as_json:
        typer.echo(json.dumps(run(manifest)))
        return
    for line in to_lines(manifest):
        typer.echo(line)


def verify(
    store: Stored,
    snapshot: Annotated[str | None, typer.Argument(help="Name; all of them if left out.")] = None,
) -> None:
    """Compare every byte of snapshots with their manifests; exit code 1 names each damaged file."""
    from engine.errors import CorruptSnapshot, SnapshotNotFound
    from engine.snapshot.store import CURRENT_FILE, Store
    from indexer.build.publish import verify as find_damage

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
            found = find_damage(opened, name)
        except CorruptSnapshot as error:
            found = [str(error)]
        damaged += bool(found)
        for sentence in found:
            typer.echo(sentence)
        if not found:
            typer.echo(f"{name}: whole")
    if damaged:
        raise typer.Exit(1)


def publish(snapshot: Annotated[str, typer.Argument(help="Name of a snapshot.")], store: Stored) -> None:
    """Serve a snapshot that was built with --no-publish, or any other one."""
    from engine.snapshot.store import Store
    from indexer.build.publish import publish as run

    run(Store(store), snapshot)
    typer.echo(f"Published {snapshot}")


def rollback(store: Stored) -> None:
    """Serve the snapshot that was built before the served one."""
    from engine.snapshot.store import Store
    from indexer.build.publish import rollback as run

    typer.echo(f"Published {run(Store(store))}")


def prune(
    store: Stored, keep: Annotated[int, typer.Option(help="How many of the newest snapshots to keep.")] = 3
) -> None:
    """Delete old snapshots; the served one always stays."""
    from engine.snapshot.store import Store
    from indexer.build.publish import prune as run

    deleted = run(Store(store), keep)
    typer.echo(f"Deleted {len(deleted)}: {', '.join(deleted)}" if deleted else "Nothing to delete")


def _current(store: "Store") -> str | None:
    from engine.errors import CorruptSnapshot

    try:
        return store.current()
    except CorruptSnapshot as error:
        typer.echo(f"warning: {error}", err=True)
        return None
