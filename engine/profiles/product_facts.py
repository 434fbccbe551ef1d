"""A product as profiles see it: the values that say what it is, its title and its price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.columns.field_roles import FieldRoles, get_price, get_texts
from engine.columns.field_values import Payload, values_at

Weights = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """One product. values: field → its texts there, fields without one left out.   price: NaN if it has none."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    title: str = ""
    price: float = float("nan")


def good_of(payload: Payload, fields: FieldRoles, tags: Mapping[str, str] | None = None) -> ProductFacts:
    """Return what a payload says in the fields that tell, and what it was tagged with: field → value."""
    values = {name: get_texts(payload, name) for name in fields.all_fields}
    values |= {name: (value,) for name, value in (tags or {}).items()}
    title = next((value for value in values_at(payload, (fields.title,)) if isinstance(value, str)), "")
    return ProductFacts(
        {name: there for name, there in values.items() if there}, title, get_price(payload, fields.price)
    )


def shares_of(goods: Sequence[ProductFacts], weights: Weights, name: str) -> dict[str, float]:
    """Return the share of all weight that has each value of a field, the largest first; of equal ones by value.

    A product with several values counts for each, so shares may sum to more than 1, and to less where some have none.
    """
    total = float(weights.sum())
    shares: dict[str, float] = {}
    for good, weight in zip(goods, weights.tolist(), strict=True):
        for value in good.values.get(name, ()):
            shares[value] = shares.get(value, 0.0) + weight / total
    return dict(sorted(shares.items(), key=lambda entry: (-round(entry[1], 9), entry[0])))
