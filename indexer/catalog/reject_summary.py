"""Rejected rows and dropped cells in groups: those whose reasons differ only in the values that they quote."""

import re
from collections.abc import Iterable, Iterator
from itertools import islice

from engine.snapshot.manifest import DroppedRecord
from indexer.catalog.product import BadCell, Reject

MOST_REASONS = 3

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'(?:\.\.\.)?|\"(?:[^\"\\]|\\.)*\"|[0-9]+(?:\.[0-9]+)?")


def reason_kind(reason: str) -> str:
    """Return a reason without the values and numbers in it."""
    return _QUOTED.sub("…", reason)


def count_dropped(entries: Iterable[Reject | BadCell]) -> Iterator[DroppedRecord]:
    """Yield rejected rows or dropped cells by column and kind of reason, the commonest first."""
    groups: dict[tuple[str, str], list[Reject | BadCell]] = {}
    for entry in entries:
        column = entry.column if isinstance(entry, BadCell) else ""
        groups.setdefault((column, reason_kind(entry.reason)), []).append(entry)
    for (column, kind), group in sorted(groups.items(), key=lambda item: -len(item[1])):
        yield DroppedRecord(column=column, reason=kind, count=len(group), example=group[0].reason)


def describe_reasons(entries: Iterable[Reject | BadCell]) -> str:
    """Return the commonest reasons with their counts and one example each, in one line."""
    return "; ".join(f"{record.count} x {record.example}" for record in islice(count_dropped(entries), MOST_REASONS))
