"""The text of a product, rendered from its columns; missing values leave no stray punctuation.

A template consists of literals and column names in braces: "{title} ({brand}). {description}"; {{ and }} are literal
braces. Each literal belongs to the column after it and is dropped if that column is missing; closing brackets and
quotes at its start belong to the column before it, as does everything after the last column. Punctuation and blanks
left at the very start are dropped too. So without a brand the above is "Red mug. Nice.", without a description "Red mug
(Acme)", without a title "(Acme). Nice.".
"""

import re
from collections.abc import Callable, Mapping

from engine.catalog.coercion import JSON
from engine.catalog.html_text import to_words
from engine.errors import InvalidSetting

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_CLOSING = re.compile(r"[)\]}>\"'»”’）】]*")
_SEPARATORS = " \t\r\n.,;:!?|/\\·•–—-"


class Template:
    """A parsed template. Raises InvalidSetting if its braces are unbalanced or name no column."""

    __slots__ = ("_pieces", "fields")

    def __init__(self, template: str) -> None:
        names: list[str] = []
        literals = [""]
        end = 0
        for token in _TOKEN.finditer(template):
            literals[-1] += template[end : token.start()]
            end = token.end()
            if token[0] in ("{{", "}}"):
                literals[-1] += token[0][0]
            elif token[0] in ("{", "}"):
                brace = f"{token[0]!r} at position {token.start()}"
                raise InvalidSetting(f"expected {{column}} in the text template, got an unmatched {brace}")
            elif not token[1].strip():
                raise InvalidSetting(f"expected a column's name between the braces at position {token.start()}")
            else:
                names.append(token[1].strip())
                literals.append("")
        literals[-1] += template[end:]
        if template.strip() and not names:
            raise InvalidSetting(f"expected a column in braces in the text template, got {template!r}")
        self.fields = tuple(dict.fromkeys(names))
        self._pieces = _to_pieces(names, literals)

    def render(self, get_value: Callable[[str], str]) -> str:
        """Return the text of one row; `get_value` returns a column's text, empty if missing."""
        parts: list[str] = []
        for before, name, after in self._pieces:
            value = get_value(name)
            if value:
                # Only the template's literals may be trimmed, never the start of a value.
                parts += (before if parts else before.lstrip(_SEPARATORS), value, after)
        return "".join(parts).strip()

    def render_item(self, item_id: str, payload: Mapping[str, JSON]) -> str:
        """Return the text of an item. The column `item_id` is its id, others are fields of its payload."""
        return self.render(lambda name: item_id if name == "item_id" else to_words(payload.get(name)))


def _to_pieces(names: list[str], literals: list[str]) -> list[tuple[str, str, str]]:
    """Return (literal before, column, literal after) of each column, split as the module docstring describes."""
    pieces = []
    before = literals[0] if literals else ""
    for index, name in enumerate(names, start=1):
        literal = literals[index]
        closing = _CLOSING.match(literal)
        cut = len(literal) if index == len(names) else closing.end() if closing else 0
        pieces.append((before, name, literal[:cut]))
        before = literal[cut:]
    return pieces
