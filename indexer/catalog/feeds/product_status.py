"""Count the products that a shop does not show, so that a person hears of them."""

from collections.abc import Mapping

_HIDDEN = frozenset({"draft", "archived", "unlisted", "private", "pending"})


class ProductStatus:
    """Counts the products of one pass whose `status` or `published` says that they are hidden."""

    def __init__(self) -> None:
        self._products = 0
        self._hidden = 0

    def count(self, product: Mapping[str, object]) -> None:
        """Count one product."""
        self._products += 1
        status = str(product.get("status", "")).strip().casefold()
        self._hidden += status in _HIDDEN or product.get("published") in (False, "FALSE")

    def notices(self) -> list[str]:
        """Return how many products are hidden; nothing if none is."""
        if not self._hidden:
            return []
        return [
            f"{self._hidden} of {self._products} products are drafts, archived or not published; they are included: "
            "filter by their status"
        ]
