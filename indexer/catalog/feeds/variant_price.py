"""The price of a product of several variants."""

from collections.abc import Mapping, Sequence


def find_lowest(variants: Sequence[Mapping[str, object]]) -> dict[str, object]:
    """Return the prices of the cheapest variant; the first variant's if none is a number, nothing if there is none."""
    priced = [variant for variant in variants if isinstance(variant.get("price"), (int, float))]
    if priced:
        variant = min(priced, key=_get_price)
    else:
        variant = next((variant for variant in variants if "price" in variant), {})
    return {name: variant[name] for name in ("price", "sale_price", "compare_at_price") if name in variant}


def _get_price(variant: Mapping[str, object]) -> float:
    for name in ("sale_price", "price"):
        value = variant.get(name)
        if isinstance(value, (int, float)):
            return float(value)
    return 0.0
