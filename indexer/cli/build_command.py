"""`indexer build`: from a catalogue to a published snapshot."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from engine.models import DEFAULT
from indexer.cli.catalog_options import (
    CatalogueArgument,
    DecimalCommaOption,
    EncodingOption,
    FormatOption,
    JoinRowsOption,
    LanguageOption,
    MapOption,
    TypeOption,
    to_read_options,
)
from indexer.cli.option_values import to_columns, to_share
from indexer.cli.shared_options import (
    CATALOGUE,
    DEFAULT_STORE,
    EVENTS,
    MODELS,
    AsJsonOption,
    EventsUrlOption,
    ModelOption,
    NewStoreOption,
    TextModelOption,
    TextTemplateOption,
)
from indexer.cli.writer_options import (
    DESCRIPTIONS,
    WriterImagesOption,
    WriterModelOption,
    WriterOption,
    WriterTimeoutOption,
    WriterUrlOption,
    to_writer,
)

if TYPE_CHECKING:
    from engine.snapshot.manifest import Manifest
    from indexer.build.build_config import BuildConfig

INDEX = "Index"
GATES = "Gates and publishing"
REVIEWS = "Reviews"

MOST_REASONS = 5


def build(
    catalogue: CatalogueArgument,
    store: NewStoreOption = None,
    text: TextTemplateOption = "{title}. {description}",
    signal: Annotated[
        list[str] | None,
        typer.Option(help="Numeric column that queries can boost by. Repeatable.", rich_help_panel=CATALOGUE),
    ] = None,
    columns: MapOption = None,
    types: TypeOption = None,
    export_format: FormatOption = "auto",
    join_rows: JoinRowsOption = None,
    encoding: EncodingOption = None,
    decimal_comma: DecimalCommaOption = None,
    language: LanguageOption = None,
    exported_at: Annotated[
        datetime | None,
        typer.Option(
            help="Time in UTC when the catalogue was exported. Earlier live changes are not applied to it.",
            rich_help_panel=CATALOGUE,
        ),
    ] = None,
    model: ModelOption = DEFAULT,
    pretrained: Annotated[
        str | None,
        typer.Option(help="Weights of an open_clip architecture: a tag or a file.", rich_help_panel=MODELS),
    ] = None,
    text_model: TextModelOption = None,
    lexical: Annotated[
        bool | None,
        typer.Option(
            help="Build a keyword index of the texts. By default, if a model embeds them.", rich_help_panel=INDEX
        ),
    ] = None,
    index: Annotated[
        str,
        typer.Option(
            help="auto, or a FAISS factory string for the largest group of items with the same blocks.",
            rich_help_panel=INDEX,
        ),
    ] = "auto",
    device: Annotated[
        str,
        typer.Option(help="cpu, or cuda to train and fill the index on a GPU.", rich_help_panel=INDEX),
    ] = "cpu",
    recall_target: Annotated[float, typer.Option(help="Target recall@10 of searches.", rich_help_panel=INDEX)] = 0.99,
    max_rejects: Annotated[str, typer.Option(help="Maximum share of rejected rows.", rich_help_panel=GATES)] = "5%",
    max_bad_cells: Annotated[
        str, typer.Option(help="Maximum share of values dropped from a column.", rich_help_panel=GATES)
    ] = "50%",
    max_shrink: Annotated[
        str,
        typer.Option(help="Maximum share of items fewer than in the served snapshot.", rich_help_panel=GATES),
    ] = "20%",
    max_drift: Annotated[
        str,
        typer.Option(
            help="Maximum share of known items whose content changes beyond recognition.", rich_help_panel=GATES
        ),
    ] = "50%",
    no_publish: Annotated[
        bool, typer.Option("--no-publish", help="Write the snapshot without publishing it.", rich_help_panel=GATES)
    ] = False,
    forget_changes: Annotated[
        bool,
        typer.Option(
            "--forget-changes",
            help="Delete live changes made before this build began, once it is published.",
            rich_help_panel=GATES,
        ),
    ] = False,
    events: Annotated[
        Path | None,
        typer.Option(
            help="File of shoppers' events to import first, as with `indexer events import`.", rich_help_panel=EVENTS
        ),
    ] = None,
    events_map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN",
            help="Column of a field, such as user_id=household_id. Repeatable.",
            rich_help_panel=EVENTS,
        ),
    ] = None,
    events_url: EventsUrlOption = "",
    no_behaviour: Annotated[
        bool,
        typer.Option("--no-behaviour", help="Do not learn from the events in the store.", rich_help_panel=EVENTS),
    ] = False,
    reviews: Annotated[
        Path | None,
        typer.Option(
            help="File of reviews. Adds the signal review_quality, filterable aspects and digests.",
            rich_help_panel=REVIEWS,
        ),
    ] = None,
    reviews_map: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN", help="Column of a field, such as text=body. Repeatable.", rich_help_panel=REVIEWS
        ),
    ] = None,
    feedback_model: Annotated[
        Path | None,
        typer.Option(
            help="Model of `indexer feedback fit`. By default, one is fitted on the reviews.", rich_help_panel=REVIEWS
        ),
    ] = None,
    describe_missing: Annotated[
        bool,
        typer.Option(
            "--describe-missing", help="Write missing descriptions, marked as generated.", rich_help_panel=DESCRIPTIONS
        ),
    ] = False,
    writer: WriterOption = "coca",
    writer_url: WriterUrlOption = "",
    writer_model: WriterModelOption = "",
    writer_timeout_s: WriterTimeoutOption = 30.0,
    writer_images: WriterImagesOption = False,
    as_json: AsJsonOption = False,
) -> None:
    """Embed a catalogue, build and measure its index, and publish it if it passes the gates."""
    from engine.encoders.encoder import ModelSpec
    from indexer.build.build import build as run
    from indexer.build.build_config import BuildConfig
    from indexer.build.catalogue_embedding import cache_path
    from indexer.cli.snapshot_summary import summarise
    from indexer.progress import Reporter
    from indexer.reviews.snapshot_reviews import ReviewFile

    if store is None and not catalogue.exists():
        raise typer.BadParameter(f"expected a file or folder, got no {catalogue}", param_hint="CATALOGUE")
    reject_share = to_share(max_rejects, "--max-rejects")
    if reviews is None and (reviews_map or feedback_model is not None):
        raise typer.BadParameter("expected --reviews with --reviews-map and --feedback-model", param_hint="--reviews")
    review_file = None
    if reviews is not None:
        review_file = ReviewFile(reviews, to_columns(reviews_map, "--reviews-map"), feedback_model, reject_share)
    config = BuildConfig(
        catalogue=catalogue,
        store=store or DEFAULT_STORE,
        model=ModelSpec(model, pretrained),
        text_model=None if text_model is None else ModelSpec(text_model, encoder="sentence"),
        lexical=lexical,
        text_template=text,
        signals=tuple(signal or ()),
        read_options=to_read_options(columns, types, export_format, join_rows, encoding, decimal_comma, language),
        index=index,
        device=device,
        recall_target=recall_target,
        max_rejects=reject_share,
        max_bad_cells=to_share(max_bad_cells, "--max-bad-cells"),
        max_shrink=to_share(max_shrink, "--max-shrink"),
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
        reviews=review_file,
    )
    try:
        with Reporter() as progress:
            manifest = run(config, progress)
    except KeyboardInterrupt:
        typer.echo(
            "indexer: interrupted; nothing was published. What was embedded is kept in "
            f"{cache_path(config)}, so the same command goes on from there",
            err=True,
        )
        raise typer.Exit(130) from None
    if as_json:
        typer.echo(json.dumps(summarise(manifest, served=config.publish)))
    else:
        _print_result(manifest, config)


def _print_result(manifest: "Manifest", config: "BuildConfig") -> None:
    from engine.search.exact_query_classes import describe_exact_classes
    from indexer.build.default_weights import apply_stored, load
    from indexer.build.html_report import report_path
    from indexer.build.report import notices
    from indexer.embedding.language import find_unread_texts

    rejects = manifest.catalogue.rejects
    typer.echo(
        f"{'Published' if config.publish else 'Built'} {manifest.snapshot}: {manifest.item_count} items, "
        f"{rejects} rejected{f' (see {config.store}/rejects.jsonl)' if rejects else ''}, "
        + ", ".join(f"{stratum.count} x {'+'.join(stratum.blocks)} in {stratum.factory}" for stratum in manifest.strata)
    )
    for gate in manifest.gates:
        typer.echo(f"  {gate.name}: {gate.value:g} (limit {gate.limit:g}){'' if gate.passed else ' FAILED'}")
    _print_dropped(manifest)
    for sentence in (*notices(manifest), *describe_exact_classes(manifest), *find_unread_texts(manifest)):
        typer.echo(f"  notice: {sentence}")
    for name, count in (manifest.reviews.kept if manifest.reviews else {}).items():
        typer.echo(f"  notice: {count} items keep their own {name}; it is not replaced by that of their reviews")
    if manifest.reviews and manifest.reviews.warning:
        typer.echo(f"  warning: reviews: {manifest.reviews.warning}")
    typer.echo(f"  look at it: {report_path(config.store, manifest.snapshot)}")
    if reason := apply_stored(load(config.store), manifest).reason:
        typer.echo(f"  notice: the weights in {config.store}/weights.json are not applied: {reason}")


def _print_dropped(manifest: "Manifest") -> None:
    """Print on stderr how the catalogue was read, and the commonest reasons for which values were dropped."""
    for sentence in manifest.catalogue.notices:
        typer.echo(f"  notice: {sentence}", err=True)
    for record in manifest.catalogue.dropped[:MOST_REASONS]:
        typer.echo(f"  dropped: {record.count} x {record.column}, such as: {record.example}", err=True)
    for record in manifest.catalogue.rejected[:MOST_REASONS]:
        typer.echo(f"  rejected: {record.count} x {record.example}", err=True)
