"""The files of a snapshot, one function each. `write_snapshot` calls them in order.

Two more parts come from their own packages: `shoppers/` from `indexer.shoppers`, and the manifest from
`indexer.build.publish`.
"""

from functools import partial
from pathlib import Path

from engine.catalog.payload import to_bytes
from engine.columns import write_columns
from engine.indexes.index_writer import AUTO, write_index
from engine.scoring.row_layout import Layout
from engine.snapshot.item_table import write_items
from engine.snapshot.manifest import LexicalRecord, PointRecord
from indexer.build.build_config import BuildConfig
from indexer.build.lexical_block import build_lexical
from indexer.build.recall_curve import draw_curve
from indexer.build.snapshot_content import SnapshotContent
from indexer.build.strata import stratum_rows
from indexer.catalog import to_lines
from indexer.progress import Progress
from indexer.reviews.snapshot_reviews import ReviewedItems

REJECTS_FILE = "rejects.jsonl"
CURVE_FILE = "curve.png"


def write_strata(config: BuildConfig, directory: Path, content: SnapshotContent, progress: Progress) -> list[str]:
    """Write the index of each stratum, and return the FAISS factory strings that were used."""
    embedded, calibration = content.embedded, content.calibration
    signals = [(values, calibration.signals[name]) for name, values in embedded.signals.items()]
    dims = {name: rows.shape[1] for name, rows in embedded.blocks.items()}
    factories = []
    for number, stratum in enumerate(content.strata):
        folder = directory / stratum.directory
        folder.mkdir(parents=True)
        layout = Layout(stratum.blocks, dims, tuple(embedded.signals))
        rows = stratum_rows(stratum, layout, embedded.blocks, signals)
        # The user's factory string is for the largest stratum, which comes first.
        factory = config.index if number == 0 else AUTO
        report = partial(progress, f"build index {'+'.join(stratum.blocks)}")
        factories.append(write_index(rows, folder, factory, config.device, report))
    return factories


def write_item_table(directory: Path, content: SnapshotContent) -> None:
    """Write the ids and payloads of the items, and the lookup from id to row."""
    write_items(directory, content.item_ids, list(map(to_bytes, content.in_row_order(content.embedded.payloads))))


def write_payload_columns(directory: Path, content: SnapshotContent) -> None:
    """Write the typed columns that filters and facets read."""
    write_columns(directory, content.in_row_order(content.embedded.payloads), len(content.order))


def write_reviews(directory: Path, content: SnapshotContent, reviews: ReviewedItems | None) -> None:
    """Write the reviews of the items, if there is a file of reviews."""
    if reviews is not None:
        reviews.write(directory, content.order)


def write_lexical(directory: Path, content: SnapshotContent) -> tuple[LexicalRecord | None, SnapshotContent]:
    """Write the lexical index, and return its record and the content calibrated for it; None if no item has words."""
    if not content.has_lexical:
        return None, content
    record, moments = build_lexical(directory, list(content.in_row_order(content.fields)))
    return record, content.with_lexical_moments(moments)


def write_rejects(directory: Path, content: SnapshotContent) -> None:
    """Write the rejected rows of the catalogue, each with the reason."""
    (directory / REJECTS_FILE).write_bytes(to_lines(content.embedded.rejects))


def write_curve(directory: Path, points: list[PointRecord], recall_target: float) -> None:
    """Write the chart of recall against search time."""
    draw_curve(points, recall_target, directory / CURVE_FILE)
