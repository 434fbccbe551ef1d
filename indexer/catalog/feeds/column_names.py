"""Find a file's columns for our fields, by the names that shops give them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.catalog_reader import suggest_column
from indexer.catalog.feeds.column_aliases import CURRENCY, FIELDS, KNOWN_NAMES, WEAK_NAMES, normalize
from indexer.catalog.feeds.column_sample import ColumnSample, Rows
from indexer.catalog.raw_row import ITEM_ID, VECTOR_COLUMNS

_NUMBERED = re.compile(r"(\D+?)0*(\d{1,3})(\D*)")


@dataclass(slots=True)
class ColumnMapping:
    """Which column of a file is which field.

    Attributes:
        columns: Every column of the file.
        rename: Field by column, of the columns that have another name than their field. Several columns may be images.
        image_columns: The columns with pictures, in order.
        notices: What a person should know.
        missing: The fields without a column.
        id_candidates: Columns with a different value in each row, if there is no id.
    """

    columns: tuple[str, ...]
    rename: dict[str, str] = field(default_factory=dict)
    image_columns: tuple[str, ...] = ()
    notices: list[str] = field(default_factory=list)
    missing: tuple[str, ...] = ()
    id_candidates: tuple[str, ...] = ()

    def get_column(self, name: str) -> str:
        """Return the first column of a field; the field's own name if there is none."""
        return next((column for column, field in self.rename.items() if field == name), name)

    def check(self, path: Path) -> None:
        """Raise InvalidCatalogue with the columns and the remedy if no column has the ids."""
        if ITEM_ID not in self.missing:
            return
        unique = " and ".join(map(repr, self.id_candidates))
        hint = f"; different in every row: {unique}" if unique else ""
        raise InvalidCatalogue(
            f"{path} has no column {ITEM_ID!r}: {suggest_column(ITEM_ID, list(self.columns))}{hint}; "
            f"name the column of the ids with --map {ITEM_ID}=COLUMN"
        )


def resolve_columns(columns: Sequence[str], requested: Mapping[str, str], sample: Rows = ()) -> ColumnMapping:
    """Return which column is which field: first as requested, then by our names, then by those that shops use.

    Args:
        columns: The file's columns.
        requested: Column by field, as the user names them.
        sample: The first rows, to choose between several columns.

    Raises:
        InvalidSetting: `requested` has an unknown field, or two fields of one column.
        InvalidCatalogue: A requested column does not exist.
    """
    return _Resolver(columns, ColumnSample(sample)).resolve(requested)


def find_column(columns: Sequence[str], name: str, purpose: str) -> str:
    """Return the column of that name, whatever its case, blanks and punctuation.

    Raises:
        InvalidCatalogue: There is none, or there are several; the message names the purpose.
    """
    if name in columns:
        return name
    similar = [column for column in columns if normalize(column) == normalize(name)]
    if len(similar) > 1:
        raise InvalidCatalogue(f"{purpose} {name!r} could be any of {', '.join(map(repr, similar))}: write it as there")
    if not similar:
        raise InvalidCatalogue(f"no column {name!r} {purpose}: {suggest_column(name, list(columns))}")
    return similar[0]


def find_field(name: str) -> str:
    """Return the field that a user means by a name, such as title by "Name". Raises InvalidSetting."""
    plain = normalize(name)
    for known in FIELDS:
        if plain == normalize(known):
            return known
    for known, names in KNOWN_NAMES.items():
        if plain in names:
            return known
    raise InvalidSetting(f"expected one of {', '.join(FIELDS)} before '=', got {name!r}")


