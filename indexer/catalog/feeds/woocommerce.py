"""WooCommerce's product export: the variations of a product follow it, and name it as their parent."""

import re
from collections.abc import Sequence

from indexer.catalog.feeds.column_aliases import fold
from indexer.catalog.feeds.joined_rows import Values, is_blank

_MARKS = frozenset({"type", "sku", "name", "regularprice", "isfeatured", "parent", "visibilityincatalog", "instock"})
_ENOUGH_MARKS = 5
_ATTRIBUTE_NAME = re.compile(r"attribute(\d+)name")
_LISTS = ("categories", "tags")


def is_woocommerce(columns: Sequence[str]) -> bool:
    """Return whether columns are those of a WooCommerce export."""
    folded = set(map(fold, columns))
    return len(folded & _MARKS) >= _ENOUGH_MARKS and "regularprice" in folded


class WooCommerceJoin:
    """Joins a product with its variations."""

    def __init__(self, columns: Sequence[str]) -> None:
        self._names = {fold(column): column for column in columns}
        self._attributes = [
            (self._names[folded], self._names.get(f"attribute{match[1]}values", ""))
            for folded in self._names
            if (match := _ATTRIBUTE_NAME.fullmatch(folded))
        ]
        self._dropped = {
            column for folded, column in self._names.items() if folded.startswith("attribute") or folded == "parent"
        }
        self._parents: frozenset[str] = frozenset()
        self._group = 0

    @property
    def columns(self) -> list[str]:
        """The columns of a product."""
        kept = [column for column in self._names.values() if column not in self._dropped]
        return [*kept, *(["attributes"] if self._attributes else []), "variants"]

    def key(self, row: Values) -> int:
        """Return the number of the product that a row belongs to; rows come in the file's order."""
        parent = self._cell(row, "parent").lower()
        if not parent or parent not in self._parents:
            self._group += 1
            ids = {self._cell(row, "sku").lower(), f"id:{self._cell(row, 'id').lower()}"}
            self._parents = frozenset(ids - {"", "id:"})
        return self._group

    def __call__(self, rows: Sequence[Values]) -> dict[str, object]:
        """Return the values of a product."""
        values = {name: value for name, value in rows[0].items() if name not in self._dropped}
        if attributes := self._read_attributes(rows[0]):
            values["attributes"] = attributes
        for name in _LISTS:
            text = self._cell(rows[0], name)
            if "," in text:
                values[self._names[name]] = [part.strip() for part in text.split(",")]
        variants = [
            {name: value for name, value in row.items() if name not in self._dropped and not is_blank(value)}
            | self._read_attributes(row)
            for row in rows[1:]
        ]
        if variants:
            values["variants"] = variants
            for price in ("regularprice", "saleprice"):
                column = self._names.get(price, "")
                if column and is_blank(values.get(column)):
                    found = next((variant[column] for variant in variants if column in variant), None)
                    values |= {column: found} if found is not None else {}
        return values

    def _cell(self, row: Values, name: str) -> str:
        value = row.get(self._names.get(name, ""), "")
        return str(value).strip()

    def _read_attributes(self, row: Values) -> dict[str, object]:
        found: dict[str, object] = {}
        for name_column, values_column in self._attributes:
            name, text = row.get(name_column), row.get(values_column)
            if not is_blank(name) and not is_blank(text):
                parts = [part.strip() for part in str(text).split(",")]
                found[str(name)] = parts if len(parts) > 1 else parts[0]
        return found
