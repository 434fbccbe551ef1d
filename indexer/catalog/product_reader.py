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
from indexer.catalog.images_by_id import ImagesById
from indexer.catalog.own_vectors import OwnVectors
from indexer.catalog.product import BadCell, ImageSource, Product, Reject
from indexer.catalog.row_batch import RowBatch

# Of ASCII, below the limit of any id.
_SHORT_ID = 128
_NESTED = frozenset({list, dict})


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


def localized(values: Sequence[object], language: str | None) -> Sequence[object]:
    """Return the values of a column with language-tagged ones as plain text."""
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
        images_by_id: ImagesById | None = None,
    ) -> None:
        self._layout = layout
        self._template = template
        self._signals = signals
        self._images = images
        self._language = language
        self._vectors = {column: OwnVectors(column) for column in layout.vectors}
        self._images_by_id = images_by_id
        self._seen: dict[str, int] = {}

    def read(self, batch: RowBatch) -> Iterator[Product | Reject]:
        """Yield each row of a batch as a product, or as a reject with the reason."""
        rejects = iter(batch.rejects)
        before, reject = next(rejects, _END)
        payloads, faults = self._convert(batch)
        ids = batch.columns.get(self._layout.item_id, [None] * len(batch.lines))
        for index, line in enumerate(batch.lines):
            while reject is not None and before == index:
                yield reject
                before, reject = next(rejects, _END)
            item_id = ""
            try:
                item_id = _to_item_id(ids[index])
                if item_id in self._seen:
                    raise BadRow(f"duplicate {self._layout.item_id}, first on line {self._seen[item_id]}")
                product = self._to_product(batch, index, item_id, (payloads[index], faults.get(index, [])))
            except BadRow as bad:
                yield Reject(line, item_id, str(bad))
            else:
                self._seen[item_id] = line
                yield product
        while reject is not None:
            yield reject
            _, reject = next(rejects, _END)

    def _convert(self, batch: RowBatch) -> tuple[list[dict[str, JSON]], dict[int, list["_Fault"]]]:
        """Return the payload of each row, and the cells that were dropped, by row."""
        names: list[str] = []
        columns: list[Sequence[object]] = []
        faults: dict[int, list[_Fault]] = {}
        with_gaps: list[str] = []
        for column in self._layout.payload:
            if column.source not in batch.columns:
                continue
            values = localized(batch.columns[column.source], self._language)
            converted: list[object] = list(column.rule.convert(values))
            if InvalidValue in set(map(type, converted)):
                converted = _without_faults(converted, column.source, faults)
            names.append(column.name)
            columns.append(converted)
            if None in converted:
                with_gaps.append(column.name)
            if column.currency:
                names.append(column.currency)
                columns.append(_currencies(column.rule.currencies(values), converted))
                with_gaps.append(column.currency)
        rows = zip(*columns, strict=True) if columns else [()] * len(batch.lines)
        payloads = [cast(dict[str, JSON], dict(zip(names, row, strict=True))) for row in rows]
        for name in with_gaps:
            for payload in payloads:
                if payload[name] is None:
                    del payload[name]
        return payloads, faults

    def _to_product(self, batch: RowBatch, index: int, item_id: str, content: "_Content") -> Product:
        payload, faults = content
        line = batch.lines[index]
        images: tuple[ImageSource, ...] = ()
        if self._layout.images:
            images = self._read_images(batch, index, payload, faults)
        elif self._images_by_id is not None:
            images = self._find_images(item_id, payload, self._images_by_id)
        embedded = self._layout.embedded
        words = self._template.render_item(item_id, payload)
        signals = {name: _read_signal(name, payload, faults) for name in self._signals} if self._signals else {}
        return Product(
            line=line,
            item_id=item_id,
            text=words if "text" in embedded else "",
            images=images if "image" in embedded else (),
            vectors=self._read_vectors(batch, index) if self._vectors else {},
            signals=signals,
            payload=payload,
            words=words,
            needs_image=self._layout.needs_images,
            bad_cells=tuple(BadCell(line, item_id, column, reason) for column, reason in faults) if faults else (),
        )

    def _read_images(
        self, batch: RowBatch, index: int, payload: dict[str, JSON], faults: list["_Fault"]
    ) -> tuple[ImageSource, ...]:
        """Return a row's images; writes their names into the payload, and the bad ones into the faults."""
        sources: dict[ImageSource, None] = {}
        names: dict[str, None] = {}
        for column in self._layout.images:
            cell = self._images.resolve(batch.columns[column][index] if column in batch.columns else None)
            sources.update(dict.fromkeys(cell.sources))
            names.update(dict.fromkeys(cell.names))
            faults.extend((column, reason) for reason in cell.faults)
        if names:
            payload["image"] = next(iter(names)) if len(names) == 1 else cast(JSON, list(names))
        return tuple(sources)

    def _find_images(self, item_id: str, payload: dict[str, JSON], finder: ImagesById) -> tuple[ImageSource, ...]:
        """Return the images that are named by an item's id; writes their names into the payload."""
        paths = finder.find(item_id)
        names = [path.relative_to(finder.folder).as_posix() for path in paths]
        if names:
            payload["image"] = names[0] if len(names) == 1 else cast(JSON, names)
        return tuple(paths)

    def _read_vectors(self, batch: RowBatch, index: int) -> dict[str, NDArray[np.float32]]:
        """Return a row's own vectors. Raises BadRow."""
        vectors: dict[str, NDArray[np.float32]] = {}
        for column, block in self._layout.vectors.items():
            value = batch.columns[column][index] if column in batch.columns else None
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
_END: tuple[int, Reject | None] = (-1, None)


def _to_item_id(value: object) -> str:
    """Return an id as text. Raises BadRow. Most are short texts that need no change."""
    if type(value) is str and len(value) <= _SHORT_ID and value.isascii() and value == value.strip() and value:
        return value
    return to_item_id(value)


def _without_faults(values: Sequence[object], column: str, faults: dict[int, list[_Fault]]) -> list[object]:
    """Return values with None for the invalid ones, whose reasons are added to the faults by row."""
    for index, value in enumerate(values):
        if isinstance(value, InvalidValue):
            faults.setdefault(index, []).append((column, value.reason))
    return [None if isinstance(value, InvalidValue) else value for value in values]


def _currencies(currencies: Sequence[str | None], prices: Sequence[object]) -> list[object]:
    """Return the currencies of the prices that could be read."""
    return [None if price is None else code for code, price in zip(currencies, prices, strict=True)]


def _read_signal(name: str, payload: dict[str, JSON], faults: list[_Fault]) -> float:
    """Return a signal, NaN if missing; moves one that is no number of float32 from the payload to the faults."""
    try:
        return to_signal(payload.get(name), name)
    except BadRow as bad:
        del payload[name]
        faults.append((name, str(bad).removeprefix(f"{name}: ")))
        return math.nan
