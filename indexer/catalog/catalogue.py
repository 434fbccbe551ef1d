"""A catalogue opened for reading: what its file is, what its columns are taken for, and how their values are read."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.coercion import BadRow, to_item_id
from engine.catalog.column_rule import ColumnRule, ColumnType
from engine.catalog.text_template import Template
from engine.errors import InvalidCatalogue
from indexer.catalog.catalog_column import (
    CatalogColumn,
    column_notices,
    describe_columns,
    resolve_template,
    to_feed_names,
)
from indexer.catalog.catalog_reader import open_source, suggest_column
from indexer.catalog.column_scan import scan_columns
from indexer.catalog.feeds.column_names import ColumnMapping, resolve_columns
from indexer.catalog.feeds.feed_detection import open_feed
from indexer.catalog.formats.image_folder import ImageFolder
from indexer.catalog.images.image_files import ImageResolver
from indexer.catalog.images_by_id import ImagesById
from indexer.catalog.product import DEFAULT_TEMPLATE, CatalogSpec, Product, Reject
from indexer.catalog.product_reader import PayloadColumn, ProductReader, RowLayout
from indexer.catalog.raw_row import ITEM_ID, VECTOR_COLUMNS, CatalogSource, SourceOptions
from indexer.catalog.row_batch import read_batches
from indexer.progress import Progress, no_progress


@dataclass(frozen=True, slots=True)
class Catalogue:
    """A catalogue whose rows were all read once.

    Attributes:
        spec: Where it is and how it is read.
        columns: Its columns in the order of the file.
        row_count: Number of rows, the unreadable ones included.
        own_blocks: Blocks whose vectors come with the catalogue. No encoder fills their gaps, since a model's vectors
            are not comparable with them.
        text_template: How a row's text is composed, in the names of the payload.
        notices: Sentences about the file and its columns that a person should read before a build.
    """

    spec: CatalogSpec
    columns: tuple[CatalogColumn, ...]
    row_count: int
    own_blocks: frozenset[str]
    text_template: str
    notices: tuple[str, ...]
    _source: CatalogSource
    _mapping: ColumnMapping

    @property
    def rules(self) -> dict[str, ColumnRule]:
        """How the values of each field of the payload are read."""
        return {column.name: column.decision.rule for column in self.columns if column.in_payload}

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals of the spec, as the payload calls them."""
        return tuple(self._mapping.rename.get(name, name) for name in self.spec.signals)

    @property
    def image_folder(self) -> Path:
        """The folder that image names are relative to."""
        return self._source.folder

    def products(self) -> Iterator[Product | Reject]:
        """Yield each row as a product, or as a reject with its reason, in the file's order.

        Raises:
            InvalidCatalogue: The file is truncated.
        """
        is_image_folder = isinstance(self._source, ImageFolder)
        reader = ProductReader(
            layout=_layout(self.columns, self._mapping, self.own_blocks, is_image_folder),
            template=Template(self.text_template),
            signals=self.signals,
            images=ImageResolver(self._source.folder),
            language=self.spec.options.language,
            images_by_id=None if self._mapping.image_columns or is_image_folder else self._find_images_by_id(),
        )
        for batch in read_batches(self._source):
            yield from reader.read(batch)

    def _find_images_by_id(self) -> ImagesById | None:
        """Return the images beside a table without a column of images, None if there are none."""
        images = ImagesById(self._source.folder, ())
        if "image" in self.own_blocks or not images:
            return None
        column = next(column.source for column in self.columns if column.name == ITEM_ID)
        batches = read_batches(self._source)
        return images.with_ids({_id_text(value) for batch in batches for value in batch.columns.get(column, ())})


def _id_text(value: object) -> str:
    """Return an id as text, "" for one that no item can have."""
    try:
        return to_item_id(value)
    except BadRow:
        return ""


def open_catalogue(spec: CatalogSpec, progress: Progress = no_progress) -> Catalogue:
    """Open a catalogue, and read all its rows once to decide how the values of each column are read.

    Raises:
        InvalidCatalogue: The file cannot be read or has no rows, no id, or lacks a column that the spec names; the
            default text template may name missing ones.
        InvalidSetting: The text template cannot be parsed, or an option names a field, format or type there is not.
    """
    Template(spec.text_template)
    source = open_source(spec.path, SourceOptions(spec.options.encoding))
    feed = open_feed(source, spec.path, spec.options.format, spec.options.column_names, spec.options.join_rows)
    scan = scan_columns(feed.source, spec.options.language, progress)
    if not scan.row_count:
        raise InvalidCatalogue(f"{spec.path} has no rows")
    mapping = resolve_columns(list(scan.summaries), feed.requested, scan.sample)
    mapping.check(spec.path)
    spec = to_feed_names(spec, feed.rename)
    columns = tuple(describe_columns(scan.summaries, mapping, spec))
    _check_columns(spec, columns)
    template = resolve_template(spec.text_template, columns)
    return Catalogue(
        spec=spec,
        columns=columns,
        row_count=scan.row_count,
        own_blocks=frozenset(block for column, block in VECTOR_COLUMNS.items() if column in scan.summaries),
        text_template=template,
        notices=(*source.notices(), *feed.notices, *mapping.notices, *column_notices(spec, columns, template)),
        _source=feed.source,
        _mapping=mapping,
    )


def read(spec: CatalogSpec) -> Iterator[Product | Reject]:
    """Return each row of a catalogue as a product, or as a reject with its reason; see `open_catalogue`."""
    return open_catalogue(spec).products()


def _check_columns(spec: CatalogSpec, columns: Sequence[CatalogColumn]) -> None:
    """Raise InvalidCatalogue if a column that the spec names is not there."""
    known = {name for column in columns for name in (column.source, column.name)}
    sources = [column.source for column in columns]
    required = dict.fromkeys(spec.signals, "among the signals")
    required |= dict.fromkeys(spec.options.column_types, "with a type")
    if spec.text_template != DEFAULT_TEMPLATE:
        required |= dict.fromkeys(Template(spec.text_template).fields, "in the text template")
    for name, where in required.items():
        if name not in known:
            raise InvalidCatalogue(
                f"{spec.path} has no column {name!r}, named {where}: {suggest_column(name, sources)}"
            )


def _layout(
    columns: Sequence[CatalogColumn], mapping: ColumnMapping, own_blocks: frozenset[str], needs_images: bool
) -> RowLayout:
    return RowLayout(
        item_id=next(column.source for column in columns if column.name == ITEM_ID),
        payload=tuple(_payload_column(column, columns) for column in columns if column.in_payload),
        images=mapping.image_columns,
        vectors={column: block for column, block in VECTOR_COLUMNS.items() if block in own_blocks},
        embedded=frozenset({"text", "image"}) - own_blocks,
        needs_images=needs_images,
    )


def _payload_column(column: CatalogColumn, columns: Sequence[CatalogColumn]) -> PayloadColumn:
    """Return the column with a field for its currency, if it has prices and the catalogue has no such field itself."""
    rule = column.decision.rule
    currency = f"{column.name}_currency"
    is_free = all(currency not in (other.source, other.name) for other in columns)
    has_currency = rule.type is ColumnType.PRICE and bool(column.summary.currencies or dict in column.summary.kinds)
    return PayloadColumn(column.source, column.name, rule, currency if has_currency and is_free else "")
