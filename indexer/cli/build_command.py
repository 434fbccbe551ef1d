"""From a catalogue to a snapshot: drawing one, building its index, training the model."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from engine.models import DEFAULT
from indexer.cli.events_command import EventsUrl, to_columns
from indexer.cli.shared_options import AsJson, Stored, to_share
from indexer.cli.snapshot_summary import summary
from indexer.cli.writer_options import Writer, WriterImages, WriterModel, WriterTimeout, WriterUrl, to_writer


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
        drawn = write(directory, items, seed, partial(progress, "draw"))
    typer.echo(
        f"{drawn.items} items, {drawn.reviews} reviews and {drawn.events} events of {drawn.shoppers} shoppers "
        f"in {directory}: catalog.jsonl, reviews.jsonl, events.jsonl, contact_sheet.png"
    )


def build(
    catalogue: Annotated[
        Path, typer.Argument(help="JSON Lines, CSV or Parquet file (.gz too), or a folder of pictures.")
    ],
    store: Stored,
    model: Annotated[
        str,
        typer.Option(help="base or mini (embedded), a directory, local-dir:…, hf-hub:…, or an open_clip architecture."),
    ] = DEFAULT,
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
    describe_missing: Annotated[
        bool,
        typer.Option("--describe-missing", help="Have descriptions written that are missing, marked as generated."),
    ] = False,
    writer: Writer = "coca",
    writer_url: WriterUrl = "",
    writer_model: WriterModel = "",
    writer_timeout_s: WriterTimeout = 30.0,
    writer_images: WriterImages = False,
    forget_changes: Annotated[
        bool,
        typer.Option("--forget-changes", help="Forget live changes made before this build began, once it is served."),
    ] = False,
    events: Annotated[
        Path | None, typer.Option(help="File of what shoppers did, recorded first, as `indexer events import` does.")
    ] = None,
    events_map: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=COLUMN", help="user_id=household_id: the column's name; may be repeated."),
    ] = None,
    events_url: EventsUrl = "",
    no_behaviour: Annotated[
        bool, typer.Option("--no-behaviour", help="Learn nothing from the events that the store has.")
    ] = False,
    reviews: Annotated[
        Path | None, typer.Option(help="File of reviews: a signal review_quality, aspects to filter on, digests.")
    ] = None,
    reviews_map: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=COLUMN", help="text=body: the column's name; may be repeated."),
    ] = None,
    feedback_model: Annotated[
        Path | None, typer.Option(help="Model of `indexer feedback fit`; if left out, one is fitted on the reviews.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Embed a catalogue, build its index, measure it, and publish it if it passes."""
    from engine.cli.doctor import exact_classes
    from engine.encoders.encoder import ModelSpec
    from indexer.build.build import build as run
    from indexer.build.build_config import BuildConfig
    from indexer.build.default_weights import apply_stored, load
    from indexer.build.report import notices
    from indexer.embedding.language import find_unread_texts
    from indexer.progress import Reporter
    from indexer.reviews.snapshot_reviews import ReviewFile

    share = to_share(max_rejects, "--max-rejects")
    if reviews is None and (reviews_map or feedback_model is not None):
        raise typer.BadParameter("expected --reviews beside --reviews-map and --feedback-model", param_hint="--reviews")
    told = (
        None
        if reviews is None
        else ReviewFile(reviews, to_columns(reviews_map, "--reviews-map"), feedback_model, share)
    )
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
        max_rejects=share,
        max_drift=to_share(max_drift, "--max-drift"),
        publish=not no_publish,
        exported_at=None if exported_at is None else exported_at.replace(tzinfo=UTC),
        forget_changes=forget_changes,
        describe_missing=describe_missing,
        writer=to_writer(writer, writer_url, writer_model, writer_timeout_s, writer_images),
        events=events,
        events_map=to_columns(events_map, "--events-map"),
        events_url=events_url,
        behaviour=not no_behaviour,
        reviews=told,
    )
    with Reporter() as progress:
        manifest = run(config, progress)
    if as_json:
        typer.echo(json.dumps(summary(manifest, served=config.publish)))
        return
    rejects = manifest.catalogue.rejects
    typer.echo(
        f"{'Published' if config.publish else 'Built'} {manifest.snapshot}: {manifest.item_count} items, "
        f"{rejects} rejected{f' (see {store}/rejects.jsonl)' if rejects else ''}, "
        + ", ".join(f"{stratum.count} x {'+'.join(stratum.blocks)} in {stratum.factory}" for stratum in manifest.strata)
    )
    for gate in manifest.gates:
        typer.echo(f"  {gate.name}: {gate.value:g} (limit {gate.limit:g}){'' if gate.passed else ' FAILED'}")
    for sentence in notices(manifest):
        typer.echo(f"  notice: {sentence}")
    for sentence in (*exact_classes(manifest), *find_unread_texts(manifest)):
        typer.echo(f"  notice: {sentence}")
    for name, count in (manifest.reviews.kept if manifest.reviews else {}).items():
        typer.echo(f"  notice: {count} items keep their own {name}; what reviews give is left out of their fields")
    if manifest.reviews and manifest.reviews.warning:
        typer.echo(f"  warning: reviews: {manifest.reviews.warning}")
    if reason := apply_stored(load(store), manifest).reason:
        typer.echo(f"  notice: the weights in {store}/weights.json are left out: {reason}")


def train(
    catalogs: Annotated[
        list[Path], typer.Argument(metavar="CATALOG...", help="CSV or JSON Lines with titles and pictures.")
    ],
    out: Annotated[Path, typer.Option(help="Folder for the model, in open_clip's own format.", show_default=False)],
    photos: Annotated[
        list[Path] | None, typer.Option(help="Further pictures of items (item_id) or of labels (category).")
    ] = None,
    pairs: Annotated[
        Path | None,
        typer.Option(help="Queries and what is right for them: query or query_image, item_id, rating, clicks or rank."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="coca-mini (from scratch, the default), base or mini (embedded), a model_cfg file, "
            "an open_clip architecture, local-dir:… or hf-hub:…"
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

    given = {
        "catalogs": catalogs,
        "out": out,
        "photos": photos,
        "pairs": pairs,
        "model": model,
        "pretrained": pretrained,
    }
    config = to_config(recipe, setting or [], given)
    with Reporter() as report:
        done = run(config, lambda now: report(now.stage, now.done, now.total))
    resumed = f", resumed at step {done.resumed_at}" if done.resumed_at else ""
    typer.echo(f"Trained {done.steps} steps in {done.seconds:.0f} s{resumed}: {done.out}")
    for name, value in done.metrics.items():
        typer.echo(f"  {name}: {value:.3f}")
