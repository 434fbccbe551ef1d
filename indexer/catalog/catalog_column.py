"""What the columns of a catalogue are taken for, and what a person should know about that before a build."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.catalog.column_rule import ColumnType
from engine.catalog.text_template import Template
from indexer.catalog.feeds.column_aliases import FIELDS
from indexer.catalog.feeds.column_names import ColumnMapping
from indexer.catalog.product import DEFAULT_TEMPLATE, CatalogSpec
from indexer.catalog.raw_row import ITEM_ID, VECTOR_COLUMNS
from indexer.catalog.values.column_rules import Decision, decide
from indexer.catalog.values.column_summary import ColumnSummary

IMAGES = "images"

_MAX_TEXT_COLUMNS = 4
_MAX_NAMED = 12
_NAME = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class CatalogColumn:
    """One column of a catalogue.

    Attributes:
        source: Its name in the file.
        name: Its name in the payload.
        role: The field that it is taken for, "images", or "vector"; empty for a column without a fixed meaning.
        summary: What its values are.
        decision: How they are read, and what is odd about them.
    """

    source: str
    name: str
    role: str
    summary: ColumnSummary
    decision: Decision

    @property
    def in_payload(self) -> bool:
        """Whether its values are a field of the payload."""
        return self.role not in (ITEM_ID, IMAGES, "vector")


def describe_columns(
    summaries: Mapping[str, ColumnSummary], mapping: ColumnMapping, spec: CatalogSpec
) -> Iterator[CatalogColumn]:
    """Yield each column with the rule by which its values are read."""
    signals, types = set(spec.signals), spec.options.column_types
    for source, summary in summaries.items():
        name = mapping.rename.get(source, source)
        role = _role(source, name, mapping)
        decision = decide(
            source,
            summary,
            role=role or None,
            signal=bool(signals & {source, name}),
            decimal_comma=spec.options.decimal_comma,
            declared=types.get(source, types.get(name)),
        )
        yield CatalogColumn(source, name, role, summary, decision)


def _role(source: str, name: str, mapping: ColumnMapping) -> str:
    if source in VECTOR_COLUMNS:
        return "vector"
    if source in mapping.image_columns:
        return IMAGES
    return name if source in mapping.rename or name in FIELDS else ""


def resolve_template(text_template: str, columns: Sequence[CatalogColumn]) -> str:
    """Return a text template in the names of the payload; where the default one has no column, one that does."""
    if text_template == DEFAULT_TEMPLATE and not _has_text(columns):
        return ". ".join(f"{{{column.name}}}" for column in _text_columns(columns))
    names = {column.source: column.name for column in columns}
    return _rename(text_template, names)


def to_feed_names(spec: CatalogSpec, rename: Mapping[str, str]) -> CatalogSpec:
    """Return a spec in the names of a feed that has renamed columns."""
    if not rename:
        return spec
    types = {rename.get(name, name): kind for name, kind in spec.options.column_types.items()}
    return replace(
        spec,
        text_template=_rename(spec.text_template, rename),
        signals=tuple(rename.get(name, name) for name in spec.signals),
        options=replace(spec.options, column_types=types),
    )


def _rename(text_template: str, names: Mapping[str, str]) -> str:
    return _NAME.sub(lambda match: f"{{{names.get(match[1].strip(), match[1])}}}", text_template)


def column_notices(spec: CatalogSpec, columns: Sequence[CatalogColumn], text_template: str) -> Iterator[str]:
    """Yield a sentence for each thing that a build would lack, with the columns that there are, and what is odd."""
    seen = _list_names(columns)
    if spec.text_template == DEFAULT_TEMPLATE and not _has_text(columns):
        made = f"texts are made of {text_template}" if text_template else "items have no text"
        yield f"no column is taken for the title or the description, so {made}; use --map title=COLUMN: {seen}"
    elif not any(column.role == "title" for column in columns):
        yield f"no column is taken for the title; use --map title=COLUMN: {seen}"
    if not any(column.role in (IMAGES, "vector") for column in columns):
        yield f"no column is taken for images; use --map image=COLUMN: {seen}"
    for column in columns:
        if column.role == IMAGES and any("//" in text for text in column.summary.examples):
            yield f"the images of column {column.source} are web addresses, which are not fetched: download them first"
        if column.role != IMAGES and bytes in column.summary.kinds:
            yield f"column {column.source} holds images that are not used: use --map image={column.source}"
        for sentence in column.decision.odd:
            yield f"column {column.source}: {sentence}"


def _has_text(columns: Sequence[CatalogColumn]) -> bool:
    return any(column.name in Template(DEFAULT_TEMPLATE).fields for column in columns)


def _text_columns(columns: Sequence[CatalogColumn]) -> list[CatalogColumn]:
    """Return the columns that describe a product in words, the most telling first."""
    texts = [
        column
        for column in columns
        if column.in_payload and column.decision.rule.type is ColumnType.TEXT and column.summary.is_prose
    ]
    return sorted(texts, key=lambda column: column.role == "")[:_MAX_TEXT_COLUMNS]


def _list_names(columns: Sequence[CatalogColumn]) -> str:
    names = [repr(column.source) for column in columns]
    rest = f" and {len(names) - _MAX_NAMED} more" if len(names) > _MAX_NAMED else ""
    return f"the columns are {', '.join(names[:_MAX_NAMED])}{rest}"
