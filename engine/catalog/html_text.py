"""Descriptions as shops export them, in HTML, as the text that a person would see."""

import html
import re

from selectolax.lexbor import LexborHTMLParser, LexborNode

from engine.catalog.coercion import JSON, to_text

_INLINE = frozenset(
    {
        "a",
        "abbr",
        "acronym",
        "b",
        "bdi",
        "bdo",
        "big",
        "cite",
        "code",
        "del",
        "dfn",
        "em",
        "font",
        "i",
        "ins",
        "kbd",
        "mark",
    }
    | {"q", "s", "samp", "small", "span", "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr"}
)
_BLOCKS = frozenset(
    {"address", "article", "aside", "blockquote", "body", "br", "button", "caption", "center", "col", "colgroup", "dd"}
    | {"details", "div", "dl", "dt", "fieldset", "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5"}
    | {"h6", "header", "hr", "html", "img", "input", "label", "legend", "li", "main", "nav", "ol", "option", "p", "pre"}
    | {"picture", "section", "select", "source", "summary", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul"}
    | {"video", "audio"}
)
_UNSEEN = frozenset(
    {"script", "style", "template", "noscript", "head", "title", "meta", "link", "iframe", "object", "embed", "svg"}
    | {"math", "textarea", "canvas", "map", "-comment"}
)
_MARKUP = re.compile(
    rf"</?(?:{'|'.join(sorted(_INLINE | _BLOCKS | _UNSEEN))})(?:\s[^<>]*)?/?>|<!--|<!\[CDATA\[", re.IGNORECASE
)
_ESCAPED = re.compile(rf"&lt;/?(?:{'|'.join(sorted(_INLINE | _BLOCKS))})(?:\s[^<>]*?)?/?&gt;", re.IGNORECASE)
_ENTITY = re.compile(r"&(?:[a-zA-Z][a-zA-Z0-9]{1,30}|#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6});")
_CDATA = re.compile(r"<!\[CDATA\[(.*?)\]\]>", re.DOTALL)
_BLANKS = re.compile(r"\s+")
_UNPRINTABLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\xad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufffe\ud800-\udfff]"
)


def to_plain_text(text: str) -> str:
    """Return a text without tags, entities, scripts, styles and control characters; a text without any as it is."""
    if "<" in text or "&" in text:
        text = _from_markup(text)
    if not text.isprintable():
        text = _UNPRINTABLE.sub("", text)
    return text


def to_words(value: JSON) -> str:
    """Return a payload value as the text that a person would see; see `to_text`."""
    return to_plain_text(to_text(value)).strip()


def _from_markup(text: str) -> str:
    if "&lt;" in text and _ESCAPED.search(text):
        text = html.unescape(text)
    if _MARKUP.search(text):
        body = LexborHTMLParser(_CDATA.sub(r"\1", text)).body
        return "" if body is None else _BLANKS.sub(" ", "".join(_pieces(body))).strip()
    if _ENTITY.search(text):
        return html.unescape(text).replace("\xa0", " ")
    return text


def _pieces(root: LexborNode) -> list[str]:
    """Return the texts below a node in order, with a blank at the edges of its blocks."""
    pieces: list[str] = []
    waiting: list[LexborNode | str] = [root]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            pieces.append(node)
        elif node.tag == "-text":
            pieces.append(node.text_content or "")
        elif node.tag not in _UNSEEN:
            edge = "" if node.tag in _INLINE else " "
            pieces.append(edge)
            if node.tag == "img" and (alternative := node.attributes.get("alt")):
                pieces.append(alternative)
            waiting.append(edge)
            waiting.extend(reversed(list(node.iter(include_text=True))))
    return pieces
