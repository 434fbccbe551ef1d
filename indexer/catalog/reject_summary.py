"""Rejected rows and dropped cells in groups: those whose reasons differ only in the values that they quote."""

import re
from collections.abc import Iterable, Iterator

from engine.snapshot.manifest import DroppedRecord
from indexer.catalog.product import BadCell, Reject

MOST_REASONS = 3

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'(?:\.\.\.)?|\"(?:[^\"\\]|\\.)*\"|[0-9]+(?:\.[0-9]+)?")


def reason_kind(reason: str) -> str:
    """Return a reason without the values and numbers in it."""
    return _QUOTED.sub("…", reason)


def commonest_reasons(entries: Iterable[Reject | BadCell], most: int = MOST_REASONS) -> list[tuple[int, str]]:
    """Return the number of entries of each of the commonest kinds of reasons, and one reason of that kind."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        groups.setdefault(reason_kind(entry.reason), []).append(entry.reason)
    ordered = sorted(groups.values(), key=len, reverse=True)
    return [(len(reasons), reasons[0]) for reasons in ordered[:most]]


def count_dropped(entries: Iterable[Reject | BadCell]) -> Iterator[DroppedRecord]:
    """Yield rejected rows or dropped cells by column and kind of reason, the commonest first."""
    groups: dict[tuple[str, str], list[Reject | BadCell]] = {}
    for entry in entries:
        column = entry.column if isinstance(entry, BadCell) else ""
        groups.setdefault((column, reason_kind(entry.reason)), []).append(entry)
    for (column, kind), group in sorted(groups.items(), key=lambda item: -len(item[1])):
        yield DroppedRecord(column=column, reason=kind, count=len(group), example=group[0].reason)
