"""Which column holds which field: by --map, by our own name, or by what shops call it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from engine.errors import InvalidCatalogue, InvalidSetting
from indexer.catalog.feeds.column_aliases import ALIASES, FIELDS, WEAK, fold
from indexer.catalog.raw_row import VECTOR_COLUMNS

_NUMBERED = re.compile(r"(image|img|picture|photo|bild|foto)s?(url|link|src|file)?[0-9]{1,2}")
_SAME_NAME_FIELDS = ("image", "images")
_WEAK = frozenset(map(fold, WEAK))


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """Which columns hold which fields.

    Attributes:
        rename: Column to the name of the field that it holds, where they differ.
        fields: Field to the column that holds it, but for images.
        image_columns: The columns with images, in order.
        notices: Sentences about the columns that were recognised by another name.
    """

    rename: Mapping[str, str]
    fields: Mapping[str, str]
    image_columns: tuple[str, ...]
    notices: tuple[str, ...]


def resolve_columns(
    columns: Sequence[str], requested: Mapping[str, str], sample: Sequence[Mapping[str, object]] = ()
) -> ColumnMapping:
    """Return which columns hold which fields.

    Args:
        columns: The columns of the catalogue.
        requested: Field to the column that a person named for it.
        sample: A few rows, by which an id is checked to be unique.

    Raises:
        InvalidSetting: `requested` names a field there is not.
        InvalidCatalogue: `requested` names a column there is not.
    """
    fields = {field: _find_requested(field, column, columns) for field, column in requested.items()}
    used = set(fields.values())
    for field in FIELDS:
        if field in fields or field in _SAME_NAME_FIELDS:
            continue
        found = _find(field, [column for column in columns if column not in used], sample)
        if found is not None:
            fields[field] = found
            used.add(found)
    images = _find_images(columns, requested, fields, used)
    fields = {field: column for field, column in fields.items() if field not in _SAME_NAME_FIELDS}
    rename = {column: field for field, column in fields.items() if column != field}
    # The payload has the images' names under "image", whatever the columns are called.
    notices = [
        f"{field} is read from the column {column!r}" for column, field in rename.items() if fold(column) != fold(field)
    ]
    others = [column for column in images if column not in _SAME_NAME_FIELDS]
    if others:
        notices.append(f"images are read from {', '.join(map(repr, others))}")
    return ColumnMapping(rename, fields, images, tuple(notices))


def _find_requested(field: str, column: str, columns: Sequence[str]) -> str:
    if field not in FIELDS:
        raise InvalidSetting(f"expected one of {', '.join(FIELDS)}, got {field!r}")
    if column in columns:
        return column
    folded = [name for name in columns if fold(name) == fold(column)]
    if len(folded) == 1:
        return folded[0]
    raise InvalidCatalogue(f"no column {column!r}, named for {field}: the columns are {', '.join(map(repr, columns))}")


def _find(field: str, columns: Sequence[str], sample: Sequence[Mapping[str, object]]) -> str | None:
    """Return the column that most likely holds a field, None if no name fits."""
    if field in columns:
        return field
    ranks = {column: ALIASES[field].get(fold(column)) for column in columns if column not in VECTOR_COLUMNS}
    known = [column for column, rank in ranks.items() if rank is not None]
    if field == "item_id":
        known = [column for column in known if _is_unique(column, sample)]
    return min(known, key=lambda column: (fold(column) in _WEAK, ranks[column] or 0), default=None)


def _is_unique(column: str, sample: Sequence[Mapping[str, object]]) -> bool:
    """Return whether a column may hold ids: there is one in nearly every row, and hardly any twice."""
    values = [str(row[column]) for row in sample if row.get(column) is not None]
    return len(values) >= 0.9 * len(sample) and len(set(values)) >= 0.9 * len(values)


def _find_images(
    columns: Sequence[str], requested: Mapping[str, str], fields: Mapping[str, str], used: set[str]
) -> tuple[str, ...]:
    """Return the columns with images: those named, ours, the likeliest other one, and further numbered ones."""
    named = [fields[field] for field in _SAME_NAME_FIELDS if field in requested]
    own = [column for column in _SAME_NAME_FIELDS if column in columns and column not in used]
    found = named or own
    free = [column for column in columns if column not in used and column not in found]
    if not found and (first := _find("image", free, ())) is not None:
        found = [first]
    more = [column for column in free if column not in found and fold(column) in ALIASES["images"]]
    numbered = [column for column in free if column not in found + more and _NUMBERED.fullmatch(fold(column))]
    return tuple(dict.fromkeys([*found, *(more if not named else []), *numbered]))
