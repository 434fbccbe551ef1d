"""The items of all shoppers' events, and how much each shopper prefers each value of a field."""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.columns.field_roles import FieldRoles, choose_fields
from engine.profiles.population import MIN_SHOPPERS, TAG_PREFIX, Population
from engine.profiles.product_facts import ProductFacts
from engine.profiles.shopper_features import PREFERENCE_WEIGHTS, TYPES, Interactions
from engine.search.read_view import ReadView
from engine.snapshot.snapshot import Snapshot
from indexer.events.event_table import EventTable
from indexer.shoppers.item_tags import ItemTags

_MAX_VALUES = 2_000


@dataclass(frozen=True)
class ShopperItems:
    """The items of all shoppers' events.

    Attributes:
        products: (m,) facts of the items, None for one that is not in the snapshot.
        rows: Rows of the items that are, in order.
        preferences: (u, m) sparse, summed preference weights of each shopper's events with each item.
    """

    view: ReadView
    fields: FieldRoles
    products: list[ProductFacts | None]
    rows: list[int]
    interactions: Interactions
    preferences: Any

    @classmethod
    def from_events(
        cls, snapshot: Snapshot, events: EventTable, tags: Sequence[ItemTags], codes: NDArray[np.int8]
    ) -> "ShopperItems":
        """Return the items of a log's events, with these tags."""
        from scipy.sparse import csr_array

        view = ReadView(snapshot)
        chosen = choose_fields(snapshot.columns)
        tag_fields = tuple(f"{TAG_PREFIX}.{tag.kind.name}" for tag in tags)
        fields = replace(chosen, qualities=chosen.qualities + tag_fields)
        values = {tag.kind.name: tuple(tag.kind.values) for tag in tags}
        known = Population(fields, {}, {}, (), values, codes, None, None)
        rows_by_item = view.rows_of(events.item_ids)
        rows = [row for row in rows_by_item if row is not None]
        found = iter(known.products(view, rows))
        products = [None if row is None else next(found) for row in rows_by_item]
        interactions = Interactions(events.users, events.items, events.types, events.times_s, len(events.user_ids))
        in_view = np.array([product is not None for product in products])
        preference = np.array([PREFERENCE_WEIGHTS[kind] for kind in TYPES])[events.types] * in_view[events.items]
        shape = (len(events.user_ids), len(products))
        return cls(
            view,
            fields,
            products,
            rows,
            interactions,
            csr_array((preference, (events.users, events.items)), shape=shape),
        )

    def shares(self, field: str) -> dict[str, float]:
        """Return the share of each value of a field among what all shoppers choose, largest first.

        Values chosen by fewer than MIN_SHOPPERS shoppers are left out.
        """
        names, by_user = self.by_value(lambda product: product.values.get(field, ()))
        shoppers = np.asarray((by_user > 0).sum(axis=0)).ravel()
        totals = np.asarray(by_user.sum(axis=0)).ravel() / max(float(self.preferences.sum()), 1e-12)
        order = np.lexsort((np.array(names, np.str_), -totals))
        kept = [index for index in order.tolist() if shoppers[index] >= MIN_SHOPPERS][:_MAX_VALUES]
        return {names[index]: float(totals[index]) for index in kept}

    def by_value(self, get_texts: Callable[[ProductFacts], Iterable[str]]) -> tuple[list[str], Any]:
        """Return the values of all items, and (u, v) sparse, the preference weights of each shopper for each."""
        from scipy.sparse import csr_array

        names: dict[str, int] = {}
        items, rows_by_item = array("i"), array("i")
        for item, product in enumerate(self.products):
            for value in dict.fromkeys(get_texts(product)) if product is not None else ():
                items.append(item)
                rows_by_item.append(names.setdefault(value, len(names)))
        ones = np.ones(len(items))
        by_item = csr_array((ones, (items, rows_by_item)), shape=(len(self.products), max(1, len(names))))
        return list(names), self.preferences @ by_item[:, : len(names)]
