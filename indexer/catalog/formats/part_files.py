"""The parts of one table in a folder, as Spark, Hive, DuckDB and others write them.

A folder named "category=shoes" gives its rows the column category, whose value is not in the files.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from engine.catalog.coercion import InvalidValue

PARQUET_SUFFIXES = frozenset({".parquet", ".parq", ".pq"})
LINE_SUFFIXES = frozenset({".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json"})

_ABSENT = "__HIVE_DEFAULT_PARTITION__"
_PART = re.compile(r"part(-|[_.]?[0-9]).*", re.IGNORECASE)
_SHARD = re.compile(r"(?P<table>.*?)[-_.]?[0-9]+-of-[0-9]+\..*", re.IGNORECASE)
_NUMBERED = re.compile(r"(data|chunk|shard|file)?[-_.]?[0-9]+([-_.].*)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Part:
    """A file that holds a part of a table.

    Attributes:
        path: The file.
        values: The columns that its folders name, None if absent.
    """

    path: Path
    values: Mapping[str, object] = field(default_factory=dict)


def find_parts(folder: Path, files: Sequence[str]) -> list[Part]:
    """Return the parts of the table that the files of a folder are, in order; none if they are not one table.

    Args:
        folder: The folder.
        files: Paths relative to it, sorted.
    """
    tables = [PurePosixPath(name) for name in files if table_suffix(name) and _is_in_partition(name)]
    kinds = {"parquet" if table_suffix(name.name) in PARQUET_SUFFIXES else table_suffix(name.name) for name in tables}
    if len(kinds) != 1 or not _is_one_table(tables, is_parquet="parquet" in kinds):
        return []
    return [Part(folder / name, _folder_values(name)) for name in tables]


def table_suffix(name: str) -> str:
    """Return what the name of a part of a table ends in, without .gz; "" for other files."""
    path = PurePosixPath(name.lower())
    if path.suffix == ".gz":
        path = path.with_suffix("")
        return path.suffix if path.suffix in LINE_SUFFIXES else ""
    return path.suffix if path.suffix in PARQUET_SUFFIXES | LINE_SUFFIXES else ""


def _is_in_partition(name: str) -> bool:
    """Return whether a file lies in the folder itself or in those of values, and is not one of a writer's own."""
    *folders, file = PurePosixPath(name).parts
    return all("=" in part for part in folders) and not any(part.startswith("_") for part in (*folders, file))


def _is_one_table(tables: Sequence[PurePosixPath], is_parquet: bool) -> bool:
    names = [name.name for name in tables]
    if all(len(name.parts) > 1 for name in tables) or all(map(_PART.fullmatch, names)):
        return True
    shards = [_SHARD.fullmatch(name) for name in names]
    if len({shard and shard["table"] for shard in shards}) == 1 and shards[0]:
        return True
    return is_parquet and len(names) > 1 and all(map(_NUMBERED.fullmatch, names))


def _folder_values(name: PurePosixPath) -> dict[str, object]:
    pairs = (part.split("=", 1) for part in name.parts[:-1])
    return {unquote(column): _to_value(unquote(column), text) for column, text in pairs}


def _to_value(column: str, text: str) -> object:
    if text in ("", _ABSENT):
        return None
    value = unquote(text)
    try:
        value.encode()
    except UnicodeEncodeError:
        return InvalidValue(f"{column}: the name of the folder is not UTF-8")
    return value
