"""A catalogue overlaid with live changes, so that a build reads both as one list of products.

Every build reads the changes again, since the catalogue need not contain them; nothing is removed from the log here.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.coercion import BadRow, to_signal
from engine.catalog.payload import from_bytes
from engine.catalog.text_template import Template
from engine.updates.change_log import ChangeLog, open_log
from engine.updates.item_change import ItemChange
from indexer.catalog import CatalogSpec, Product, Reject


@dataclass(frozen=True, slots=True)
class LiveChanges:
    """The changes that a build includes.

    Attributes:
        log: The change log; None if there is none.
        last: Number of the last change included.
        since_s: Earlier changes are ignored.
    """

    log: ChangeLog | None
    last: int
    since_s: float

    def overlay(
        self, entries: Iterable[Product | Reject], spec: CatalogSpec, embedded_blocks: frozenset[str]
    ) -> Iterator[Product | Reject]:
        """Yield the catalogue's unchanged rows, then every upserted item.

        Args:
            entries: Rows of the catalogue.
            spec: Text template and signals.
            embedded_blocks: Blocks that a model encodes; texts and images of others are dropped, as the catalogue
                reader does. A changed item that is invalid becomes a reject of line 0.
        """
        changed = {change.item_id for change in self._changes()}
        for entry in entries:
            if isinstance(entry, Reject) or entry.item_id not in changed:
                yield entry
        template = Template(spec.text_template)
        for change in self._changes():
            if change.upsert is not None:
                try:
                    yield self._to_product(change, template, spec.signals, embedded_blocks)
                except BadRow as bad:
                    yield Reject(0, change.item_id, str(bad))

    def forget(self, root: Path) -> int:
        """Delete the changes up to `last`, not those made during the build, and return how many."""
        if self.log is None:
            return 0
        log = open_log(root)
        if log is None:
            return 0
        with log:
            return log.forget(self.last)

    def _changes(self) -> Iterator[ItemChange]:
        if self.log is not None:
            yield from (change for change in self.log.since(0) if change.time_s >= self.since_s)

    def _to_product(
        self, change: ItemChange, template: Template, signals: Iterable[str], embedded_blocks: frozenset[str]
    ) -> Product:
        upsert = change.upsert
        if upsert is None or self.log is None:
            raise BadRow("expected an item, got none")
        payload = from_bytes(upsert.payload)
        words = template.render_item(change.item_id, payload)
        has_images = "image" in embedded_blocks and "image" not in upsert.vectors
        return Product(
            line=0,
            item_id=change.item_id,
            text=words if "text" in embedded_blocks else "",
            images=tuple(self.log.picture(sha256) for sha256 in upsert.images) if has_images else (),
            vectors=dict(upsert.vectors),
            signals={name: to_signal(payload.get(name), name) for name in signals},
            payload=payload,
            words=words,
        )


@contextmanager
def live_changes(root: Path, since_s: float = 0.0) -> Iterator[LiveChanges]:
    """Yield a store's changes as of now, whatever is written meanwhile. Raises CorruptLog, NotDurable."""
    log = open_log(root)
    if log is None:
        yield LiveChanges(None, 0, since_s)
        return
    with log, log.reading():
        yield LiveChanges(log, log.last_seq(), since_s)
