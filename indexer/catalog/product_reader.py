"""Turn rows into products, a batch at a time: a column is converted at once, and a bad cell never costs the product."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from engine.catalog.coercion import JSON, BadRow, InvalidValue, to_item_id, to_signal
from engine.catalog.column_rule import ColumnRule
from engine.catalog.localized_text import localize
from engine.catalog.text_template import Template
from indexer.catalog.images.image_files import ImageResolver
from indexer.catalog.own_vectors import OwnVectors
from indexer.catalog.product import BadCell, ImageSource, Product, Reject
from indexer.catalog.raw_row import RawRow

_NESTED = frozenset({list, dict})

Values = list[object]


class PayloadColumn(NamedTuple):
    """A column of the payload.

    Attributes:
        source: Its name in the file.
        name: Its name in the payload.
        rule: How its values are read.
        currency: Name of the field that holds the currency of its prices; empty for none.
    """

    source: str
    name: str
    rule: ColumnRule
    currency: str = ""


class RowLayout(NamedTuple):
    """Which columns of a row hold what.

    Attributes:
        item_id: Column of the id.
        payload: Columns of the payload.
        images: Columns with images, in order.
        vectors: Columns with own vectors, and the block that each fills.
        embedded: Blocks that a model encodes from this catalogue, of "text" and "image".
        needs_images: Whether a row is nothing without its image.
    """

    item_id: str
    payload: tuple[PayloadColumn, ...]
    images: tuple[str, ...]
    vectors: Mapping[str, str]
    embedded: frozenset[str]
    needs_images: bool = False


def column_values(rows: Sequence[RawRow], column: str, language: str | None) -> Values:
    """Return the values of one column, None where absent, with language-tagged ones as plain text."""
    values: Values = [row.values.get(column) for row in rows]
    if _NESTED.isdisjoint(map(type, values)):
        return values
    return [localize(value, language) if type(value) in _NESTED else value for value in values]


class ProductReader:
    """Creates the products of one catalogue."""

    def __init__(
        self,
        layout: RowLayout,
        template: Template,
        signals: Sequence[str],
        images: ImageResolver,
        language: str | None,
    ) -> None:
        self._layout = layout
        self._template = template
        self._signals = signals
        self._images = images
        self._language = language
        self._vectors = {column: OwnVectors(column) for column in layout.vectors}
        self._seen: dict[str, int] = {}

    def read(self, batch: Sequence[RawRow | Reject]) -> Iterator[Product | Reject]:
        """Yield each row of a batch as a product, or as a reject with the reason."""
        rows = [entry for entry in batch if isinstance(entry, RawRow)]
        contents = iter(self._convert(rows))
        for entry in batch:
            if isinstance(entry, Reject):
                yield entry
                continue
            content = next(contents)
            item_id = ""
            try:
                item_id = to_item_id(entry.values.get(self._layout.item_id))
                if item_id in self._seen:
                    raise BadRow(f"duplicate {self._layout.item_id}, first on line {self._seen[item_id]}")
                product = self._to_product(entry, item_id, content)
            except BadRow as bad:
                yield Reject(entry.line, item_id, str(bad))
            else:
                self._seen[item_id] = entry.line
                yield product

    def _convert(self, rows: Sequence[RawRow]) -> list["_Content"]:
        """Return the payload of each row, and the cells that were dropped from it."""
        payloads: list[dict[str, JSON]] = [{} for _ in rows]
        faults: dict[int, list[_Fault]] = {}
        for column in self._layout.payload:
            values = column_values(rows, column.source, self._language)
            for index, value in enumerate(column.rule.convert(values)):
                if value is None:
                    continue
                if type(value) is InvalidValue:
                    faults.setdefault(index, []).append((column.source, value.reason))
                else:
                    payloads[index][column.name] = cast(JSON, value)
            if column.currency:
                for payload, currency in zip(payloads, column.rule.currencies(values), strict=True):
                    if currency is not None and column.name in payload:
                        payload[column.currency] = currency
        return [(payload, faults.get(index, [])) for index, payload in enumerate(payloads)]

    def _to_product(self, row: RawRow, item_id: str, content: "_Content") -> Product:
        payload, faults = content
        images: tuple[ImageSource, ...] = ()
        if self._layout.images:
            images = self._read_images(row.values, payload, faults)
        embedded = self._layout.embedded
        words = self._template.render_item(item_id, payload)
        signals = {name: _read_signal(name, payload, faults) for name in self._signals}
        return Product(
            line=row.line,
            item_id=item_id,
            text=words if "text" in embedded else "",
            images=images if "image" in embedded else (),
            vectors=self._read_vectors(row.values) if self._vectors else {},
            signals=signals,
            payload=payload,
            words=words,
            needs_image=self._layout.needs_images,
            bad_cells=tuple(BadCell(row.line, item_id, column, reason) for column, reason in faults),
        )

    def _read_images(
        self, values: Mapping[str, object], payload: dict[str, JSON], faults: list["_Fault"]
    ) -> tuple[ImageSource, ...]:
        """Return a row's images; writes their names into the payload, and the bad ones into the faults."""
        sources: dict[ImageSource, None] = {}
        names: dict[str, None] = {}
        for column in self._layout.images:
            cell = self._images.resolve(values.get(column))
            sources.update(dict.fromkeys(cell.sources))
            names.update(dict.fromkeys(cell.names))
            faults.extend((column, reason) for reason in cell.faults)
        if names:
            payload["image"] = next(iter(names)) if len(names) == 1 else cast(JSON, list(names))
        return tuple(sources)

    def _read_vectors(self, values: Mapping[str, object]) -> dict[str, NDArray[np.float32]]:
        """Return a row's own vectors. Raises BadRow."""
        vectors: dict[str, NDArray[np.float32]] = {}
        for column, block in self._layout.vectors.items():
            value = values.get(column)
            if isinstance(value, InvalidValue):
                raise BadRow(value.reason)
            if isinstance(value, np.ndarray):
                vectors[block] = value
            elif value is not None:
                vectors[block] = self._vectors[column].check(value)
        return vectors


_Fault = tuple[str, str]
"""The column of a bad cell, and the reason."""

_Content = tuple[dict[str, JSON], list[_Fault]]


def _read_signal(name: str, payload: dict[str, JSON], faults: list[_Fault]) -> float:
    """Return a signal, NaN if missing; moves one that is no number of float32 from the payload to the faults."""
    try:
        return to_signal(payload.get(name), name)
    except BadRow as bad:
        del payload[name]
        faults.append((name, str(bad).removeprefix(f"{name}: ")))
        return math.nan