class _Resolver:
    """Assigns columns to fields; each column is used once."""

    def __init__(self, columns: Sequence[str], sample: ColumnSample) -> None:
        self._columns = tuple(columns)
        self._sample = sample
        self._plain = {column: normalize(column) for column in columns}
        self._field: dict[str, str] = {}
        self._images: list[str] = []

    def resolve(self, requested: Mapping[str, str]) -> ColumnMapping:
        for name, column in requested.items():
            self._request(find_field(name), column)
        for name in FIELDS:
            self._assign(name, self._find_own(name))
        # Who brings vectors wrote the file for this engine: a name there is no title to embed.
        brings_vectors = not VECTOR_COLUMNS.keys().isdisjoint(self._field.values())
        for name in (ITEM_ID,) if brings_vectors else ("title", *KNOWN_NAMES):
            self._assign(name, self._find_known(name))
        self._add_images(others=not brings_vectors)
        return self._to_mapping(requested)

    def _request(self, name: str, column: str) -> None:
        found = find_column(self._columns, column, f"for {name}")
        if found in self._field:
            raise InvalidSetting(f"expected one field for the column {found!r}, got {self._field[found]} and {name}")
        self._assign(name, found)

    def _assign(self, name: str, column: str | None) -> None:
        if column is not None and name not in self._field.values():
            self._field[column] = name

    def _free(self) -> Iterator[str]:
        return (column for column in self._columns if column not in self._field and self._plain[column])

    def _find_own(self, name: str) -> str | None:
        same = [column for column in self._free() if self._plain[column] == normalize(name)]
        return name if name in same else next(iter(same), None)

    def _find_known(self, name: str) -> str | None:
        if name in self._field.values():
            return None
        strong = self._ranked(name, KNOWN_NAMES[name])
        weak = self._ranked(name, WEAK_NAMES.get(name, {}))
        if name == ITEM_ID:
            return self._choose_id(strong, weak)
        if name == "image":
            strong.sort(key=self._sample.is_address)
        return self._choose(strong) or self._choose(weak)

    def _ranked(self, name: str, ranks: Mapping[str, int]) -> list[str]:
        found = [(rank, column) for column in self._free() if (rank := self._rank(name, column, ranks)) is not None]
        return [column for _, column in sorted(found, key=lambda pair: pair[0]) if self._fits(name, column)]

    def _rank(self, name: str, column: str, ranks: Mapping[str, int]) -> int | None:
        plain = self._plain[column]
        if name == "price" and plain not in ranks:
            plain = _without_currency(column)
            return -1 if plain == "price" else ranks.get(plain)
        return ranks.get(plain)

    def _fits(self, name: str, column: str) -> bool:
        if name in ("title", "category"):
            return self._sample.is_text(column) and not self._sample.is_platform_type(column)
        return True

    def _choose(self, columns: list[str]) -> str | None:
        """Return the first column with at least half as many values as the best filled one."""
        most = max(map(self._sample.count, columns), default=0)
        return next((column for column in columns if 2 * self._sample.count(column) >= most), None)

    def _choose_id(self, strong: list[str], weak: list[str]) -> str | None:
        """Return the column that repeats on further rows of a product, else the first that differs in every row."""
        title = next((column for column, name in self._field.items() if name == "title"), "")
        continued = (column for column in strong if title and self._sample.is_continued(column, title))
        unique = filter(self._sample.is_unique, strong)
        complete = filter(self._sample.is_complete, strong)
        return (
            next(continued, None)
            or next(unique, None)
            or next(complete, None)
            or next(iter(strong), None)
            or next(filter(self._sample.is_unique, weak), None)
        )

    def _add_images(self, others: bool) -> None:
        """List the picture columns: the named ones, and if `others` lists by rank and numbered ones as `images`."""
        main = [column for column, name in self._field.items() if name in ("image", "images")]
        main.sort(key=lambda column: self._field[column])
        lists = self._ranked("images", KNOWN_NAMES["images"]) if others else []
        numbers = {column: _picture_number(column) for column in self._free()} if others else {}
        numbered = sorted((number, column) for column, number in numbers.items() if number is not None)
        self._images = list(dict.fromkeys([*main, *lists, *(column for _, column in numbered)]))
        for column in self._images:
            self._field.setdefault(column, "images")
        if self._images and not any(self._field[column] == "image" for column in self._images) and numbered:
            self._field[self._images[0]] = "image"

    def _to_mapping(self, requested: Mapping[str, str]) -> ColumnMapping:
        rename = {column: name for column, name in self._field.items() if column != name}
        mapping = ColumnMapping(self._columns, rename, tuple(self._images))
        mapping.notices = [*self._describe(), *self._displace(rename)]
        mapping.missing = tuple(name for name in FIELDS if name not in self._field.values())
        if ITEM_ID in mapping.missing:
            mapping.id_candidates = tuple(filter(self._sample.is_unique, self._columns))[:3]
        mapping.notices += self._hints(mapping.missing)
        return mapping

    def _describe(self) -> Iterator[str]:
        for name in FIELDS:
            columns = [column for column, other in self._field.items() if other == name]
            if columns and columns != [name]:
                noun = "column" if len(columns) == 1 else "columns"
                yield f"{name} is read from the {noun} {', '.join(map(repr, columns))}"

    def _displace(self, rename: dict[str, str]) -> Iterator[str]:
        """Rename the columns whose own name another column has taken."""
        for name in sorted(set(rename.values()) & set(self._columns) - set(rename)):
            if self._field.get(name) != name:
                rename[name] = f"other_{name}"
                yield f"the column {name!r} is kept as {rename[name]!r}"

    def _hints(self, missing: Sequence[str]) -> Iterator[str]:
        similar = [column for column in self._free() if "price" in self._plain[column]]
        if "price" in missing and similar:
            yield f"no column is taken for the price; if {similar[0]!r} is it: --map 'price={similar[0]}'"


def _without_currency(column: str) -> str:
    """Return a price column's plain name without its currency: price for "Price (EUR)" and price_in_eur."""
    words = re.findall(r"[^\W_]+", column.casefold())
    kept = [word for word in words if not CURRENCY.fullmatch(word) and word not in ("in", "en")]
    return normalize(" ".join(kept)) if len(kept) < len(words) else ""


def _picture_number(column: str) -> int | None:
    """Return the number of a column such as "Image 2" or other_image_url3; None for any other."""
    match = _NUMBERED.fullmatch(normalize(column))
    if match is None:
        return None
    base = match[1] + match[3]
    is_picture = base in ("image", "images") or base in KNOWN_NAMES["image"] or base in KNOWN_NAMES["images"]
    return int(match[2]) if is_picture else None
