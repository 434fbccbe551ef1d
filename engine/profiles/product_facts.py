"""The facts of a product that profiles use: its values in descriptive fields, its title and its price."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.columns.field_roles import FieldRoles, get_price, get_texts
from engine.columns.field_values import Payload, values_at

Weights = np.ndarray[tuple[int], np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class ProductFacts:
    """One product. values: field → its texts, fields without any left out.   price: NaN if it has none."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    title: str = ""
    price: float = float("nan")


def to_product_facts(payload: Payload, fields: FieldRoles, tags: Mapping[str, str] | None = None) -> ProductFacts:
    """Return the facts of a payload: its values in the chosen fields, its tags (field → value), title and price."""
    values = {name: get_texts(payload, name) for name in fields.all_fields}
    values |= {name: (value,) for name, value in (tags or {}).items()}
    title = next((value for value in values_at(payload, (fields.title,)) if isinstance(value, str)), "")
    return ProductFacts(
        {name: texts for name, texts in values.items() if texts}, title, get_price(payload, fields.price)
    )


def compute_shares(products: Sequence[ProductFacts], weights: Weights, name: str) -> dict[str, float]:
    """Return the weighted share of each value of a field, largest first, ties by value.

    A product counts for each of its values, so shares may sum to more than 1, or to less where products have none.
    """
    total = float(weights.sum())
    shares: dict[str, float] = {}
    for product, weight in zip(products, weights.tolist(), strict=True):
        for value in product.values.get(name, ()):
            shares[value] = shares.get(value, 0.0) + weight / total
    return dict(sorted(shares.items(), key=lambda entry: (-round(entry[1], 9), entry[0])))
