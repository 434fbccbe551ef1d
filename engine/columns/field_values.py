"""The values of a payload field, as filters, facets, groups and boosts see them.

The single definition for stored and live items. A field holds bools, numbers (doubles) and texts, in the order of the
payload. Nulls, NaN and empty lists and mappings are not values. Lists are flattened, also lists of mappings:
{"variants": [{"size": 1}, {"size": 2}]} has the values 1 and 2 in the field variants.size. A single value and a list
of it are the same.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias
from unicodedata import normalize

from engine.columns.field_path import Path, format_path, parse_path

JSON: TypeAlias = "bool | int | float | str | Sequence[JSON] | Mapping[str, JSON] | None"
# Any: protobuf and catalogues give plain dicts of these, which Mapping[str, JSON] does not accept.
Payload: TypeAlias = Mapping[str, Any]
Scalar: TypeAlias = bool | float | str
ValueKey: TypeAlias = tuple[int, Scalar]
GroupKey: TypeAlias = tuple[ValueKey, ...]


def values_at(payload: Payload, path: Path) -> list[Scalar]:
    """Return the values of a field, in order."""
    # Most fields are a single value at the top level.
    if len(path) == 1:
        value = payload.get(path[0])
        if value is None:
            return []
        if type(value) is str:
            return [to_comparable(value)]
        if type(value) is bool:
            return [value]
    found: list[Scalar] = []
    _collect(payload, path, 0, found)
    return found


def has_at(payload: Payload, path: Path) -> bool:
    """Return whether a field, or any field below it, has a value."""
    return _has(payload, path, 0)


def value_at(payload: Payload, name: str) -> Scalar | list[Scalar] | None:
    """Return the value of a field: a list if it has several, None if it has none."""
    values = values_at(payload, parse_path(name))
    return values if len(values) > 1 else values[0] if values else None


def get_number(payload: Payload, name: str) -> float:
    """Return the first number of a field, NaN if there is none."""
    for value in values_at(payload, parse_path(name)):
        if type(value) is float:
            return value
    return math.nan


def get_group(payload: Payload, name: str) -> GroupKey | None:
    """Return a key that is equal for items with equal values or lists, None for an item without the field."""
    return tuple(map(value_key, values_at(payload, parse_path(name)))) or None


def facet_values(payload: Payload, name: str) -> list[Scalar | None]:
    """Return the values to count the item for in a facet: each value once, or None if it has none."""
    values = values_at(payload, parse_path(name))
    if len(values) < 2:
        return [values[0]] if values else [None]
    return list({value_key(value): value for value in values}.values())


def value_key(value: Scalar | None) -> ValueKey:
    """Return a key that distinguishes true from 1 and sorts all kinds: bools, numbers, texts, then None."""
    if value is None:
        return (3, False)
    return (2, value) if isinstance(value, str) else (0, value) if isinstance(value, bool) else (1, value)


def field_names(payload: Payload) -> set[str]:
    """Return the names of all fields with a value."""
    return {format_path(path) for path in _paths(payload, ())}


def to_comparable(text: str) -> str:
    """Return a text as it is compared: in normal form C, so that é is é however it is encoded."""
    return text if text.isascii() else normalize("NFC", text)


def to_scalar(value: object) -> Scalar | None:
    """Return a payload value in comparable form, None if it is not a value. Raises TypeError for types outside JSON."""
    if isinstance(value, str):
        return to_comparable(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf if value > 0 else -math.inf
        # Adding zero turns -0.0, which prints differently, into 0.0.
        return None if number != number else number + 0.0
    raise TypeError(f"expected a bool, number, text, list, mapping or null, got {type(value).__name__}")


def _collect(value: Any, path: Path, depth: int, found: list[Scalar]) -> None:
    if isinstance(value, list | tuple):
        for part in value:
            _collect(part, path, depth, found)
    elif depth < len(path):
        if isinstance(value, Mapping):
            inner = value.get(path[depth])
            if inner is not None:
                _collect(inner, path, depth + 1, found)
    elif not isinstance(value, Mapping) and (scalar := to_scalar(value)) is not None:
        found.append(scalar)


def _has(value: Any, path: Path, depth: int) -> bool:
    if isinstance(value, Mapping):
        if depth < len(path):
            return path[depth] in value and _has(value[path[depth]], path, depth + 1)
        return any(_has(part, path, depth) for part in value.values())
    if isinstance(value, list | tuple):
        return any(_has(part, path, depth) for part in value)
    return depth == len(path) and to_scalar(value) is not None


def _paths(value: Any, path: Path) -> Iterator[Path]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _paths(part, (*path, key))
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _paths(part, path)
    elif to_scalar(value) is not None:
        yield path
