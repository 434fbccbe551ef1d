"""What a person should see of a catalogue before it is built: each column, what it is taken for, and what is odd."""

from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import Any

from engine.catalog.coercion import shorten
from engine.snapshot.manifest import DroppedRecord
from indexer.catalog.catalog_column import CatalogColumn
from indexer.catalog.catalogue import open_catalogue
from indexer.catalog.product import BadCell, CatalogSpec, Reject
from indexer.catalog.reject_summary import count_dropped
from indexer.progress import Progress, no_progress

_EXAMPLES = 3
_REASONS = 10
_LONGEST_EXAMPLE = 32


@dataclass(frozen=True, slots=True)
class InspectedColumn:
    """One column as a person sees it.

    Attributes:
        source: Its name in the file.
        taken_for: The field that it is taken for, or how it is called in the payload.
        type: What its values are.
        present: Share of the rows that have a value, from 0 to 1.
        examples: A few values, shortened.
        odd: Sentences about what is odd.
    """

    source: str
    taken_for: str
    type: str
    present: float
    examples: tuple[str, ...]
    odd: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """A catalogue as a build would read it.

    Attributes:
        path: The file or folder.
        rows: Number of rows, the rejected ones included.
        rejects: Number of rejected rows.
        text_template: How the texts of items are composed.
        columns: The columns in the order of the file.
        notices: Sentences about the file as a whole.
        reasons: The commonest reasons for dropping rows and cells.
    """

    path: str
    rows: int
    rejects: int
    text_template: str
    columns: tuple[InspectedColumn, ...]
    notices: tuple[str, ...]
    reasons: tuple[DroppedRecord, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the inspection as JSON values."""
        reasons = [{"count": record.count, "example": record.example} for record in self.reasons]
        return asdict(self) | {"reasons": reasons}


def inspect_catalogue(spec: CatalogSpec, progress: Progress = no_progress) -> Inspection:
    """Read a catalogue twice, as a build does, without looking into its images. Raises as `open_catalogue`."""
    catalogue = open_catalogue(spec, progress)
    rejects: list[Reject] = []
    cells: list[BadCell] = []
    for done, entry in enumerate(catalogue.products(), start=1):
        if isinstance(entry, Reject):
            rejects.append(entry)
        else:
            cells.extend(entry.bad_cells)
        if done % 1000 == 0:
            progress("check values", done, catalogue.row_count)
    return Inspection(
        path=str(spec.path),
        rows=catalogue.row_count,
        rejects=len(rejects),
        text_template=catalogue.text_template,
        columns=tuple(inspect_column(column) for column in catalogue.columns),
        notices=catalogue.notices,
        reasons=tuple(islice(count_dropped(chain(rejects, cells)), _REASONS)),
    )


def inspect_column(column: CatalogColumn) -> InspectedColumn:
    """Return a column as a person sees it."""
    summary = column.summary
    return InspectedColumn(
        source=column.source,
        taken_for=column.role or column.name,
        type=column.decision.rule.type.value if column.in_payload else column.role,
        present=summary.present / max(summary.count, 1),
        examples=tuple(shorten(text, _LONGEST_EXAMPLE) for text in summary.examples[:_EXAMPLES]),
        odd=column.decision.odd,
    )
