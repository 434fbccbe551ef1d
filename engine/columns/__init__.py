"""Payload fields as columns over all rows, for filters, facets, groups and boosts."""

from engine.columns.column import Column, ValueKind, to_column
from engine.columns.column_reader import FACET_VALUES, ITEM_ID, Columns
from engine.columns.column_writer import write_columns
from engine.columns.field_path import format_path, parse_path
from engine.columns.field_values import (
    GroupKey,
    Payload,
    Scalar,
    facet_values,
    field_names,
    get_group,
    get_number,
    value_at,
    value_key,
)

__all__ = [
    "FACET_VALUES",
    "ITEM_ID",
    "Column",
    "Columns",
    "GroupKey",
    "Payload",
    "Scalar",
    "ValueKind",
    "facet_values",
    "field_names",
    "format_path",
    "get_group",
    "get_number",
    "parse_path",
    "to_column",
    "value_at",
    "value_key",
    "write_columns",
]
