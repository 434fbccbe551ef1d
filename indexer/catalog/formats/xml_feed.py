"""XML feeds: the items of an RSS or Atom feed, or whatever element is repeated; `line` is where an element begins."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from engine.errors import InvalidCatalogue
from indexer.catalog.raw_row import DEFAULT_OPTIONS, RawRow, SourceOptions, open_bytes

_KNOWN = ("item", "entry", "product", "offer", "article", "row", "record")
_LOOKED_AT = 2000
_SAMPLED_ROWS = 100


class XmlFeed:
    """The products of an XML file. Entities are not expanded, and nothing is fetched."""

    def __init__(self, path: Path, options: SourceOptions = DEFAULT_OPTIONS) -> None:
        self.folder = path.parent
        self._path = path
        self._name = ""

    def columns(self, wanted: frozenset[str]) -> list[str]:
        """Return the names of the first products' parts. Raises InvalidCatalogue if no element is repeated."""
        names: dict[str, None] = {}
        for _, row in zip(range(_SAMPLED_ROWS), self.rows(), strict=False):
            names.update(dict.fromkeys(row.values))
        return list(names)

    def rows(self) -> Iterator[RawRow]:
        """Yield each product. Raises InvalidCatalogue if the file is no XML or is truncated."""
        self._name = self._name or self._find_name()
        if not self._name:
            raise InvalidCatalogue(f"{self._path}: expected an element for each product, got none")
        for element in self._elements(self._name):
            values = _read_parts(element)
            if values:
                yield RawRow(element.sourceline or 0, values)
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]

    def notices(self) -> list[str]:
        """Return which element was taken for a product."""
        return [f"each element {self._name} is a product"] if self._name else []

    def _find_name(self) -> str:
        """Return the name of the elements that are products: a known one, or the commonest with parts."""
        counts: Counter[str] = Counter()
        for number, element in enumerate(self._elements(None)):
            if len(element):
                counts[_local(element.tag)] += 1
            if number > _LOOKED_AT:
                break
        known = [name for name in _KNOWN if counts[name]]
        commonest = counts.most_common(1)
        return known[0] if known else commonest[0][0] if commonest else ""

    def _elements(self, name: str | None) -> Iterator[Any]:
        tag = "{*}*" if name is None else f"{{*}}{name}"
        try:
            with open_bytes(self._path) as stream:
                options = {"resolve_entities": False, "no_network": True, "huge_tree": True, "remove_comments": True}
                parsed: Any = etree.iterparse(stream, events=("end",), tag=tag, **options)
                for _, element in parsed:
                    yield element
        except etree.XMLSyntaxError as error:
            raise InvalidCatalogue(f"cannot read {self._path}: {error}") from error


def _read_parts(element: Any) -> dict[str, object]:
    """Return the parts of an element by name: texts, nested parts, lists of repeated ones; then its attributes."""
    values: dict[str, object] = {}
    prefixes: dict[str, str | None] = {}
    for part in element:
        name = _local(part.tag)
        value = _read_value(part)
        if value is None:
            continue
        if name not in values or (part.prefix == "g" and prefixes[name] != "g"):
            values[name], prefixes[name] = value, part.prefix
        elif part.prefix == prefixes[name]:
            former = values[name]
            values[name] = [*former, value] if isinstance(former, list) else [former, value]
    for name, value in element.attrib.items():
        values.setdefault(_local(name), value)
    return values


def _read_value(part: Any) -> object:
    if len(part):
        return _read_parts(part) or None
    text = (part.text or "").strip()
    if text:
        return text
    # Atom writes <link href="…"/>.
    return part.attrib.get("href") or part.attrib.get("url")


def _local(tag: str) -> str:
    return str(tag).rpartition("}")[2]
