"""What payloads hold, field by field over all rows, for filters, facets, groups and boosts."""

from engine.columns.column import Column, Kind, to_column
from engine.columns.path import name_of, path_of
from engine.columns.reading import FACET_VALUES, ITEM_ID, Columns
from engine.columns.values import (
    GroupKey,
    Payload,
    Scalar,
    facet_values,
    field_names,
    group_of,
    number_of,
    value_at,
    value_key,
)
from engine.columns.writing import write_columns

__all__ = [
    "FACET_VALUES",
    "ITEM_ID",
    "Column",
    "Columns",
    "GroupKey",
    "Kind",
    "Payload",
    "Scalar",
    "facet_values",
    "field_names",
    "group_of",
    "name_of",
    "number_of",
    "path_of",
    "to_column",
    "value_at",
    "value_key",
    "write_columns",
]
