"""A catalogue with the live changes laid over it, so that a build takes both as one list of products.

Changes are read again by every build, for the catalogue need not have them; nothing is taken from the log here.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from engine.catalog.coercion import BadRow, to_signal
from engine.catalog.payload import from_bytes
from engine.catalog.text_template import Template
from engine.updates.change_log import ChangeLog, ItemChange, open_log
from indexer.catalog import CatalogSpec, Product, Reject


@dataclass(frozen=True, slots=True)
class LiveChanges:
    """The changes that a build takes over: those up to number `last`, but for those made before `since_s`."""

    log: ChangeLog | None
    last: int
    since_s: float

    def lay_over(
        self, entries: Iterable[Product | Reject], spec: CatalogSpec, embeddable: frozenset[str]
    ) -> Iterator[Product | Reject]:
        """Give the rows of a catalogue that did not change since, then every item that was upserted.

        embeddable: the blocks that a model makes; texts and pictures that nothing would embed are left out, as the
        catalogue's reader does. What a changed item lacks makes it a reject of line 0.
        """
        changed = {change.item_id for change in self._changes()}
        for entry in entries:
            if isinstance(entry, Reject) or entry.item_id not in changed:
                yield entry
        template = Template(spec.text_template)
        for change in self._changes():
            if change.upsert is not None:
                try:
                    yield self._to_product(change, template, spec.signals, embeddable)
                except BadRow as bad:
                    yield Reject(0, change.item_id, str(bad))

    def forget(self, root: Path) -> int:
        """Forget the changes up to `last`, not those that came while the build ran, and return how many went."""
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
        self, change: ItemChange, template: Template, signals: Iterable[str], embeddable: frozenset[str]
    ) -> Product:
        upsert = change.upsert
        if upsert is None or self.log is None:
            raise BadRow("expected an item, got none")
        payload = from_bytes(upsert.payload)
        words = template.render_item(change.item_id, payload)
        shown = "image" in embeddable and "image" not in upsert.vectors
        return Product(
            line=0,
            item_id=change.item_id,
            text=words if "text" in embeddable else "",
            images=tuple(self.log.picture(sha256) for sha256 in upsert.images) if shown else (),
            vectors=dict(upsert.vectors),
            signals={name: to_signal(payload.get(name), name) for name in signals},
            payload=payload,
            words=words,
        )


@contextmanager
def live_changes(root: Path, since_s: float = 0.0) -> Iterator[LiveChanges]:
    """Give the changes of a store as they are now, whatever is written meanwhile. Raises CorruptLog, NotDurable."""
    log = open_log(root)
    if log is None:
        yield LiveChanges(None, 0, since_s)
        return
    with log, log.standing():
        yield LiveChanges(log, log.last(), since_s)
